package syncer_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"odasync/internal/event"
	"odasync/internal/store"
	"odasync/internal/target"
)

func TestRejectedComponentHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.script(func(_ context.Context, c call) error {
		if strings.HasPrefix(c.Content, "bad") {
			return &target.Failure{Class: target.ClassInvalid, Request: "POST /components", Status: 422, Detail: "name too long"}
		}
		return nil
	})
	r := b.start(setup{})
	bad := b.put("a", "bad")
	b.put("b", "B")
	b.idle() // the message was dropped, not kept for another try
	want := target.State{
		Key: key("a"), Sequence: bad.Sequence, Outcome: target.OutcomeFailed, Hash: bad.Hash,
		Ref:    target.Ref{Registry: "self", Name: "a", ID: "id-a"},
		Error:  "apply east/odacompns-1/a: POST /components: HTTP 422: name too long",
		Reason: target.ClassInvalid, ConsecutiveFailures: 1, DeadLetter: true,
	}
	if diff := cmp.Diff(want, b.state("a"), ignored); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if err := r.syncer.Check(); err != nil || b.registry.shows("b") != "B" {
		t.Errorf("check %v; the registry shows %v", err, b.registry.shown)
	}
	if got := r.logs.messages(t, zerolog.ErrorLevel); len(got) != 1 {
		t.Errorf("logged %q", got)
	}
	good := b.put("a", "good")
	b.idle()
	if got := b.state("a"); got.Sequence != good.Sequence || got.Outcome != target.OutcomeApplied || got.Error != "" {
		t.Errorf("state after the next version: %+v", got)
	}
	// What a rejected apply left behind is not known: the next one looks.
	if diff := cmp.Diff([]call{{"a", "bad", false}, {"a", "good", true}}, b.registry.got("a")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestRegistryDownIsTriedAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		failure error
		event   func(b *bench) event.Event
		want    []call
		words   string
	}{
		"down": {
			&target.Failure{Class: target.ClassUnavailable, Request: "POST /components", Status: 503},
			func(b *bench) event.Event { return b.put("a", "A") },
			[]call{{"a", "A", false}, {"a", "A", true}, {"a", "A", true}},
			"apply east/odacompns-1/a: POST /components: HTTP 503",
		},
		"refused": {
			&target.Failure{Class: target.ClassUnauthorized, Request: "GET /registries", Status: 401, Detail: "no token"},
			func(b *bench) event.Event { return b.put("a", "A") },
			[]call{{"a", "A", false}, {"a", "A", true}, {"a", "A", true}},
			"apply east/odacompns-1/a: GET /registries: HTTP 401: no token",
		},
		"unknown error, a deletion": {
			context.DeadlineExceeded,
			func(b *bench) event.Event { return b.remove("a") },
			[]call{{"a", "", false}, {"a", "", true}, {"a", "", true}},
			"delete east/odacompns-1/a: context deadline exceeded",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			var mu sync.Mutex
			left := 2
			second := newGate() // the second failure waits here, to look at the state before it
			b.registry.script(func(ctx context.Context, c call) error {
				mu.Lock()
				defer mu.Unlock()
				if left == 0 {
					return nil
				}
				if left--; left == 0 {
					mu.Unlock()
					_ = second.pass(ctx, c)
					mu.Lock()
				}
				return test.failure
			})
			if name == "refused" { // odasync itself, and not this component alone
				b.registry.answer(func(question string) error {
					mu.Lock()
					defer mu.Unlock()
					if question == "trial" && left > 0 {
						return test.failure
					}
					return nil
				})
			}
			r := b.start(setup{})
			e := test.event(b)
			<-second.inside
			state := b.state("a")
			if state.Intent != e.Sequence || state.Sequence != 0 || state.Outcome != "" || state.Error != test.words {
				t.Errorf("state between two attempts: %+v", state)
			}
			if err := r.syncer.Check(); err == nil || !strings.Contains(err.Error(), test.failure.Error()) {
				t.Errorf("check: %v", err)
			}
			second.open()
			b.idle()
			if diff := cmp.Diff(test.want, b.registry.got("a")); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			state = b.state("a")
			if state.Intent != 0 || state.Sequence != e.Sequence || state.Error != "" || state.Attempts != 3 {
				t.Errorf("state afterwards: %+v", state)
			}
			if err := r.syncer.Check(); err != nil {
				t.Errorf("check afterwards: %v", err)
			}
			if got := r.outcome("retried"); got != 2 {
				t.Errorf("%d retried", got)
			}
			told := slices.DeleteFunc(r.logs.messages(t, zerolog.WarnLevel), func(line string) bool {
				return strings.HasPrefix(line, "circuit breaker")
			})
			if len(told) != 1 {
				t.Errorf("warned %q, want one line for both failures", told)
			}
		})
	}
}

// What an unfinished apply created is known to the next one.
func TestRecordOfAnUnfinishedApplyIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var once sync.Once
	b.registry.script(func(context.Context, call) (err error) {
		once.Do(func() { err = &target.Failure{Class: target.ClassUnavailable, Request: "POST /apis"} })
		return err
	})
	b.start(setup{})
	b.put("a", "A")
	b.idle()
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	want := []target.Ref{{}, {Registry: "self", Name: "a", ID: "id-a"}}
	if diff := cmp.Diff(want, b.registry.records); diff != "" {
		t.Errorf("records given to the calls (-want +got):\n%s", diff)
	}
}

func TestBusyRegistryIsLeftAlone(t *testing.T) {
	t.Parallel()
	const pause = 1500 * time.Millisecond
	b := newBench(t)
	var mu sync.Mutex
	var calls []time.Time
	b.registry.script(func(context.Context, call) error {
		mu.Lock()
		defer mu.Unlock()
		if calls = append(calls, time.Now()); len(calls) == 1 {
			return &target.Failure{Class: target.ClassRateLimited, Request: "POST /components", Status: 429, RetryAfter: pause}
		}
		return nil
	})
	b.start(setup{})
	b.put("a", "A")
	b.idle()
	mu.Lock()
	defer mu.Unlock()
	if len(calls) != 2 || calls[1].Sub(calls[0]) < pause {
		t.Errorf("%d calls, the second after %s", len(calls), calls[len(calls)-1].Sub(calls[0]))
	}
}

func TestKeyOfALivingReplicaIsTriedAgainShortly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sessions, err := store.EnsureSessions(t.Context(), b.conn, fed)
	if err != nil {
		t.Fatal(err)
	}
	other, err := sessions.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.states.Save(t.Context(), target.State{Key: key("a"), Intent: 1, Owner: other.Name()}); err != nil {
		t.Fatal(err)
	}
	r := b.start(setup{})
	b.put("a", "A")
	b.put("b", "B")
	eventually(t, "some tries", func() bool { return r.outcome("claimed") >= 2 })
	eventually(t, "the other key to be applied", func() bool { return b.registry.shows("b") == "B" })
	if got := b.registry.got("a"); len(got) != 0 {
		t.Errorf("calls although another replica owns the key: %v", got)
	}
	released := time.Now()
	if err := sessions.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.idle()
	if took := time.Since(released); took > 5*time.Second { // before the session would have expired by itself
		t.Errorf("applied %s after the release", took)
	}
	if b.registry.shows("a") != "A" {
		t.Errorf("the registry shows %v", b.registry.shown)
	}
}
