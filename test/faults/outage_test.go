package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"odasync/internal/refregistry/faults"
	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

const (
	// growth limits the growth of a process's memory during an outage, after it has settled.
	growth = 24 << 20
	// catchUp limits the time from the registry's return until it is in sync.
	catchUp = time.Minute
)

// TestRegistry_Outage stops the registry under load. Only probes reach it, no component fails for good, memory does not
// grow, and everything catches up once the registry is back.
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
			f := newFleet(t, "faults-outage-"+test.name)
			f.watch(1, nil)
			f.sync(2, map[string]string{"COMPONENT_REGISTRY_RETRY_ATTEMPTS": "1", "COMPONENT_REGISTRY_TIMEOUT": "2s"})
			workload := testenv.NewWorkload(shared, rand.New(rand.NewPCG(1, 1)), f.Namespaces, 200)
			load := func(lasts time.Duration) {
				t.Helper()
				for end := time.Now().Add(lasts); time.Now().Before(end); {
					f.Must(workload.Step(t.Context()))
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
				testcheck.AtMost(t, "requests a second that reach a registry that is down", 1, rate)
				if rate == 0 {
					t.Error("no probe reaches the registry")
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
			testcheck.Equal(t, "dead letters", 0, f.deadLetters())
			f.expectNoAnomalies()
		})
	}
}

// breaker returns an error unless the syncer's circuit breaker is in the state.
func (f *fleet) breaker(s *procs.Process, state string) error {
	value, err := s.Metric(f.Within(testenv.Timeout), fmt.Sprintf("odasync_breaker_state{state=%q}", state))
	if err == nil && value != 1 {
		err = errors.New("the breaker is in another state")
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
