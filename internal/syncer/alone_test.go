package syncer_test

import (
	"context"
	"fmt"
	"testing"

	"odasync/internal/syncer"
	"odasync/internal/target"
)

// A component that fails while the registry takes others is parked in the end. No other one waits for it.
func TestComponentThatFailsAloneIsParked(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		failure target.Failure
		reason  target.Class
	}{
		"an internal error": {target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500, Detail: "Internal Server Error"}, target.ClassPoison},
		"never at rest":     {target.Failure{Class: target.ClassConflict, Request: "PUT /components/{id}", Status: 404, Detail: "Component not found"}, target.ClassConflict},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.registry.script(func(_ context.Context, c call) error {
				if c.Content == "bad" {
					return &test.failure
				}
				return nil
			})
			r := b.start(setup{concurrency: 4})
			bad := b.put("bad", "bad")
			eventually(t, "two strikes", func() bool { return b.state("bad").ConsecutiveFailures >= 2 })
			for i := range 20 {
				b.put(fmt.Sprintf("c%d", i), "A")
			}
			eventually(t, "the others to be applied", func() bool { return r.outcome("applied") == 20 })
			if letters := b.letters(fed); len(letters) != 0 {
				t.Errorf("parked before the others were done: %+v", letters)
			}
			b.idle()
			letters := b.letters(fed)
			if len(letters) != 1 {
				t.Fatalf("dead letters: %+v, want one", letters)
			}
			l := letters[0]
			if l.Event.Key != key("bad") || l.Event.Sequence != bad.Sequence || l.Reason != test.reason || l.Status != test.failure.Status ||
				l.Request != test.failure.Request || l.Detail != test.failure.Detail || l.Attempts != 5 {
				t.Errorf("dead letter %+v", l)
			}
			if state := b.state("bad"); state.Outcome != target.OutcomeFailed || state.ConsecutiveFailures != 5 || !state.DeadLetter || state.Intent != 0 {
				t.Errorf("state %+v", state)
			}
			if got := len(b.registry.got("bad")); got != 5 {
				t.Errorf("%d calls, want 5", got)
			}
			if got := r.syncer.Flow().Breaker; got.State != syncer.BreakerClosed || got.Reason != nil {
				t.Errorf("the circuit breaker is %s, it had opened for: %v", got.State, got.Reason)
			}
			if got := r.counter("odasync_dead_letters_total", string(test.reason)); got != 1 {
				t.Errorf("the metric counts %d dead letters", got)
			}

			b.put("bad", "good")
			b.idle()
			if state := b.state("bad"); state.Outcome != target.OutcomeApplied || state.ConsecutiveFailures != 0 || state.DeadLetter || !state.FailedSince.IsZero() {
				t.Errorf("state of the next version %+v", state)
			}
			if letters := b.letters(fed); len(letters) != 0 {
				t.Errorf("dead letters after the next version: %+v", letters)
			}
		})
	}
}

// The registry fails over every write, also over one that changes nothing: no component is at fault.
func TestNobodyIsParkedForTheRegistrysFault(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	internal := &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500}
	b.registry.script(func(context.Context, call) error { return internal })
	healthy := false // asked a moment before: the breaker's own probes, which go well so that the next try comes
	b.registry.answer(func(question string) error {
		b.registry.mu.Lock()
		defer b.registry.mu.Unlock()
		before := healthy
		if healthy = question == "health"; healthy || before {
			return nil
		}
		return internal
	})
	r := b.start(setup{})
	b.put("a", "A")
	eventually(t, "some tries", func() bool { return b.state("a").Attempts > 3 })
	if state := b.state("a"); state.Outcome != "" || state.ConsecutiveFailures > 1 { // a probe may cross the trial
		t.Errorf("state %+v", state)
	}
	if letters := b.letters(fed); len(letters) != 0 {
		t.Errorf("dead letters: %+v", letters)
	}
	b.registry.rise()
	b.idle()
	r.is(syncer.BreakerClosed)
	if state := b.state("a"); state.Outcome != target.OutcomeApplied || state.ConsecutiveFailures != 0 {
		t.Errorf("state afterwards %+v", state)
	}
}
