package flow

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"odasync/internal/testcheck"
)

// limiting returns a limiter whose limit is the given one, past its start.
func limiting(limit, most int) *Limiter {
	l := NewLimiter(most)
	l.limit, l.starting = float64(limit), false
	return l
}

func (l *Limiter) limitNow() int {
	limit, _ := l.State()
	return limit
}

// load sends requests through the limiter from several workers until stop is called. A request takes the latency of the
// registry, and up to half as much again.
type registryUnder struct {
	took atomic.Int64 // of a request, in nanoseconds
	most atomic.Int64 // under way at a time, ever
}

func (r *registryUnder) load(t *testing.T, l *Limiter, workers int, took time.Duration) (stop func()) {
	t.Helper()
	r.took.Store(int64(took))
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for l.Acquire(ctx) == nil {
				_, inFlight := l.State()
				r.most.Store(max(r.most.Load(), int64(inFlight)))
				took := time.Duration(r.took.Load())
				took += rand.N(took / 2)
				time.Sleep(took) // in a bubble: the clock's, not the machine's
				l.Observe(took)
				l.Release()
			}
		})
	}
	return func() { cancel(); group.Wait() }
}

func TestLimiter_GrowsFastThenByOneARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const took, round = 10 * time.Millisecond, 12 * time.Millisecond
		l, r := NewLimiter(32), &registryUnder{}
		testcheck.Equal(t, "the limit at first", 4, l.limitNow())
		defer r.load(t, l, 33, took)()
		time.Sleep(12 * round) // by one a round it would be 16
		testcheck.Equal(t, "the limit after 12 rounds", 32, l.limitNow())
		l.Congested(time.Now(), 0)
		testcheck.Equal(t, "the limit under pressure", 16, l.limitNow())
		time.Sleep(6 * round)
		if got := l.limitNow(); got < 18 || got > 24 {
			t.Errorf("the limit is %d six rounds after, want about 22", got)
		}
		time.Sleep(30 * round)
		testcheck.Equal(t, "the limit in the end", 32, l.limitNow())
		testcheck.Equal(t, "most under way", 32, r.most.Load())
	})
}

func TestLimiter_UnusedLimitDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := limiting(10, 32), &registryUnder{}
		defer r.load(t, l, 5, 10*time.Millisecond)()
		time.Sleep(2 * time.Second)
		testcheck.Equal(t, "the limit", 10, l.limitNow())
	})
}

func TestLimiter_AdaptsToSlowerAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := NewLimiter(16), &registryUnder{}
		defer r.load(t, l, 17, 10*time.Millisecond)()
		time.Sleep(time.Second)
		testcheck.MustEqual(t, "the limit at first", 16, l.limitNow())
		r.took.Store(int64(400 * time.Millisecond))
		lowest := 16
		for range 50 {
			time.Sleep(100 * time.Millisecond)
			lowest = min(lowest, l.limitNow())
		}
		if lowest == 16 || lowest < 4 {
			t.Errorf("the limit sank to %d, want less than 16 and no collapse", lowest)
		}
		time.Sleep(time.Minute)
		testcheck.Equal(t, "the limit once this is usual", 16, l.limitNow())
	})
}

// Noise is not congestion.
func TestLimiter_IgnoresLatencyWithinTheSlack(t *testing.T) {
	l := limiting(8, 8)
	for _, took := range []time.Duration{time.Millisecond, 50 * time.Millisecond, 2 * time.Millisecond, 90 * time.Millisecond} {
		l.Observe(took)
	}
	testcheck.Equal(t, "the limit", 8, l.limitNow())
}

func TestLimiter_CongestionHalvesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiting(40, 64)
		began := time.Now()
		time.Sleep(time.Second)
		for range 40 {
			l.Congested(began, 0)
		}
		testcheck.Equal(t, "the limit after one congestion", 20, l.limitNow())
		time.Sleep(time.Second)
		l.Congested(began.Add(500*time.Millisecond), 0) // began before the limit was lowered
		testcheck.Equal(t, "the limit after its last sign", 20, l.limitNow())
		for want := 10; want > 0; want /= 2 {
			l.Congested(time.Now(), 0)
			testcheck.Equal(t, "the limit after another", want, l.limitNow())
			time.Sleep(time.Second)
		}
		l.Congested(time.Now(), 0)
		testcheck.Equal(t, "the limit in the end", 1, l.limitNow())
	})
}

func TestLimiter_Pause(t *testing.T) {
	tests := map[string]struct {
		pauses []time.Duration // asked for at once
		later  time.Duration   // asked for a second later
		want   time.Duration
	}{
		"when there is none":         {[]time.Duration{0}, 0, 0},
		"when there is one":          {[]time.Duration{3 * time.Second}, 0, 3 * time.Second},
		"when there are several":     {[]time.Duration{2 * time.Second, 5 * time.Second, 0, time.Second}, 0, 5 * time.Second},
		"when a longer one follows":  {[]time.Duration{3 * time.Second}, 4 * time.Second, 5 * time.Second},
		"when a shorter one follows": {[]time.Duration{3 * time.Second}, time.Second, 3 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, began := limiting(8, 8), time.Now()
				for _, pause := range test.pauses {
					l.Congested(began, pause)
				}
				if test.later > 0 {
					time.AfterFunc(time.Second, func() { l.Congested(time.Now(), test.later) })
				}
				testcheck.NoError(t, l.Acquire(t.Context()))
				testcheck.Equal(t, "waited", test.want, time.Since(began))
			})
		})
	}
}

func TestLimiter_Reset(t *testing.T) {
	tests := map[string]struct {
		most, want int
		few        float64
	}{
		"when it is one":          {16, 1, 1},
		"when it is four":         {16, 4, 4},
		"when the maximum is two": {2, 2, 4},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, r := limiting(1, test.most), &registryUnder{}
				l.usual = time.Nanosecond // every answer is slow
				l.Reset(test.few)
				testcheck.Equal(t, "the limit", test.want, l.limitNow())
				stop := r.load(t, l, 17, 200*time.Millisecond)
				time.Sleep(3 * time.Second)
				stop()
				testcheck.Equal(t, "the limit ten rounds later", test.most, l.limitNow())
			})
		})
	}
}

func TestLimiter_WakesWaiters(t *testing.T) {
	tests := map[string]struct {
		wake func(l *Limiter)
		want int // how many of two waiters come in
	}{
		"when a slot is released": {func(l *Limiter) { l.Release() }, 1},
		"when the limit grows":    {func(l *Limiter) { l.Observe(time.Millisecond) }, 1},
		"when both happen":        {func(l *Limiter) { l.Observe(time.Millisecond); l.Release() }, 2},
		"when nothing happens":    {func(*Limiter) {}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limiting(1, 8)
				testcheck.NoError(t, l.Acquire(t.Context()))
				ctx, cancel := context.WithCancel(t.Context())
				results := make(chan error, 2)
				for range 2 {
					go func() { results <- l.Acquire(ctx) }()
				}
				synctest.Wait()
				if len(results) != 0 {
					t.Fatal("a slot was given out above the limit")
				}
				test.wake(l)
				synctest.Wait()
				testcheck.Equal(t, "number that came in", test.want, len(results))
				_, before := l.State()
				cancel()
				synctest.Wait()
				for n := range 2 {
					err := <-results
					if want := n >= test.want; errors.Is(err, context.Canceled) != want {
						t.Errorf("waiter %d: %v", n, err)
					}
				}
				if _, after := l.State(); after != before {
					t.Errorf("%d are inside after the waiters went, %d were before", after, before)
				}
			})
		})
	}
}

func TestLimiter_AcquireWithAnEndedContext(t *testing.T) {
	l := limiting(8, 8)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	testcheck.ErrorIs(t, "with room for eight", context.Canceled, l.Acquire(ctx))
	if _, inFlight := l.State(); inFlight != 0 {
		t.Errorf("%d are inside", inFlight)
	}
}

func TestLimiter_AcquireEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiting(8, 8)
		l.Congested(time.Now(), time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := l.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

// The limit keeps its bounds, and no more slots are given out.
func TestLimiter_KeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 50).Draw(t, "most")
		now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		l := NewLimiter(most)
		l.now = func() time.Time { return now }
		inside := 0
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				if limit, _ := l.State(); inside >= limit || l.paused.After(now) {
					t.Skip("there is no slot")
				}
				testcheck.NoError(t, l.Acquire(context.Background()))
				inside++
			},
			"leave": func(t *rapid.T) {
				if inside == 0 {
					t.Skip("no slot is in use")
				}
				l.Release()
				inside--
			},
			"answered": func(t *rapid.T) {
				l.Observe(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "took")))
			},
			"pressed": func(t *rapid.T) {
				began := now.Add(-time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "ago")))
				l.Congested(began, time.Duration(rapid.Int64Range(-1, int64(time.Minute)).Draw(t, "pause")))
			},
			"restart": func(t *rapid.T) { l.Reset(float64(rapid.IntRange(1, 4).Draw(t, "few"))) },
			"time": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "passes")))
			},
			"": func(t *rapid.T) {
				if limit, inFlight := l.State(); limit < 1 || limit > most || inFlight != inside {
					t.Fatalf("the limit is %d of %d, %d are inside, want %d", limit, most, inFlight, inside)
				}
			},
		})
	})
}

// value reads a counter or gauge, of the label value where one is given.
func value(t *testing.T, registry *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families := testcheck.Must(registry.Gather())
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s of %q", name, label)
	return 0
}

func TestMetrics_Limit(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	shown := func(limit, inFlight float64) {
		t.Helper()
		if a, b := value(t, registry, "odasync_concurrency_limit", ""), value(t, registry, "odasync_concurrency_in_flight", ""); a != limit || b != inFlight {
			t.Errorf("the metrics show %v and %v, want %v and %v", a, b, limit, inFlight)
		}
	}
	shown(0, 0)
	l := limiting(8, 8)
	stop := m.Follow(l)
	for range 3 {
		testcheck.NoError(t, l.Acquire(t.Context()))
	}
	shown(8, 3)
	l.Congested(time.Now(), 0)
	shown(4, 3)
	l.Release()
	shown(4, 2)
	stop()
	shown(0, 0)
}
