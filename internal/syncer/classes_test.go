package syncer_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"odasync/internal/flow"
	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
)

// a registry that fails with 500 over every component while its trial goes well is sick: nobody is parked.
func TestPoison_ManyFailuresAreTheRegistrys(t *testing.T) {
	t.Parallel()
	b := syncertest.New(t)
	b.Registry.During(func(context.Context, syncertest.Call) error {
		return &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500}
	})
	r := b.Start(syncertest.Setup{Concurrency: 8})
	for i := range 20 {
		b.Put(fmt.Sprintf("c%d", i), "A")
	}
	syncertest.Eventually(t, "more than five attempts", func() bool { return b.State("c0").Attempts >= 5 || b.State("c0").DeadLetter })
	if n := len(b.DeadLetters(syncertest.Target)); n != 0 {
		t.Errorf("%d dead letters, breaker %s", n, r.Syncer.Applier.Flow().Breaker.State)
	}
}

// one component that fails alone does not make the replica unready, and no warning tells that the registry takes no writes.
func TestPoison_KeepsTheReplicaReady(t *testing.T) {
	t.Parallel()
	b := syncertest.New(t)
	b.Registry.During(func(context.Context, syncertest.Call) error {
		return &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500}
	})
	r := b.Start(syncertest.Setup{})
	b.Put("a", "bad")
	b.Idle()
	if err := r.Syncer.Applier.Check(); err != nil {
		t.Errorf("check with one dead letter and a registry that takes writes: %v", err)
	}
}

// another replica finished the work after an outage; the first one's probes say that all is well.
func TestOutage_ResolvedByAnotherReplica(t *testing.T) {
	t.Parallel()
	b := syncertest.New(t)
	away := syncertest.NewRegistry()
	away.Fail()
	cut := b.Start(syncertest.Setup{Wrap: func(p *syncer.Dependencies) {
		p.Registry, p.Probe = away, away
	}})
	b.Put("a", "A")
	awaitQuiet(t, b, cut)
	b.Start(syncertest.Setup{})
	b.Idle()
	away.Recover()
	cut.AwaitBreaker(flow.Closed)
	if err := cut.Syncer.Applier.Check(); err != nil {
		t.Errorf("check with a closed breaker and nothing to do: %v", err)
	}
}

// the registry takes components, and not the trial's write.
func TestOutage_ForbiddenWriteProbe(t *testing.T) {
	t.Parallel()
	b := syncertest.New(t)
	b.Registry.Answer(func(question string) error {
		if question == "write" {
			return &target.Failure{Class: target.ClassUnauthorized, Request: "PUT /registries/{id}", Status: 403}
		}
		return nil
	})
	var mu sync.Mutex
	left := 1
	b.Registry.During(func(context.Context, syncertest.Call) error {
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 {
			return syncertest.ErrDown
		}
		return nil
	})
	r := b.Start(syncertest.Setup{})
	b.Put("a", "A")
	b.Put("b", "B")
	syncertest.Eventually(t, "both to be applied", func() bool { return b.Registry.Content("a") == "A" && b.Registry.Content("b") == "B" })
	syncertest.Eventually(t, "the replica to be well", func() bool { return r.Syncer.Applier.Check() == nil })
}

// the answer to one component is 403 (a filter before the registry looks into bodies); others go on.
func TestPoison_ForbiddenComponent(t *testing.T) {
	t.Parallel()
	b := syncertest.New(t)
	b.Registry.During(func(_ context.Context, c syncertest.Call) error {
		if c.Content == "bad" {
			return &target.Failure{Class: target.ClassUnauthorized, Request: "POST /components/", Status: 403}
		}
		return nil
	})
	r := b.Start(syncertest.Setup{Concurrency: 4})
	b.Put("bad", "bad")
	syncertest.Eventually(t, "two attempts", func() bool { return len(b.Registry.Calls("bad")) >= 2 })
	if got := r.Syncer.Applier.Flow().Breaker; got.Reason != nil {
		t.Errorf("one component opened the breaker: %v", got.Reason)
	}
}
