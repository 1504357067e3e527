package syncer_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/event"
	"odasync/internal/store"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestRejection_BlocksNoOther(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Registry.When(func(c syncertest.Call) bool { return strings.HasPrefix(c.Content, "bad") }, syncertest.Failing(&target.Failure{Class: target.ClassInvalid, Request: "POST /components", Status: 422, Detail: "name too long"}))
	r := b.Start(syncertest.Setup{})
	bad := b.Put("a", "bad")
	b.Put("b", "B")
	b.Idle() // the message was terminated
	want := target.State{
		Key: syncertest.Key("a"), Sequence: bad.Sequence, Outcome: target.OutcomeFailed, Hash: bad.Hash,
		Ref:    target.Ref{Registry: "self", Name: "a", ID: "id-a"},
		Error:  "apply east/odacompns-1/a: POST /components: HTTP 422: name too long",
		Reason: target.ClassInvalid, ConsecutiveFailures: 1, DeadLetter: true,
	}
	testcheck.Equal(t, "state", want, b.State("a"), ignored)
	if err := r.Syncer.Applier.Check(); err != nil || b.Registry.Content("b") != "B" {
		t.Errorf("check %v; the registry has %v", err, b.Registry.Contents())
	}
	if got := r.Messages(zerolog.ErrorLevel); len(got) != 1 {
		t.Errorf("logged %q", got)
	}
	good := b.Apply("a", "good")
	if got := b.State("a"); got.Sequence != good.Sequence || got.Outcome != target.OutcomeApplied || got.Error != "" {
		t.Errorf("state after the next version: %+v", got)
	}
	// What a rejected apply has written is not known: the next one reads first.
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "bad", false}, {"a", "good", true}}, b.Registry.Calls("a"))
}

func TestRetry_AfterAFailure(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		failure error
		event   func(b *syncertest.Env) event.Event
		want    []syncertest.Call
		message string
	}{
		"when unavailable": {
			&target.Failure{Class: target.ClassUnavailable, Request: "POST /components", Status: 503},
			func(b *syncertest.Env) event.Event { return b.Put("a", "A") },
			[]syncertest.Call{{"a", "A", false}, {"a", "A", true}, {"a", "A", true}},
			"apply east/odacompns-1/a: POST /components: HTTP 503",
		},
		"when unauthorized": {
			&target.Failure{Class: target.ClassUnauthorized, Request: "GET /registries", Status: 401, Detail: "no token"},
			func(b *syncertest.Env) event.Event { return b.Put("a", "A") },
			[]syncertest.Call{{"a", "A", false}, {"a", "A", true}, {"a", "A", true}},
			"apply east/odacompns-1/a: GET /registries: HTTP 401: no token",
		},
		"when a deletion has an unknown error": {
			context.DeadlineExceeded,
			func(b *syncertest.Env) event.Event { return b.Remove("a") },
			[]syncertest.Call{{"a", "", false}, {"a", "", true}, {"a", "", true}},
			"delete east/odacompns-1/a: context deadline exceeded",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := syncertest.NewParallel(t)
			var mu sync.Mutex
			left := 2
			second := syncertest.NewGate() // holds the second failure, to read the state before it
			b.Registry.During(func(ctx context.Context, c syncertest.Call) error {
				mu.Lock()
				defer mu.Unlock()
				if left == 0 {
					return nil
				}
				if left--; left == 0 {
					mu.Unlock()
					_ = second.Pass(ctx, c)
					mu.Lock()
				}
				return test.failure
			})
			if name == "when unauthorized" { // for every component
				b.Registry.Answer(func(question string) error {
					mu.Lock()
					defer mu.Unlock()
					if question == "write" && left > 0 {
						return test.failure
					}
					return nil
				})
			}
			r := b.Start(syncertest.Setup{})
			e := test.event(b)
			<-second.Inside
			state := b.State("a")
			if state.Intent != e.Sequence || state.Sequence != 0 || state.Outcome != "" || state.Error != test.message {
				t.Errorf("state between two attempts: %+v", state)
			}
			testcheck.ErrorContains(t, r.Syncer.Applier.Check(), test.failure.Error())
			second.Open()
			b.Idle()
			testcheck.Equal(t, "calls", test.want, b.Registry.Calls("a"))
			state = b.State("a")
			if state.Intent != 0 || state.Sequence != e.Sequence || state.Error != "" || state.Attempts != 3 {
				t.Errorf("state afterwards: %+v", state)
			}
			if tried := state.Recent; len(tried) != 3 || tried[1].Class == "" || tried[2].Class != "" || tried[2].Requests == 0 {
				t.Errorf("attempts: %+v", tried)
			}
			testcheck.ErrorIs(t, "check afterwards", nil, r.Syncer.Applier.Check())
			testcheck.Equal(t, "retried", 2, r.Outcome("retried"))
			warnings := slices.DeleteFunc(r.Messages(zerolog.WarnLevel), func(line string) bool {
				return strings.HasPrefix(line, "circuit breaker")
			})
			if len(warnings) != 1 {
				t.Errorf("warned %q, want one line for both failures", warnings)
			}
		})
	}
}

// The ref of an unfinished apply is given to the next one.
func TestRetry_KeepsTheRefOfAFailedApply(t *testing.T) {
	b := syncertest.NewParallel(t)
	var once sync.Once
	b.Registry.During(func(context.Context, syncertest.Call) (err error) {
		once.Do(func() { err = &target.Failure{Class: target.ClassUnavailable, Request: "POST /apis"} })
		return err
	})
	b.Start(syncertest.Setup{})
	b.Apply("a", "A")
	want := []target.Ref{{}, {Registry: "self", Name: "a", ID: "id-a"}}
	testcheck.Equal(t, "refs given to the calls", want, b.Registry.Refs())
}

func TestRetry_HonoursRetryAfter(t *testing.T) {
	const pause = 1500 * time.Millisecond
	b := syncertest.NewParallel(t)
	var mu sync.Mutex
	var calls []time.Time
	b.Registry.During(func(context.Context, syncertest.Call) error {
		mu.Lock()
		defer mu.Unlock()
		if calls = append(calls, time.Now()); len(calls) == 1 {
			return &target.Failure{Class: target.ClassRateLimited, Request: "POST /components", Status: 429, RetryAfter: pause}
		}
		return nil
	})
	b.Start(syncertest.Setup{})
	b.Apply("a", "A")
	mu.Lock()
	defer mu.Unlock()
	if len(calls) != 2 || calls[1].Sub(calls[0]) < pause {
		t.Errorf("%d calls, the second after %s", len(calls), calls[len(calls)-1].Sub(calls[0]))
	}
}

func TestRetry_KeyOfALiveReplica(t *testing.T) {
	b := syncertest.NewParallel(t)
	sessions := testcheck.Must(store.EnsureSessions(t.Context(), b.Conn, syncertest.Target))
	other, err := sessions.Open(t.Context())
	testcheck.NoError(t, err)
	b.SetState(target.State{Key: syncertest.Key("a"), Intent: 1, Owner: other.Name()})
	r := b.Start(syncertest.Setup{})
	b.Put("a", "A")
	b.Put("b", "B")
	syncertest.Eventually(t, "some tries", func() bool { return r.Outcome("claimed") >= 2 })
	syncertest.Eventually(t, "the other key to be applied", func() bool { return b.Registry.Content("b") == "B" })
	testcheck.Empty(t, "calls although another replica owns the key", b.Registry.Calls("a"))
	released := time.Now()
	testcheck.NoError(t, sessions.Close(t.Context()))
	b.Idle()
	if took := time.Since(released); took > 5*time.Second { // before the session would have expired by itself
		t.Errorf("applied %s after the release", took)
	}
	if b.Registry.Content("a") != "A" {
		t.Errorf("the registry has %v", b.Registry.Contents())
	}
}
