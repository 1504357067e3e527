package flow

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/condition"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// asked is a registry that is only probed. It records the times of the probes.
type asked struct {
	mu             sync.Mutex
	health, write  error
	healths, tries []time.Time
}

func (a *asked) Health(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.healths = append(a.healths, time.Now())
	return a.health
}

func (a *asked) WriteProbe(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tries = append(a.tries, time.Now())
	return a.write
}

// answer sets how probes are answered from now on.
func (a *asked) answer(health, write error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.health, a.write = health, write
}

// tested is a breaker that runs in a bubble, at the pace of production.
type tested struct {
	*Breaker
	*asked
	registry *prometheus.Registry
}

// newTestBreaker returns a breaker with the settings of production.
func newTestBreaker(probe target.Probe, m *Metrics) *Breaker {
	unavailable := func(err error) bool { return target.ClassOf(err) == target.ClassUnavailable }
	return NewBreaker(probe, unavailable, ProbeInterval, NewLimiter(16), condition.New(zerolog.Nop(), "", "", nil), m, zerolog.Nop())
}

// breaking runs the test with a breaker in a bubble.
func breaking(t *testing.T, test func(t *testing.T, b *tested)) {
	synctest.Test(t, func(t *testing.T) {
		b := &tested{asked: &asked{}, registry: prometheus.NewRegistry()}
		b.Breaker = newTestBreaker(b.asked, NewMetrics(b.registry))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		test(t, b)
		stop()
		synctest.Wait()
		select {
		case err := <-ended:
			testcheck.ErrorIs(t, "run", nil, err)
		default:
			t.Error("run goes on after its context has ended")
		}
	})
}

// is fails the test if the breaker or the metric has another state.
func (b *tested) is(t *testing.T, when string, want State) {
	t.Helper()
	synctest.Wait()
	if got := b.Status(); got.State != want {
		t.Errorf("%s: %s since %s (%v), want %s", when, got.State, got.Since, got.Reason, want)
	}
	for _, state := range []State{Closed, Open, HalfOpen} {
		if shown := value(t, b.registry, "odasync_breaker_state", string(state)) == 1; shown != (state == b.Status().State) {
			t.Errorf("%s: the metric of %s is %v", when, state, shown)
		}
	}
}

func named(name string) component.Key {
	return component.Key{Cluster: "east", Namespace: "odacompns-1", Name: name}
}

var (
	errDown    = &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 503}
	errRefused = &target.Failure{Class: target.ClassUnauthorized, Request: "GET /labels/", Status: 401, Detail: "no token"}
	errBusy    = &target.Failure{Class: target.ClassRateLimited, Request: "GET /health", Status: 429}
)

// moment is longer than the pause between two probes at the start, with its share of chance.
const moment = 1600 * time.Millisecond

func TestBreaker_Opens(t *testing.T) {
	tests := map[string]struct {
		health, write error
		happens       func(b *tested)
		want          State
	}{
		"when nothing happens": {errDown, errDown, func(*tested) {}, Closed},
		"when one component fails repeatedly": {nil, nil, func(b *tested) {
			for range 20 {
				b.Failed(named("a"), errDown, false, b.Opened())
				time.Sleep(moment)
			}
		}, Closed},
		"when two components fail": {nil, nil, func(b *tested) {
			b.Failed(named("a"), errDown, false, b.Opened())
			b.Failed(named("b"), errDown, false, b.Opened())
		}, Closed},
		"when three components fail": {nil, nil, func(b *tested) {
			b.Failed(named("a"), errDown, false, b.Opened())
			b.Failed(named("b"), errDown, false, b.Opened())
			synctest.Wait() // for a good probe
			b.Failed(named("c"), errDown, false, b.Opened())
		}, Open},
		"when one of them succeeds": {nil, nil, func(b *tested) {
			b.Failed(named("a"), errDown, false, b.Opened())
			b.Failed(named("b"), errDown, false, b.Opened())
			b.Succeeded()
			b.Failed(named("c"), errDown, false, b.Opened())
			b.Failed(named("a"), errDown, false, b.Opened())
		}, Closed},
		"when one fails and it is unhealthy":              {errDown, nil, func(b *tested) { b.Failed(named("a"), errDown, false, b.Opened()) }, Open},
		"when one fails and it takes no writes":           {nil, errDown, func(b *tested) { b.Failed(named("a"), errDown, false, b.Opened()) }, Open},
		"when one fails and the write probe is forbidden": {nil, errRefused, func(b *tested) { b.Failed(named("a"), errDown, false, b.Opened()) }, Closed},
		"when one fails and the health is forbidden":      {errRefused, nil, func(b *tested) { b.Failed(named("a"), errDown, false, b.Opened()) }, Closed},
		"when one fails and it is rate limited":           {errBusy, errBusy, func(b *tested) { b.Failed(named("a"), errDown, false, b.Opened()) }, Closed},
		"when the failure of one is certain":              {errDown, nil, func(b *tested) { b.Failed(named("a"), errRefused, true, b.Opened()) }, Open},
		"when the probe is canceled":                      {context.Canceled, context.Canceled, func(b *tested) { b.Failed(named("a"), errDown, false, b.Opened()) }, Closed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			breaking(t, func(t *testing.T, b *tested) {
				b.answer(test.health, test.write)
				test.happens(b)
				b.is(t, "afterwards", test.want)
			})
		})
	}
}

// openThenHalf returns with the breaker half open.
func (b *tested) openThenHalf(t *testing.T) {
	t.Helper()
	b.answer(errDown, nil)
	b.Failed(named("a"), errDown, true, b.Opened())
	b.is(t, "after a certain failure", Open)
	b.answer(nil, nil)
	time.Sleep(moment)
	b.is(t, "after a good probe", HalfOpen)
}

func TestBreaker_Closes(t *testing.T) {
	tests := map[string]func(t *testing.T, b *tested){
		"when a component is taken": func(t *testing.T, b *tested) {
			b.Succeeded()
			b.is(t, "after a success", Closed)
		},
		"when nothing is in flight": func(t *testing.T, b *tested) {
			time.Sleep(2 * moment)
			b.is(t, "after another good probe", Closed)
		},
		"when an apply takes long": func(t *testing.T, b *tested) {
			testcheck.NoError(t, b.limiter.Acquire(t.Context()))
			time.Sleep(time.Minute)
			b.is(t, "while it is tried", HalfOpen)
			b.limiter.Release()
			time.Sleep(10 * time.Second)
			b.is(t, "when it is over", Closed)
		},
		"when a component fails": func(t *testing.T, b *tested) {
			b.Failed(named("b"), errDown, false, b.Opened())
			testcheck.Equal(t, "state after a failure", Open, b.Status().State)
			time.Sleep(10 * time.Second)
			b.is(t, "after good probes", Closed)
		},
		"when a probe fails": func(t *testing.T, b *tested) {
			b.answer(nil, errDown)
			time.Sleep(2 * moment)
			b.is(t, "after a bad probe", Open)
			b.answer(nil, nil)
			time.Sleep(20 * time.Second)
			b.is(t, "after good probes", Closed)
		},
		"when the outage was long": func(t *testing.T, b *tested) {
			b.answer(errDown, errDown)
			time.Sleep(24 * time.Hour)
			b.is(t, "after a day", Open)
			b.answer(nil, nil)
			soon, cancel := context.WithTimeout(t.Context(), 8*time.Second) // the longest pause between two probes
			defer cancel()
			testcheck.ErrorIs(t, "no message flows", nil, b.Await(soon))
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			breaking(t, func(t *testing.T, b *tested) {
				b.openThenHalf(t)
				test(t, b)
			})
		})
	}
}

// Several requests may be answered with a pause at once. Those that wait since the first of them must not be forgotten.
func TestBreaker_SeveralPauses(t *testing.T) {
	breaking(t, func(t *testing.T, b *tested) {
		flow := b.Opened()
		b.Paused(time.Minute, errBusy, flow)
		waited := make(chan error, 1)
		go func() { waited <- b.Await(t.Context()) }()
		synctest.Wait()
		b.Paused(10*time.Second, errBusy, flow)
		time.Sleep(30 * time.Second)
		b.is(t, "before the longest pause is over", Open)
		time.Sleep(time.Minute)
		b.is(t, "after the pause", Closed)
		select {
		case err := <-waited:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("a waiter is still blocked")
		}
	})
}

// The metrics outlive a breaker; the next one begins closed.
func TestMetrics_NewBreakerIsClosed(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	m.setState(Open)
	newTestBreaker(&asked{}, m)
	if value(t, registry, "odasync_breaker_state", "closed") != 1 || value(t, registry, "odasync_breaker_state", "open") != 0 {
		t.Error("the metric shows the state of an earlier breaker")
	}
}

// Failures from before an outage do not count after it.
func TestBreaker_ForgetsOldFailures(t *testing.T) {
	breaking(t, func(t *testing.T, b *tested) {
		b.openThenHalf(t)
		b.Succeeded()
		b.Failed(named("b"), errDown, false, b.Opened())
		b.Failed(named("c"), errDown, false, b.Opened())
		b.is(t, "after two failures", Closed)
	})
}

func TestBreaker_ResetsTheLimit(t *testing.T) {
	breaking(t, func(t *testing.T, b *tested) {
		b.limiter.limit = 16
		b.openThenHalf(t)
		testcheck.Equal(t, "applied at a time", 1, b.limiter.limitNow())
	})
}

// paced fails the test if two probes are too close to each other or too far apart.
func paced(t *testing.T, probes []time.Time, least, most time.Duration) {
	t.Helper()
	for i := 1; i < len(probes); i++ {
		if gap := probes[i].Sub(probes[i-1]); gap < least || gap > most {
			t.Errorf("probes %d and %d are %s apart, want %s to %s", i-1, i, gap, least, most)
		}
	}
}

func TestBreaker_BoundsProbes(t *testing.T) {
	tests := map[string]struct {
		happens     func(b *tested) // for a minute
		least, most int             // probes in it
	}{
		"when nothing is wrong": {func(*tested) { time.Sleep(time.Minute) }, 0, 0},
		"when it is unavailable for long": {func(b *tested) {
			b.answer(errDown, errDown)
			b.Failed(named("a"), errDown, true, b.Opened())
			time.Sleep(time.Minute)
		}, 10, 20},
		"when one component fails all the time": {func(b *tested) {
			for range 6000 {
				b.Failed(named("a"), errDown, false, b.Opened())
				time.Sleep(10 * time.Millisecond)
			}
		}, 10, 20},
		"when one component fails now and then": {func(b *tested) {
			for range 6 {
				b.Failed(named("a"), errDown, false, b.Opened())
				time.Sleep(10 * time.Second)
			}
		}, 6, 6},
		"when every apply fails": {func(b *tested) {
			b.Failed(named("a"), errDown, true, b.Opened())
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if b.Status().State == HalfOpen {
					b.Failed(named("a"), errDown, true, b.Opened())
				}
			}
		}, 10, 20},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			breaking(t, func(t *testing.T, b *tested) {
				test.happens(b)
				synctest.Wait()
				if got := len(b.healths); got < test.least || got > test.most {
					t.Errorf("%d probes in a minute, want %d to %d", got, test.least, test.most)
				}
				paced(t, b.healths, time.Second, 12*time.Second)
			})
		})
	}
}

func TestBreaker_ProbesBackOff(t *testing.T) {
	breaking(t, func(t *testing.T, b *tested) {
		b.answer(errDown, nil)
		b.Failed(named("a"), errDown, false, b.Opened())
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		probes := slices.Clone(b.healths)
		if len(probes) < 30 {
			t.Fatalf("%d probes in five minutes", len(probes))
		}
		paced(t, probes[:2], time.Second, 1500*time.Millisecond)
		paced(t, probes[10:], 5*time.Second, 7500*time.Millisecond)
		testcheck.Equal(t, "write probes of an unhealthy registry", 0, len(b.tries))
		testcheck.Equal(t, "bad probes in the metric", len(probes), int(value(t, b.registry, "odasync_registry_probes_total", "bad")))
		b.answer(nil, nil)
		time.Sleep(20 * time.Second)
		b.is(t, "after good probes", Closed)
		if good := int(value(t, b.registry, "odasync_registry_probes_total", "good")); good != 2 || len(b.tries) != 2 {
			t.Errorf("the metric counts %d good probes, %d write probes, want 2", good, len(b.tries))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		testcheck.Equal(t, "write probes of an available registry", 2, len(b.tries))
	})
}

func TestBreaker_Err(t *testing.T) {
	breaking(t, func(t *testing.T, b *tested) {
		testcheck.ErrorIs(t, "closed", nil, b.Err())
		since := time.Now().UTC().Format(time.RFC3339)
		repairs := &target.Failure{Class: target.ClassUnavailable, Request: "GET /health", Status: 503, Detail: "closed for repairs"}
		b.answer(repairs, repairs)
		b.Failed(named("a"), errDown, true, b.Opened())
		synctest.Wait()
		err := b.Err()
		if err == nil || !errors.Is(err, repairs) { // the newest reason
			t.Fatalf("open: %v", err)
		}
		testcheck.ErrorContains(t, err, "circuit breaker open since "+since, "no messages are fetched", "GET /health: HTTP 503: closed for repairs")
		b.answer(nil, nil)
		time.Sleep(moment)
		synctest.Wait()
		testcheck.ErrorIs(t, "half open", nil, b.Err())
	})
}

func TestBreaker_AwaitAndWhile(t *testing.T) {
	breaking(t, func(t *testing.T, b *tested) {
		before, forget := b.While(t.Context())
		defer forget()
		if err := b.Await(t.Context()); err != nil || before.Err() != nil {
			t.Fatalf("closed: %v, %v", err, before.Err())
		}
		b.answer(errDown, nil)
		opened := b.Opened()
		b.Failed(named("a"), errDown, true, b.Opened())
		synctest.Wait()
		select {
		case <-opened:
		default:
			t.Error("open: the channel is not closed")
		}
		testcheck.ErrorIs(t, "open: the end of the flow", ErrOpen, context.Cause(before))
		during, forgetDuring := b.While(t.Context())
		defer forgetDuring()
		testcheck.ErrorIs(t, "open: the end of another flow", ErrOpen, context.Cause(during))
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		testcheck.ErrorIs(t, "open: await", context.DeadlineExceeded, b.Await(short))
		b.answer(nil, nil)
		if err := b.Await(t.Context()); err != nil { // the clock goes on while all wait
			t.Fatal(err)
		}
		testcheck.Equal(t, "state while messages flow", HalfOpen, b.Status().State)
		ctx, cancelOwn := context.WithCancel(t.Context())
		after, forgetAfter := b.While(ctx)
		defer forgetAfter()
		synctest.Wait()
		if after.Err() != nil {
			t.Errorf("half open: the flow ended with %v", context.Cause(after))
		}
		cancelOwn()
		if err := context.Cause(after); !errors.Is(err, context.Canceled) || errors.Is(err, ErrOpen) {
			t.Errorf("the flow of a context that ended: %v", err)
		}
	})
}

// A request that began before the breaker opened may fail long after the registry is back.
func TestBreaker_IgnoresFailuresFromBeforeItOpened(t *testing.T) {
	breaking(t, func(t *testing.T, b *tested) {
		before := b.Opened()
		b.openThenHalf(t)
		b.Failed(named("old"), errDown, false, before)
		testcheck.Equal(t, "state after the end of an old request", HalfOpen, b.Status().State)
	})
}
