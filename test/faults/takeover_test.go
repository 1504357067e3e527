package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry/faults"
	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

const pollInterval = 10 * time.Millisecond

// TestSyncer_TakesOverClaims kills a syncer while it holds claims: its requests hang in the registry. Another replica
// applies those components within 10 s of the kill, and other components are not delayed meanwhile.
func TestSyncer_TakesOverClaims(t *testing.T) {
	const count, atMost, others = 4, 10 * time.Second, 2 * time.Second // a syncer begins with four components at a time
	f := newFleet(t, "faults-takeover")
	f.watch(1, nil)
	f.sync(1, nil)
	first := f.syncers[0]
	f.apply("known", "1") // which creates the registry's own entry
	f.AwaitInSync(testenv.Timeout)

	arrived := make(chan struct{}, 100)
	f.Registry.SetFault(func(r *http.Request) *faults.Fault {
		if !strings.HasPrefix(subject(r), "held-") {
			return nil
		}
		arrived <- struct{}{}
		return &faults.Fault{Hang: true}
	})
	for i := range count {
		f.apply(fmt.Sprintf("held-%d", i), "1")
	}
	limit := f.Within(testenv.Timeout)
	for i := range count {
		select {
		case <-arrived:
		case <-limit.Done():
			t.Fatalf("%d of %d components are being written", i, count)
		}
	}
	f.sync(1, nil)

	first.Kill()
	killed := time.Now()
	f.Registry.SetFault(nil)
	var slowest time.Duration
	for round, missing := 0, count; missing > 0; round++ {
		began, name := time.Now(), fmt.Sprintf("other-%d", round)
		f.apply(name, "1")
		f.Eventually(testenv.Timeout, "another component is applied", func() error { return f.expectVersion(name, "1") })
		slowest = max(slowest, time.Since(began))
		missing = 0
		for i := range count {
			if f.expectVersion(fmt.Sprintf("held-%d", i), "1") != nil {
				missing++
			}
		}
		if time.Since(killed) > 2*atMost {
			t.Fatalf("%d components of the killed syncer are still missing after %s", missing, 2*atMost)
		}
		f.Must(procs.Pause(t.Context(), 50*time.Millisecond)) // one component after the other until all are taken over
	}
	took := time.Since(killed)
	t.Logf("%d components of the killed syncer were applied %.1f s after the kill; the slowest other component took %.0f ms",
		count, took.Seconds(), slowest.Seconds()*1000)
	testcheck.AtMost(t, "time until taken over", atMost, took)
	testcheck.AtMost(t, "time of another component meanwhile", others, slowest)
	f.AwaitInSync(testenv.Timeout)
	f.expectNoAnomalies()
}

// TestSyncer_Frozen freezes a syncer with a write in progress, for longer than its claim. Another replica writes a newer
// version, and then the late write takes effect. The frozen syncer detects it when it resumes, and repairs it: there is neither a
// full sync nor a reconcile.
func TestSyncer_Frozen(t *testing.T) {
	// The frozen syncer may receive a message first, while its last pull request is open; that message is redelivered only after
	// the ack wait. Meanwhile the claim expires.
	const atMost = 10 * time.Second
	f := newFleet(t, "faults-frozen-syncer")
	never := map[string]string{"SYNC_INTERVAL": "0"}
	f.watch(1, never)
	f.sync(1, never)
	frozen := f.syncers[0]
	f.applied("late", "1")

	late := newGate(t, func(r *http.Request) bool { return r.Method == http.MethodPut })
	f.Registry.SetFault(late.fault)
	f.apply("late", "2")
	late.await(f.Within(testenv.Timeout), 1)
	f.Must(frozen.Freeze(f.Within(testenv.Timeout)))
	began := time.Now()
	f.Registry.SetFault(nil) // for further requests: the one held back stays so
	f.sync(1, never)
	f.apply("late", "3")
	f.Eventually(testenv.Timeout, "another replica writes the newer version", func() error { return f.expectVersion("late", "3") })
	taken := time.Since(began)
	testcheck.AtMost(t, "time until taken over", atMost, taken)

	// Version 2 is written again, or there would be nothing to repair.
	late.open()
	f.Eventually(testenv.Timeout, "the late write takes effect", func() error { return f.expectVersion("late", "2") })
	f.Must(frozen.Thaw())
	began = time.Now()
	f.AwaitInSync(5 * time.Second)
	t.Logf("taken over %.1f s after the freeze; in sync %.0f ms after the late writer resumed", taken.Seconds(), time.Since(began).Seconds()*1000)
	testcheck.AtLeast(t, "conflicts counted by the late writer", 1, f.Metric(frozen, "odasync_apply_conflicts_total"))
	f.AwaitAllAcked(testenv.Timeout)
	found := f.findings()
	if len(found.Stale) == 0 || len(found.Overlaps) == 0 {
		t.Errorf("%d stale and %d overlapping writes: the late write did not happen: nothing was tested", len(found.Stale), len(found.Overlaps))
	}
}

// TestSyncer_FrozenWithLostResponse freezes a syncer whose write has taken effect but is never answered. Another replica writes
// a newer version while the connection of the frozen one is still open: the writes do not overlap, since the first has no further
// effect.
func TestSyncer_FrozenWithLostResponse(t *testing.T) {
	f := newFleet(t, "faults-lost-answer")
	f.watch(1, map[string]string{"SYNC_INTERVAL": "0"})
	f.sync(1, nil)
	frozen := f.syncers[0]
	f.applied("late", "1")

	f.Registry.SetFault(func(r *http.Request) *faults.Fault {
		if user, _, _ := r.BasicAuth(); r.Method != http.MethodPut || user != frozen.Spec.Name {
			return nil
		}
		return &faults.Fault{Hang: true, After: true}
	})
	f.apply("late", "2")
	f.Eventually(testenv.Timeout, "the write takes effect", func() error { return f.expectVersion("late", "2") })
	f.Must(frozen.Freeze(f.Within(testenv.Timeout)))
	f.sync(1, nil)
	f.apply("late", "3")
	f.Eventually(testenv.Timeout, "another replica writes the newer version", func() error { return f.expectVersion("late", "3") })
	f.Registry.SetFault(nil)
	f.Must(frozen.Thaw())
	f.AwaitDone(testenv.Timeout)
	f.expectNoAnomalies()
}
