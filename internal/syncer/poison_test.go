package syncer_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"odasync/internal/flow"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
)

// A component that fails while the registry takes others is parked in the end. No other one waits for it.
func TestPoison_IsParked(t *testing.T) {
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
			b := syncertest.New(t)
			b.Registry.During(func(_ context.Context, c syncertest.Call) error {
				if c.Content == "bad" {
					return &test.failure
				}
				return nil
			})
			r := b.Start(syncertest.Setup{Concurrency: 4})
			bad := b.Put("bad", "bad")
			syncertest.Eventually(t, "two strikes", func() bool { return b.State("bad").ConsecutiveFailures >= 2 })
			for i := range 20 {
				b.Put(fmt.Sprintf("c%d", i), "A")
			}
			syncertest.Eventually(t, "the others to be applied", func() bool { return r.Outcome("applied") == 20 })
			if letters := b.DeadLetters(syncertest.Target); len(letters) != 0 {
				t.Errorf("parked before the others were done: %+v", letters)
			}
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
			if got := len(b.Registry.Calls("bad")); got != 5 {
				t.Errorf("%d calls, want 5", got)
			}
			if got := r.Syncer.Applier.Flow().Breaker; got.State != flow.Closed || got.Reason != nil {
				t.Errorf("the circuit breaker is %s, it had opened for: %v", got.State, got.Reason)
			}
			if got := r.Counter("odasync_dead_letters_total", string(test.reason)); got != 1 {
				t.Errorf("the metric counts %d dead letters", got)
			}

			b.Put("bad", "good")
			b.Idle()
			if state := b.State("bad"); state.Outcome != target.OutcomeApplied || state.ConsecutiveFailures != 0 || state.DeadLetter || !state.FailedSince.IsZero() {
				t.Errorf("state of the next version %+v", state)
			}
			if letters := b.DeadLetters(syncertest.Target); len(letters) != 0 {
				t.Errorf("dead letters after the next version: %+v", letters)
			}
		})
	}
}

// The registry fails over every write, also over one that changes nothing: no component is at fault.
func TestPoison_RegistryFailureParksNothing(t *testing.T) {
	t.Parallel()
	b := syncertest.New(t)
	internal := &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 500}
	b.Registry.During(func(context.Context, syncertest.Call) error { return internal })
	var mu sync.Mutex
	healthy := false // asked a moment before: the breaker's own probes, which go well so that the next try comes
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
	syncertest.Eventually(t, "some tries", func() bool { return b.State("a").Attempts > 3 })
	if state := b.State("a"); state.Outcome != "" || state.ConsecutiveFailures > 1 { // a probe may cross the trial
		t.Errorf("state %+v", state)
	}
	if letters := b.DeadLetters(syncertest.Target); len(letters) != 0 {
		t.Errorf("dead letters: %+v", letters)
	}
	b.Registry.Recover()
	b.Idle()
	r.AwaitBreaker(flow.Closed)
	if state := b.State("a"); state.Outcome != target.OutcomeApplied || state.ConsecutiveFailures != 0 {
		t.Errorf("state afterwards %+v", state)
	}
}
