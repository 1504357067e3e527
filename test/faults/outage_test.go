package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"odasync/internal/refregistry/faults"
	"odasync/test/procs"
	"odasync/test/testenv"
)

const (
	// growth bounds how much more memory a process may have at an outage's end than when it had settled.
	growth = 24 << 20
	// catchUp bounds the time from the registry's return until it equals the cluster.
	catchUp = time.Minute
)

// TestRegistryOutage takes the registry away under load. It is left alone but for a probe now and then; nothing is given
// up, nothing grows, and when it is back everything catches up.
func TestRegistry_Outage(t *testing.T) {
	t.Parallel()
	lasts := duration(t, "FAULTS_OUTAGE", 20*time.Second)
	settling := min(20*time.Second, lasts/2)
	for _, test := range []struct {
		name        string
		goes, comes func(*testenv.Registry)
		counted     bool // requests arrive and can be counted
	}{
		{"refused", (*testenv.Registry).Stop, (*testenv.Registry).Start, false},
		{"503", func(r *testenv.Registry) {
			r.SetFault(func(*http.Request) *faults.Fault {
				return &faults.Fault{Status: http.StatusServiceUnavailable}
			})
		}, func(r *testenv.Registry) { r.SetFault(nil) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, "faults-outage-"+test.name)
			f.watch(1, nil)
			f.sync(2, map[string]string{"COMPONENT_REGISTRY_RETRY_ATTEMPTS": "1", "COMPONENT_REGISTRY_TIMEOUT": "2s"})
			zoo := testenv.NewWorkload(shared, rand.New(rand.NewPCG(1, 1)), f.Namespaces, 200)
			load := func(lasts time.Duration) {
				t.Helper()
				for end := time.Now().Add(lasts); time.Now().Before(end); {
					f.Must(zoo.Step(t.Context()))
					f.Must(procs.Pause(t.Context(), 20*time.Millisecond))
				}
			}
			load(2 * time.Second)
			f.AwaitInSync(testenv.Timeout)

			test.goes(f.Registry)
			load(settling)
			for _, s := range f.syncers {
				f.Eventually(testenv.Timeout, "the breaker of "+s.Spec.Name+" opens", func() error { return f.breaker(s, "open") })
			}
			before := f.memory()
			f.Registry.ResetRequests()
			began := time.Now()
			load(lasts - settling)
			seconds := time.Since(began).Seconds()
			rate := float64(f.Registry.Calls()) / seconds
			after := f.memory()
			if test.counted {
				t.Logf("%.2f requests a second reach the registry, over %.0f s: %v", rate, seconds, f.Registry.Requests())
				if rate > 1 {
					t.Errorf("%.2f requests a second reach a registry that is down, want at most one", rate)
				}
				if rate == 0 {
					t.Error("nobody asks whether the registry is back")
				}
			}
			for name, bytes := range after {
				t.Logf("%s: %.1f MB when the outage had settled, %.1f MB at its end", name, before[name]/(1<<20), bytes/(1<<20))
				if bytes > before[name]+growth {
					t.Errorf("%s has grown by %.1f MB", name, (bytes-before[name])/(1<<20))
				}
			}

			test.comes(f.Registry)
			took := f.AwaitInSync(catchUp)
			t.Logf("caught up %.1f s after the registry came back", took.Seconds())
			f.AwaitAllAcked(testenv.Timeout)
			for _, s := range f.syncers {
				f.Eventually(testenv.Timeout, "the breaker of "+s.Spec.Name+" closes", func() error { return f.breaker(s, "closed") })
			}
			f.AwaitReady(f.syncers...)
			if letters := f.deadLetters(); letters != 0 {
				t.Errorf("%d dead letters, want none", letters)
			}
			f.expectNoAnomalies()
		})
	}
}

// breaker says whether a syncer's circuit breaker is in a state.
func (f *fleet) breaker(s *procs.Process, state string) error {
	value, err := s.Metric(f.Within(testenv.Timeout), fmt.Sprintf("odasync_breaker_state{state=%q}", state))
	if err == nil && value != 1 {
		err = errors.New("it is in another state")
	}
	return err
}

// memory is the resident memory of each watcher and syncer, in bytes.
func (f *fleet) memory() map[string]float64 {
	f.Helper()
	used := map[string]float64{}
	for _, p := range append(append([]*procs.Process{}, f.watchers...), f.syncers...) {
		used[p.Spec.Name] = f.Metric(p, "process_resident_memory_bytes")
	}
	return used
}
