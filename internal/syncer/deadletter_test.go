package syncer_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"odasync/internal/event"
	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestDeadLetter_Content(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Registry.Reject()
	r := b.Start(syncertest.Setup{})
	began := time.Now()
	bad := b.Apply("a", "bad")
	want := target.DeadLetter{
		Event: bad, Target: syncertest.Target, Reason: target.ClassInvalid, Request: "POST /components/", Status: 422, Detail: "body.name: too long", Attempts: 1,
	}
	got := onlyDeadLetter(t, b, syncertest.Target)
	testcheck.Equal(t, "dead letter", want, got, cmpopts.IgnoreFields(target.DeadLetter{}, "First", "Last"), cmpopts.EquateApproxTime(0))
	if got.First.Before(began) || got.Last.Before(got.First) || got.Last.After(time.Now()) {
		t.Errorf("failed first at %s, last at %s; the test began at %s", got.First, got.Last, began)
	}
	testcheck.Equal(t, "dead letters counted", 1, r.Counter("odasync_dead_letters_total", "invalid"))

	worse := b.Apply("a", "bad, again")
	next := onlyDeadLetter(t, b, syncertest.Target)
	if next.Event.Sequence != worse.Sequence || !next.First.Equal(got.First) || !next.Last.After(got.Last) {
		t.Errorf("the next failure: sequence %d, first at %s, last at %s; the one before: %d, %s, %s", next.Event.Sequence, next.First, next.Last,
			got.Event.Sequence, got.First, got.Last)
	}
}

func TestDeadLetter_IsRemovedBySuccess(t *testing.T) {
	t.Parallel()
	tests := map[string]func(b *syncertest.Env){
		"when a later version is taken": func(b *syncertest.Env) { b.Put("a", "good") },
		"when a deletion is taken":      func(b *syncertest.Env) { b.Remove("a") },
		"when the registry takes the same version later": func(b *syncertest.Env) {
			b.Registry.Recover()
			b.Put("a", "bad")
		},
	}
	for name, resolve := range tests {
		t.Run(name, func(t *testing.T) {
			b := syncertest.NewParallel(t)
			b.Registry.Reject()
			b.Start(syncertest.Setup{})
			b.Put("a", "bad")
			b.Apply("b", "bad")
			testcheck.MustEqual(t, "dead letters at first", 2, len(b.DeadLetters(syncertest.Target)))
			dismissed := b.State("a")
			dismissed.Dismissed = true
			b.SetState(dismissed)
			resolve(b)
			b.Idle()
			testcheck.Equal(t, "component of the dead letter that is left", syncertest.Key("b"), onlyDeadLetter(t, b, syncertest.Target).Event.Key)
			if state := b.State("a"); state.DeadLetter || state.Dismissed || !state.FailedSince.IsZero() || state.Outcome == target.OutcomeFailed {
				t.Errorf("state %+v", state)
			}
		})
	}
}

// fullDeadLetters fails for the first dead letters.
type fullDeadLetters struct {
	syncer.DeadLetters
	puts atomic.Int32 // that fail, yet
}

var errFull = errors.New("no space left on the server")

func (s *fullDeadLetters) Put(ctx context.Context, l target.DeadLetter) error {
	if s.puts.Add(-1) >= 0 {
		return errFull
	}
	return s.DeadLetters.Put(ctx, l)
}

func TestDeadLetter_IsStoredBeforeTheMessageEnds(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Registry.Reject()
	var store *fullDeadLetters
	r := b.Start(syncertest.Setup{Wrap: func(p *syncer.Dependencies) {
		store = &fullDeadLetters{DeadLetters: p.DeadLetters}
		store.puts.Store(2)
		p.DeadLetters = store
	}})
	bad := b.Put("a", "bad")
	syncertest.Eventually(t, "the dead letter to be rejected", func() bool { return r.Outcome("retried") >= 1 })
	if err := r.Syncer.Applier.Check(); err == nil || !errors.Is(err, errFull) {
		t.Errorf("check: %v", err)
	}
	b.Idle()
	if got := onlyDeadLetter(t, b, syncertest.Target); got.Event.Sequence != bad.Sequence || got.Attempts != 3 {
		t.Errorf("dead letter %+v", got)
	}
	if state := b.State("a"); state.Outcome != target.OutcomeFailed || !state.DeadLetter {
		t.Errorf("state %+v", state)
	}
	if failed, retried := r.Outcome("failed"), r.Outcome("retried"); failed != 1 || retried != 2 {
		t.Errorf("%d failed, %d retried", failed, retried)
	}
	testcheck.ErrorIs(t, "check afterwards", nil, r.Syncer.Applier.Check())
}

// If the dead letter was stored and the state was not, the next success removes the dead letter all the same.
func TestDeadLetter_IsRemovedAfterALostState(t *testing.T) {
	t.Parallel()
	tests := map[string]func(b *syncertest.Env){
		"when the same version is taken": func(*syncertest.Env) {},
		"when a newer version is taken":  func(b *syncertest.Env) { b.Put("a", "good") },
		"when a deletion is taken":       func(b *syncertest.Env) { b.Remove("a") },
	}
	for name, next := range tests {
		t.Run(name, func(t *testing.T) {
			b := syncertest.NewParallel(t)
			b.Registry.Reject()
			var lost atomic.Bool
			b.Start(syncertest.Setup{Wrap: func(p *syncer.Dependencies) {
				p.States = &modifiedStates{States: p.States, before: func(s target.State) error {
					if s.Outcome != target.OutcomeFailed || !lost.CompareAndSwap(false, true) {
						return nil
					}
					onlyDeadLetter(t, b, syncertest.Target) // it is stored before the state
					b.Registry.Recover()
					return context.DeadlineExceeded
				}}
			}})
			b.Put("a", "bad")
			syncertest.Eventually(t, "the state to be lost", lost.Load)
			next(b)
			b.Idle()
			testcheck.Empty(t, "dead letters", b.DeadLetters(syncertest.Target))
			if state := b.State("a"); state.Outcome == target.OutcomeFailed || state.DeadLetter || state.Intent != 0 {
				t.Errorf("state %+v", state)
			}
		})
	}
}

func TestDeadLetter_OfAMalformedMessage(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Start(syncertest.Setup{})
	junk, err := b.JS.Publish(t.Context(), event.Subject(syncertest.Key("a.b")), []byte("{}"))
	testcheck.NoError(t, err)
	b.Idle()
	got := onlyDeadLetter(t, b, syncertest.Target)
	want := target.DeadLetter{
		Event: event.Event{Key: syncertest.Key("a.b"), Sequence: junk.Sequence}, Target: syncertest.Target, Reason: target.ClassMalformed, Request: "decode", Attempts: 1,
	}
	testcheck.Equal(t, "dead letter", want, got, cmpopts.IgnoreFields(target.DeadLetter{}, "First", "Last", "Detail"))
	testcheck.Contains(t, "the detail", got.Detail, "is not a component event")
	testcheck.Must(b.Log.Publish(t.Context(), syncertest.Upserted("a.b", "A"), junk.Sequence))
	b.Idle()
	testcheck.Empty(t, "dead letters after a valid message", b.DeadLetters(syncertest.Target))
}

// Another target takes what this one rejects.
func TestDeadLetter_OneATarget(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Registry.Reject()
	b.Start(syncertest.Setup{})
	other := syncertest.NewRegistry()
	b.Start(syncertest.Setup{Target: "other", Wrap: func(p *syncer.Dependencies) {
		p.Registry, p.Probe = other, other
	}})
	b.Apply("a", "bad")
	syncertest.Eventually(t, "the other registry to take it", func() bool { return other.Content("a") == "bad" })
	testcheck.Empty(t, "the other target's dead letters", b.DeadLetters("other"))
	onlyDeadLetter(t, b, syncertest.Target)
	other.During(syncertest.Failing(syncertest.ErrRejected))
	b.Apply("a", "good")
	syncertest.Eventually(t, "the other's dead letter", func() bool { return len(b.DeadLetters("other")) == 1 })
	testcheck.Equal(t, "target of its dead letter", "other", onlyDeadLetter(t, b, "other").Target)
	testcheck.Empty(t, "this target's dead letters", b.DeadLetters(syncertest.Target))
}
