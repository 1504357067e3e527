package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestSoak changes a cluster at random while faults are injected into every part. In the end the registry is in sync, without
// duplicates, stale content and dead letters. A frozen process may make one late write when it resumes: overlapping and stale
// writes are counted and reported, and must have been repaired.
func TestSoak(t *testing.T) {
	seed, duration, servers := seed(t), duration(t, "FAULTS_DURATION", 0), nodes(t)
	plan := newPlan(seed, duration, freezes(t))
	t.Logf("FAULTS_SEED=%d FAULTS_DURATION=%s FAULTS_NODES=%d FAULTS_FREEZES=%t\n%s", seed, duration, servers, plan.freezes(), plan)

	f := &fleet{Env: testenv.NewWithoutNATS(t, shared, "faults-soak-a", "faults-soak-b")}
	f.StartNATS(servers)
	replicas := map[string]string{"STREAM_REPLICAS": fmt.Sprint(servers), "LEASE_DURATION": "5s"}
	f.watch(2, replicas)
	f.sync(3, map[string]string{
		"STREAM_REPLICAS":            fmt.Sprint(servers),
		"COMPONENT_REGISTRY_TIMEOUT": "2s", "COMPONENT_REGISTRY_RETRY_ATTEMPTS": "2", "COMPONENT_REGISTRY_RETRY_DELAY": "500ms",
	})
	registry := &registryFaults{}
	f.Registry.SetFault(registry.fault)
	in := &injector{fleet: f, registry: registry}

	workload := testenv.NewWorkload(shared, rand.New(rand.NewPCG(seed, 2)), f.Namespaces, 200)
	injected, failed, worked := in.perform(plan, workload, 10*time.Millisecond)
	f.Registry.SetFault(nil)

	took := f.AwaitInSync(2 * time.Minute)
	f.AwaitAllAcked(time.Minute)
	testcheck.ErrorIs(t, "after the last message", nil, f.CheckInSync(f.Mapping.Of(f.Objects())))
	f.AwaitReady(f.watchers...)
	for _, p := range f.syncers { // a failure counts for 90 s if no other message reaches the replica
		f.Must(p.AwaitReady(f.Within(2 * time.Minute)))
	}
	examine := f.findings
	if !plan.freezes() {
		examine = f.expectNoAnomalies
	}
	found, deadLetters := examine(), f.deadLetters()
	testcheck.Equal(t, "dead letters", 0, deadLetters)
	if changes := workload.Created + workload.Changed + workload.Deleted; changes < int(5*worked.Seconds()) {
		t.Errorf("only %d changes in %s: too few for a meaningful run", changes, worked)
	}

	for _, overlap := range found.Overlaps {
		in.explain(overlap)
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	row := func(what string, count any) { fmt.Fprintf(w, "%s\t%v\n", what, count) }
	for _, kind := range slices.Sorted(maps.Keys(injected)) {
		row(kind, injected[kind])
	}
	row("Components created, changed, deleted", fmt.Sprint(workload.Created, ", ", workload.Changed, ", ", workload.Deleted))
	row("failed requests to the API server", failed)
	row("writes to the registry", found.Writes)
	row("applies repeated after a conflict", f.applyConflicts())
	row("overlapping writes", len(found.Overlaps))
	row("stale writes, repaired", len(found.Stale)-len(found.StaleNow))
	row("stale writes, not repaired", len(found.StaleNow))
	row("APIs created twice", len(found.CreatedTwice))
	row("duplicates", len(found.Duplicates))
	row("dead letters", deadLetters)
	row("in sync after the last fault", took.Round(100*time.Millisecond))
	_ = w.Flush() // into memory
	t.Logf("seed %d, %s:\n%s", seed, worked.Round(time.Second), table.String())
}

// perform injects the faults of a plan while a workload changes the cluster, with a pause between two changes. It counts the faults
// by kind, and the changes that failed.
func (in *injector) perform(p plan, workload *testenv.Workload, pause time.Duration) (injected map[string]int, failed int, worked time.Duration) {
	in.Helper()
	working, done := context.WithCancel(in.Context())
	defer done()
	ended := make(chan error, 1)
	go func() {
		defer done()
		var err error
		injected, err = in.run(in.Context(), p)
		ended <- err
	}()
	began := time.Now()
	for working.Err() == nil {
		ctx, cancel := context.WithTimeout(in.Context(), 5*time.Second)
		err := workload.Step(ctx)
		cancel()
		wait := pause
		if err != nil { // the API server is restarting
			failed++
			wait = 10 * pause
		}
		_ = procs.Pause(working, wait) // its end is the loop's
	}
	in.Must(<-ended)
	return injected, failed, time.Since(began)
}

// explain logs an overlap with the faults at the time and shortly before.
func (in *injector) explain(overlap testenv.Overlap) {
	in.Helper()
	const before = 10 * time.Second // a claim, an AckWait and a pull's expiry end within
	const clock = "15:04:05.000"
	text := overlap.String()
	for _, s := range in.during(overlap.First.Start.Add(-before), overlap.Second.End) {
		text += fmt.Sprintf("\n    %s to %s: %s (%d)", s.from.Format(clock), s.to.Format(clock), s.kind, s.target)
	}
	in.Log(text)
}

// deadLetters counts the messages of the dead-letter stream; 0 without a stream.
func (f *fleet) deadLetters() uint64 {
	f.Helper()
	stream, err := f.JetStream().Stream(f.Within(testenv.Timeout), "ODA_DEAD_LETTERS")
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0
	}
	f.Must(err)
	return stream.CachedInfo().State.Msgs
}

// applyConflicts sums the conflicts that the running syncers found.
func (f *fleet) applyConflicts() (sum float64) {
	f.Helper()
	for _, s := range f.syncers {
		sum += f.Metric(s, "odasync_apply_conflicts_total")
	}
	return sum
}
