package syncer_test

import (
	"context"
	"fmt"
	"testing"

	"odasync/internal/syncer"
	"odasync/internal/target"
)

// a registry that fails with 500 over every component while its trial goes well is sick: nobody is parked.
func TestManyFailuresWithoutASuccessAreTheRegistrys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.script(func(context.Context, call) error {
		return &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500}
	})
	r := b.start(setup{concurrency: 8})
	for i := range 20 {
		b.put(fmt.Sprintf("c%d", i), "A")
	}
	eventually(t, "more than five attempts", func() bool { return b.state("c0").Attempts >= 5 || b.state("c0").DeadLetter })
	if n := len(b.letters(fed)); n != 0 {
		t.Errorf("%d dead letters, breaker %s", n, r.syncer.Flow().Breaker.State)
	}
}

// one component that fails alone does not make the replica unready, and no warning tells that the registry takes no writes.
func TestOneBadComponentDoesNotMakeTheReplicaUnready(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.script(func(context.Context, call) error {
		return &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500}
	})
	r := b.start(setup{})
	b.put("a", "bad")
	b.idle()
	if err := r.syncer.Check(); err != nil {
		t.Errorf("check with one dead letter and a registry that takes writes: %v", err)
	}
}

// another replica finished the work after an outage; the first one's probes say that all is well.
func TestAnOutageThatAnotherReplicaEndedIsOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	away := newFakeRegistry()
	away.fall()
	cut := b.start(setup{wrap: func(p syncer.Dependencies) syncer.Dependencies {
		p.Registry, p.Probe = away, away
		return p
	}})
	b.put("a", "A")
	b.quiet(cut)
	b.start(setup{})
	b.idle()
	away.rise()
	cut.is(syncer.BreakerClosed)
	if err := cut.syncer.Check(); err != nil {
		t.Errorf("check with a closed breaker and nothing to do: %v", err)
	}
}

// the registry takes components, and not the trial's write.
func TestTrialThatIsNotAllowedDoesNotKeepTheBreakerOpen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.answer(func(question string) error {
		if question == "trial" {
			return &target.Failure{Class: target.ClassUnauthorized, Request: "PUT /registries/{id}", Status: 403}
		}
		return nil
	})
	left := 1
	b.registry.script(func(context.Context, call) error {
		b.registry.mu.Lock()
		defer b.registry.mu.Unlock()
		if left--; left == 0 {
			return errDown
		}
		return nil
	})
	r := b.start(setup{})
	b.put("a", "A")
	b.put("b", "B")
	eventually(t, "both to be applied", func() bool { return b.registry.shows("a") == "A" && b.registry.shows("b") == "B" })
	eventually(t, "the replica to be well", func() bool { return r.syncer.Check() == nil })
}

// the answer to one component is 403 (a filter before the registry looks into bodies); others go on.
func TestOneForbiddenComponentStopsNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.script(func(_ context.Context, c call) error {
		if c.Content == "bad" {
			return &target.Failure{Class: target.ClassUnauthorized, Request: "POST /components/", Status: 403}
		}
		return nil
	})
	r := b.start(setup{concurrency: 4})
	b.put("bad", "bad")
	eventually(t, "two attempts", func() bool { return len(b.registry.got("bad")) >= 2 })
	if got := r.syncer.Flow().Breaker; got.Reason != nil {
		t.Errorf("one component opened the breaker: %v", got.Reason)
	}
}
