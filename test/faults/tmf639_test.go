package faults

import (
	"math/rand/v2"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/testcheck"
	"odasync/test/testenv"
)

// maxInFlight is how many requests a TMF639 registry bears at once, from all its clients: one more stops it for half a minute.
const maxInFlight = 15

// TestSoak_TMF639 is TestSoak with a TMF639 registry that stops at the 16th request in flight. In the end it has exactly the
// documents of the cluster, each with its link, without dead letters.
func TestSoak_TMF639(t *testing.T) {
	seed, duration := seed(t), duration(t, "FAULTS_DURATION", 0)
	plan := newPlan(seed, duration, freezes(t))
	t.Logf("FAULTS_SEED=%d FAULTS_DURATION=%s FAULTS_FREEZES=%t\n%s", seed, duration, plan.freezes(), plan)

	f := &fleet{Env: testenv.NewWithoutNATS(t, shared, "faults-tmf639-a", "faults-tmf639-b")}
	f.Registry = testenv.NewRegistryWith(t, refregistry.Config{API: refregistry.TMF639, RecordHistory: true})
	f.Registry.SetFreeze(30 * time.Second)
	f.StartNATS(1)
	f.watch(2, map[string]string{"LEASE_DURATION": "5s"})
	f.sync(3, map[string]string{
		"COMPONENT_REGISTRY_TIMEOUT": "2s", "COMPONENT_REGISTRY_RETRY_ATTEMPTS": "2", "COMPONENT_REGISTRY_RETRY_DELAY": "500ms", "SYNC_INTERVAL": "5s",
	})
	registry := &registryFaults{}
	f.Registry.SetFault(registry.fault)
	in := &injector{fleet: f, registry: registry}

	workload := testenv.NewWorkload(shared, rand.New(rand.NewPCG(seed, 2)), f.Namespaces, 100)
	injected, failed, worked := in.perform(plan, workload, 50*time.Millisecond)
	f.Registry.SetFault(nil)

	f.AwaitDocuments(f.Registry, 3*time.Minute)
	f.AwaitAllAcked(time.Minute)
	testcheck.ErrorIs(t, "after the last message", nil, f.CheckDocuments(f.Registry))
	for _, p := range f.syncers {
		f.Must(p.AwaitReady(f.Within(2 * time.Minute)))
	}
	printed := f.MustCTL(0, "diff --timeout 1m")
	if most := f.Registry.MaxInFlight(); most > maxInFlight {
		t.Errorf("%d requests were in flight at once, want at most %d", most, maxInFlight)
	}
	testcheck.Equal(t, "dead letters", 0, f.deadLetters())
	if changes := workload.Created + workload.Changed + workload.Deleted; changes < int(2*worked.Seconds()) {
		t.Errorf("only %d changes in %s: too few for a meaningful run", changes, worked)
	}
	t.Logf("seed %d, %s: faults %v; Components created %d, changed %d, deleted %d; %d failed requests to the API server; %d writes to the registry, "+
		"at most %d requests in flight\n%s", seed, worked.Round(time.Second), injected, workload.Created, workload.Changed, workload.Deleted, failed,
		len(f.Registry.History()), f.Registry.MaxInFlight(), printed)
}
