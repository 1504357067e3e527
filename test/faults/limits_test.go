package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestNATS_StorageFull fills the storage of NATS: the watcher reports it, and recovers by itself once there is space.
func TestNATS_StorageFull(t *testing.T) {
	t.Parallel()
	const filler = "FILLER"
	f := &fleet{Env: testenv.NewWithoutNATS(t, shared, "faults-storage")}
	f.StartNATS(1, "jetstream { max_file_store: 4MB }")
	f.watch(1, nil)
	f.sync(1, nil)
	f.applied("early", "1")

	js := f.JetStream()
	_, err := js.CreateStream(f.Within(testenv.Timeout), jetstream.StreamConfig{Name: filler, Subjects: []string{"filler"}})
	f.Must(err)
	for _, size := range []int{100_000, 1_000, 10} { // to the last bytes
		for err == nil {
			_, err = js.Publish(f.Within(testenv.Timeout), "filler", make([]byte, size))
		}
		if !strings.Contains(err.Error(), "insufficient resources") {
			t.Fatalf("fill the storage: %v", err)
		}
		err = nil
	}
	f.apply("early", "2")
	f.apply("late", "1")
	f.AwaitNotReady(f.watchers[0], "publish to the stream: ")
	reported := f.Readyz(f.watchers[0])
	testcheck.Contains(t, "/readyz", reported, "insufficient resources")
	t.Logf("/readyz: %s", reported)

	f.Must(js.DeleteStream(f.Within(testenv.Timeout), filler))
	f.AwaitInSync(testenv.Timeout)
	f.AwaitReady(f.watchers...)
	f.AwaitReady(f.syncers...)
	f.AwaitAllAcked(testenv.Timeout)
	f.expectNoAnomalies()
}

// TestStream_Full fills the stream up to STREAM_MAX_BYTES, which is raised while the watcher waits.
func TestStream_Full(t *testing.T) {
	const limit = 20_000
	f := newFleet(t, "faults-stream")
	f.watch(1, map[string]string{"STREAM_MAX_BYTES": fmt.Sprint(limit)})
	f.sync(1, nil)
	for i := range 40 {
		f.apply(fmt.Sprintf("full-%d", i), "1")
	}
	f.AwaitNotReady(f.watchers[0], "publish to the stream: ")
	reported := f.Readyz(f.watchers[0])
	testcheck.Contains(t, "/readyz", reported, "maximum bytes exceeded")
	t.Logf("/readyz: %s", reported)

	js := f.JetStream()
	stream, err := js.Stream(f.Within(testenv.Timeout), "ODA_COMPONENTS")
	f.Must(err)
	config := stream.CachedInfo().Config
	config.MaxBytes = 100 * limit
	_, err = js.UpdateStream(f.Within(testenv.Timeout), config)
	f.Must(err)
	f.AwaitInSync(testenv.Timeout)
	f.AwaitReady(f.watchers...)
	f.AwaitAllAcked(testenv.Timeout)
	f.expectNoAnomalies()
}

// TestStream_MessageTooLarge writes a Component larger than the server's max_payload: it is reported, and the others are applied.
func TestStream_MessageTooLarge(t *testing.T) {
	t.Parallel()
	f := &fleet{Env: testenv.NewWithoutNATS(t, shared, "faults-payload")}
	f.StartNATS(1, "max_payload: 64KB")
	f.watch(1, nil)
	f.sync(1, nil)
	f.apply("small-1", "1")
	var apis []string
	for i := range 1000 {
		apis = append(apis, fmt.Sprintf("api-%d-of-a-component-that-exposes-a-lot", i))
	}
	large := testenv.Component(f.Namespaces[0], "large", "1", apis...)
	f.Apply(large)
	f.apply("small-2", "1")
	f.AwaitLog(f.watchers[0], "component too large to publish", map[string]string{
		"level": "error", "namespace": f.Namespaces[0], "component": "large",
	})
	testcheck.AtLeast(t, "odasync_events_too_large_total", 1, f.Metric(f.watchers[0], "odasync_events_too_large_total"))
	f.Eventually(testenv.Timeout, "the others are applied", func() error {
		for _, name := range []string{"small-1", "small-2"} {
			if err := f.expectVersion(name, "1"); err != nil {
				return err
			}
		}
		return nil
	})
	if err := f.expectVersion("large", "1"); err == nil {
		t.Error("the registry has a component that does not fit into a message")
	}
	f.AwaitReady(f.watchers...) // one component does not affect the watcher's readiness
	f.Apply(testenv.Component(f.Namespaces[0], "large", "2", apis[:2]...))
	f.AwaitInSync(testenv.Timeout)
	f.expectNoAnomalies()
}

// TestNATS_WithoutJetStream restarts NATS without JetStream and then with it: watcher and syncer report it, and recover by
// themselves.
func TestNATS_WithoutJetStream(t *testing.T) {
	f := newFleet(t, "faults-jetstream")
	f.watch(1, nil)
	f.sync(1, nil)
	f.applied("early", "1")

	with := f.NATS[0].Spec
	without := with
	without.Args = slices.DeleteFunc(slices.Clone(with.Args), func(argument string) bool { return argument == "-js" })
	restart := func(spec procs.Spec) {
		t.Helper()
		f.Must(f.NATS[0].Stop())
		var err error
		f.NATS[0], _, err = f.Group.RestartNATS(f.Within(testenv.Timeout), spec)
		f.Must(err)
	}
	restart(without)
	for _, p := range []*procs.Process{f.watchers[0], f.syncers[0]} {
		f.AwaitNotReady(p, "jetstream: ")
	}
	f.apply("early", "2")
	f.apply("late", "1")
	restart(with)
	f.AwaitInSync(testenv.Timeout)
	f.AwaitReady(f.watchers...)
	f.AwaitReady(f.syncers...)
	f.AwaitAllAcked(testenv.Timeout)
	f.expectNoAnomalies()
}
