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
	"odasync/internal/testcheck"
)

// A component that fails while the registry takes others is parked in the end, and blocks no other one.
func TestPoison_IsParked(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		failure target.Failure
		reason  target.Class
	}{
		"when the registry has an internal error": {target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500, Detail: "Internal Server Error"}, target.ClassPoison},
		"when its content changes all the time":   {target.Failure{Class: target.ClassConflict, Request: "PUT /components/{id}", Status: 404, Detail: "Component not found"}, target.ClassConflict},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := syncertest.NewParallel(t)
			b.Registry.When(func(c syncertest.Call) bool { return c.Content == "bad" }, syncertest.Failing(&test.failure))
			r := b.Start(syncertest.Setup{Concurrency: 4})
			bad := b.Put("bad", "bad")
			syncertest.Eventually(t, "two failures", func() bool { return b.State("bad").ConsecutiveFailures >= 2 })
			for i := range 20 {
				b.Put(fmt.Sprintf("c%d", i), "A")
			}
			syncertest.Eventually(t, "the others to be applied", func() bool { return r.Outcome("applied") == 20 })
			testcheck.Empty(t, "parked before the others were done", b.DeadLetters(syncertest.Target))
			b.Idle()
			letters := b.DeadLetters(syncertest.Target)
			if len(letters) != 1 {
				t.Fatalf("dead letters: %+v, want one", letters)
			}
			l := letters[0]
			if l.Event.Key != syncertest.Key("bad") || l.Event.Sequence != bad.Sequence || l.Reason != test.reason || l.Status != test.failure.Status ||
				l.Request != test.failure.Request || l.Detail != test.failure.Detail || l.Attempts != 5 {
				t.Errorf("dead letter %+v", l)
			}
			if state := b.State("bad"); state.Outcome != target.OutcomeFailed || state.ConsecutiveFailures != 5 || !state.DeadLetter || state.Intent != 0 {
				t.Errorf("state %+v", state)
			}
			testcheck.Equal(t, "calls", 5, len(b.Registry.Calls("bad")))
			if got := r.Syncer.Applier.Flow().Breaker; got.State != flow.Closed || got.Reason != nil {
				t.Errorf("the circuit breaker is %s, it had opened for: %v", got.State, got.Reason)
			}
			testcheck.Equal(t, "dead letters counted", 1, r.Counter("odasync_dead_letters_total", string(test.reason)))

			b.Apply("bad", "good")
			if state := b.State("bad"); state.Outcome != target.OutcomeApplied || state.ConsecutiveFailures != 0 || state.DeadLetter || !state.FailedSince.IsZero() {
				t.Errorf("state of the next version %+v", state)
			}
			testcheck.Empty(t, "dead letters after the next version", b.DeadLetters(syncertest.Target))
		})
	}
}

// The registry fails for every write, also for a write probe: no component is the cause.
func TestPoison_RegistryFailureParksNothing(t *testing.T) {
	b := syncertest.NewParallel(t)
	internal := &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500}
	b.Registry.During(syncertest.Failing(internal))
	var mu sync.Mutex
	healthy := false // the last probe: those of the breaker succeed, so that the next attempt comes
	b.Registry.Answer(func(question string) error {
		mu.Lock()
		defer mu.Unlock()
		before := healthy
		if healthy = question == "health"; healthy || before {
			return nil
		}
		return internal
	})
	r := b.Start(syncertest.Setup{})
	b.Put("a", "A")
	syncertest.Eventually(t, "some attempts", func() bool { return b.State("a").Attempts > 3 })
	if state := b.State("a"); state.Outcome != "" || state.ConsecutiveFailures > 1 { // a probe may coincide
		t.Errorf("state %+v", state)
	}
	testcheck.Empty(t, "dead letters", b.DeadLetters(syncertest.Target))
	b.Registry.Recover()
	b.Idle()
	r.AwaitBreaker(flow.Closed)
	if state := b.State("a"); state.Outcome != target.OutcomeApplied || state.ConsecutiveFailures != 0 {
		t.Errorf("state afterwards %+v", state)
	}
}

// A registry that answers every component with 500 and takes write probes is unavailable: no component is parked.
func TestPoison_ManyFailuresAreTheRegistrys(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Registry.During(syncertest.Failing(&target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500}))
	r := b.Start(syncertest.Setup{Concurrency: 8})
	for i := range 20 {
		b.Put(fmt.Sprintf("c%d", i), "A")
	}
	syncertest.Eventually(t, "more than five attempts", func() bool { return b.State("c0").Attempts >= 5 || b.State("c0").DeadLetter })
	if n := len(b.DeadLetters(syncertest.Target)); n != 0 {
		t.Errorf("%d dead letters, breaker %s", n, r.Syncer.Applier.Flow().Breaker.State)
	}
}

// One failing component does not make the replica unready.
func TestPoison_KeepsTheReplicaReady(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Registry.During(syncertest.Failing(&target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500}))
	r := b.Start(syncertest.Setup{})
	b.Apply("a", "bad")
	testcheck.ErrorIs(t, "check with one dead letter and a registry that takes writes", nil, r.Syncer.Applier.Check())
}

// Another replica finished the work after an outage; the probes of the first one succeed.
func TestOutage_ResolvedByAnotherReplica(t *testing.T) {
	b := syncertest.NewParallel(t)
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
	testcheck.ErrorIs(t, "check with a closed breaker and nothing to do", nil, cut.Syncer.Applier.Check())
}

// The registry takes components but no write probes.
func TestOutage_ForbiddenWriteProbe(t *testing.T) {
	b := syncertest.NewParallel(t)
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
	syncertest.Eventually(t, "the replica to be ready", func() bool { return r.Syncer.Applier.Check() == nil })
}

// One component is answered with 403, as by a filter in front of the registry; others are applied.
func TestPoison_ForbiddenComponent(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Registry.When(func(c syncertest.Call) bool { return c.Content == "bad" }, syncertest.Failing(&target.Failure{Class: target.ClassUnauthorized, Request: "POST /components/", Status: 403}))
	r := b.Start(syncertest.Setup{Concurrency: 4})
	b.Put("bad", "bad")
	syncertest.Eventually(t, "two attempts", func() bool { return len(b.Registry.Calls("bad")) >= 2 })
	if got := r.Syncer.Applier.Flow().Breaker; got.Reason != nil {
		t.Errorf("one component opened the breaker: %v", got.Reason)
	}
}
