package faults

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/refregistry/faults"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestSyncers_Scale processes a backlog with one syncer, then four, then two, against a registry with a latency of 50 ms. Four
// syncers do at least 3.5 times the work of one, no message is lost, and no two writes on a component overlap.
func TestSyncers_Scale(t *testing.T) {
	const (
		components = 1600
		latency    = 50 * time.Millisecond // so that the machine does not limit four syncers
		atLeast    = 3.5
	)
	f := &fleet{Env: testenv.New(t, shared, "faults-scale")} // not parallel to others, since it measures
	f.watch(1, nil)
	var filling errgroup.Group
	filling.SetLimit(16)
	for i := range components {
		filling.Go(func() error {
			return shared.Apply(t.Context(), testenv.Component(f.Namespaces[0], fmt.Sprintf("scale-%d", i), "1", "first", "second", "third", "fourth"))
		})
	}
	f.Must(filling.Wait())
	f.Eventually(time.Minute, "the backlog is in the stream", func() error { return f.published(f.watchers[0], components) })
	f.Registry.SetFault(func(*http.Request) *faults.Fault { return &faults.Fault{Delay: latency} })

	env := map[string]string{"SYNC_CONCURRENCY": "4"}
	f.sync(1, env)
	one := f.bestRate(7 * time.Second)
	f.sync(3, env)
	four := f.bestRate(8 * time.Second)
	for _, s := range f.syncers[2:] {
		f.Must(s.Stop())
	}
	two := f.bestRate(3 * time.Second)
	f.backlogged()
	t.Logf("writes a second: %.0f with one syncer, %.0f with four (%.2f times), %.0f with two (%.2f times)", one, four, four/one, two, two/one)
	if four < atLeast*one {
		t.Errorf("four syncers do %.2f times the work of one, want %.1f times", four/one, atLeast)
	}

	f.Registry.SetFault(nil) // the remainder is not measured
	f.AwaitInSync(2 * time.Minute)
	f.AwaitAllAcked(testenv.Timeout)
	f.expectNoAnomalies()
}

// bestRate returns the writes a second in the best window of 2 s within the time. That excludes
// the load of other programs, and the first seconds, in which a syncer finds the registry's concurrency.
func (f *fleet) bestRate(lasts time.Duration) float64 {
	f.Helper()
	const step, window = 250 * time.Millisecond, 8
	began := time.Now()
	counts, times := []int{len(f.Registry.History())}, []time.Duration{0}
	var rates []float64
	for time.Since(began) < lasts {
		f.Must(procs.Pause(f.Context(), step))
		counts, times = append(counts, len(f.Registry.History())), append(times, time.Since(began))
		if last := len(counts) - 1; last >= window {
			rates = append(rates, float64(counts[last]-counts[last-window])/(times[last]-times[last-window]).Seconds())
		}
	}
	return slices.Max(rates)
}

// backlogged fails the test when the backlog was too small for the measurement.
func (f *fleet) backlogged() {
	f.Helper()
	consumer, err := f.JetStream().Consumer(f.Within(testenv.Timeout), "ODA_COMPONENTS", "syncer-default")
	f.Must(err)
	if left := consumer.CachedInfo().NumPending; left < 50 {
		f.Fatalf("only %d messages were left at the end of the measurement: the backlog was too small", left)
	}
}
