package syncer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"odasync/internal/flow"
	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/testcheck"
)

// awaitQuiet waits until the replica's breaker is open, no messages are requested and nothing is being applied.
func awaitQuiet(t *testing.T, b *syncertest.Env, r *syncertest.Replica) {
	t.Helper()
	r.AwaitBreaker(flow.Open)
	syncertest.Eventually(t, "nothing to be fetched or applied any more", func() bool {
		return b.ConsumerInfo().NumWaiting == 0 && r.Syncer.Applier.Flow().InFlight == 0
	})
}

func TestOutage_FetchesNothing(t *testing.T) {
	const before, meanwhile = 30, 10
	b := syncertest.NewParallel(t)
	g := syncertest.NewGate()
	defer g.Open()
	b.Registry.Fail()
	b.Registry.During(func(ctx context.Context, c syncertest.Call) error {
		_ = g.Pass(ctx, c)
		return syncertest.ErrDown
	})
	r := b.Start(syncertest.Setup{Concurrency: 4})
	for i := range before {
		b.Put(fmt.Sprintf("c%d", i), "A")
	}
	for range 4 {
		<-g.Inside
	}
	syncertest.Eventually(t, "more to wait behind those", func() bool { return b.Backlog().AckPending >= 12 })
	g.Open()
	awaitQuiet(t, b, r)
	delivered, calls, probes := b.ConsumerInfo().Delivered.Consumer, len(b.Registry.Calls()), b.Registry.Probes()
	for i := range meanwhile {
		b.Put(fmt.Sprintf("m%d", i), "A")
	}
	syncertest.Eventually(t, "many probes", func() bool { return b.Registry.Probes() > probes+20 })
	if got := b.ConsumerInfo().Delivered.Consumer; got != delivered {
		t.Errorf("%d messages were delivered during the outage", got-delivered)
	}
	if got := len(b.Registry.Calls()); got != calls {
		t.Errorf("the registry got %d calls besides probes", got-calls)
	}
	testcheck.Equal(t, "the circuit breaker", flow.Open, r.Syncer.Applier.Flow().Breaker.State)
	err := r.Syncer.Applier.Check()
	testcheck.ErrorContains(t, err, "circuit breaker open since ", "HTTP 503: no database")

	b.Registry.Recover()
	b.Idle()
	r.AwaitBreaker(flow.Closed)
	for i := range before + meanwhile {
		name := fmt.Sprintf("c%d", i)
		if i >= before {
			name = fmt.Sprintf("m%d", i-before)
		}
		testcheck.Equal(t, fmt.Sprintf("content for %s", name), "A", b.Registry.Content(name))
	}
	testcheck.ErrorIs(t, "check afterwards", nil, r.Syncer.Applier.Check())
	testcheck.Empty(t, "dead letters", b.DeadLetters(syncertest.Target))
	testcheck.Empty(t, "what the registry saw wrong", b.Registry.Wrong())
	if got := r.Outcome("requeued"); got == 0 {
		t.Error("nothing was requeued")
	}
}

// A registry that answers probes and takes nothing gets a few messages again and again, and none is lost.
func TestOutage_HealthyRegistryThatTakesNothing(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Registry.Fail()
	b.Registry.Answer(func(string) error { return nil })
	r := b.Start(syncertest.Setup{Concurrency: 4})
	for i := range 20 {
		b.Put(fmt.Sprintf("c%d", i), "A")
	}
	syncertest.Eventually(t, "some tries", func() bool { return len(b.Registry.Calls()) >= 8 })
	b.Registry.Recover()
	b.Idle()
	r.AwaitBreaker(flow.Closed)
	testcheck.Empty(t, "dead letters", b.DeadLetters(syncertest.Target))
	testcheck.Equal(t, "components in the registry", 20, len(b.Registry.Contents()))
}

func TestOutage_Stop(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Registry.Fail()
	r := b.Start(syncertest.Setup{Concurrency: 4, Tries: 3, Pause: time.Minute})
	b.Put("a", "A")
	syncertest.Eventually(t, "a try", func() bool { return len(b.Registry.Calls()) > 0 })
	for i := range 20 {
		b.Put(fmt.Sprintf("c%d", i), "A")
	}
	began := time.Now()
	if err := r.End(); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	testcheck.AtMost(t, "time of a stop between two tries", 5*time.Second, time.Since(began))

	r = b.Start(syncertest.Setup{Concurrency: 4})
	awaitQuiet(t, b, r)
	began = time.Now()
	if err := r.End(); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	testcheck.AtMost(t, "time of a stop with an open breaker", 5*time.Second, time.Since(began))
	b.Registry.Recover()
	b.Start(syncertest.Setup{Concurrency: 4})
	b.Idle()
	testcheck.Equal(t, "content of the registry", "A", b.Registry.Content("a"))
}

// One replica cannot reach the registry; another one can, and gets what the first requeues.
func TestOutage_OfOneReplica(t *testing.T) {
	const count = 40
	b := syncertest.NewParallel(t)
	away := syncertest.NewRegistry()
	away.Fail()
	cut := b.Start(syncertest.Setup{Concurrency: 4, Wrap: func(p *syncer.Dependencies) {
		p.Registry, p.Probe = away, away
	}})
	for i := range count / 2 {
		b.Put(fmt.Sprintf("c%d", i), "A")
	}
	awaitQuiet(t, b, cut)
	well := b.Start(syncertest.Setup{Concurrency: 4})
	for i := range count / 2 {
		b.Put(fmt.Sprintf("d%d", i), "A")
	}
	b.Idle()
	testcheck.Equal(t, "applied by the other replica", count, well.Outcome("applied"))
	if got := well.Syncer.Applier.Flow().Breaker; got.State != flow.Closed || got.Reason != nil {
		t.Errorf("its circuit breaker is %s, it had opened for: %v", got.State, got.Reason)
	}
	testcheck.ErrorIs(t, "its check", nil, well.Syncer.Applier.Check())
	testcheck.Equal(t, "the other's circuit breaker", flow.Open, cut.Syncer.Applier.Flow().Breaker.State)
	testcheck.Empty(t, "what the registry saw wrong", b.Registry.Wrong())
}
