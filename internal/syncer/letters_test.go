package syncer_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"odasync/internal/event"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

var errRejected = &target.Failure{Class: target.ClassInvalid, Request: "POST /components/", Status: 422, Detail: "body.name: too long"}

// rejects makes the registry reject what is called bad.
func (r *fakeRegistry) rejects() {
	r.script(func(_ context.Context, c call) error {
		if strings.HasPrefix(c.Content, "bad") {
			return errRejected
		}
		return nil
	})
}

// one wants exactly one dead letter of the target.
func (b *bench) one(fed string) target.DeadLetter {
	b.t.Helper()
	letters := b.letters(fed)
	if len(letters) != 1 {
		b.t.Fatalf("%d dead letters, want one: %+v", len(letters), letters)
	}
	return letters[0]
}

func TestDeadLetterTellsAll(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.rejects()
	r := b.start(setup{})
	began := time.Now()
	bad := b.put("a", "bad")
	b.idle()
	want := target.DeadLetter{
		Event: bad, Target: fed, Reason: target.ClassInvalid, Request: "POST /components/", Status: 422, Detail: "body.name: too long", Attempts: 1,
	}
	got := b.one(fed)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(target.DeadLetter{}, "First", "Last"), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("dead letter (-want +got):\n%s", diff)
	}
	if got.First.Before(began) || got.Last.Before(got.First) || got.Last.After(time.Now()) {
		t.Errorf("failed first at %s, last at %s; the test began at %s", got.First, got.Last, began)
	}
	if n := r.counter("odasync_dead_letters_total", "invalid"); n != 1 {
		t.Errorf("the metric counts %d", n)
	}

	worse := b.put("a", "bad, again")
	b.idle()
	next := b.one(fed)
	if next.Event.Sequence != worse.Sequence || !next.First.Equal(got.First) || !next.Last.After(got.Last) {
		t.Errorf("the next failure: sequence %d, first at %s, last at %s; the one before: %d, %s, %s", next.Event.Sequence, next.First, next.Last,
			got.Event.Sequence, got.First, got.Last)
	}
}

func TestDeadLetterGoesByItself(t *testing.T) {
	t.Parallel()
	tests := map[string]func(b *bench){
		"a later version is taken": func(b *bench) { b.put("a", "good") },
		"a deletion is taken":      func(b *bench) { b.remove("a") },
		"an older version is the newest again, and the registry has changed its mind": func(b *bench) {
			b.registry.rise()
			b.put("a", "bad")
		},
	}
	for name, mend := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.registry.rejects()
			b.start(setup{})
			b.put("a", "bad")
			b.put("b", "bad")
			b.idle()
			if got := len(b.letters(fed)); got != 2 {
				t.Fatalf("%d dead letters at first", got)
			}
			mend(b)
			b.idle()
			if got := b.one(fed); got.Event.Key != key("b") {
				t.Errorf("the letter of %s is left", got.Event.Key)
			}
			if state := b.state("a"); state.DeadLetter || !state.FailedSince.IsZero() || state.Outcome == target.OutcomeFailed {
				t.Errorf("state %+v", state)
			}
		})
	}
}

// sulking is a store of dead letters that does not take the first ones.
type sulking struct {
	syncer.DeadLetters
	puts atomic.Int32 // that fail, yet
}

var errFull = errors.New("no space left on the server")

func (s *sulking) Put(ctx context.Context, l target.DeadLetter) error {
	if s.puts.Add(-1) >= 0 {
		return errFull
	}
	return s.DeadLetters.Put(ctx, l)
}

func TestMessageStaysUntilItsLetterIsStored(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.rejects()
	var store *sulking
	r := b.start(setup{wrap: func(p syncer.Dependencies) syncer.Dependencies {
		store = &sulking{DeadLetters: p.DeadLetters}
		store.puts.Store(2)
		p.DeadLetters = store
		return p
	}})
	bad := b.put("a", "bad")
	eventually(t, "the letter to be refused", func() bool { return r.outcome("retried") >= 1 })
	if err := r.syncer.Check(); err == nil || !errors.Is(err, errFull) {
		t.Errorf("check: %v", err)
	}
	b.idle()
	if got := b.one(fed); got.Event.Sequence != bad.Sequence || got.Attempts != 3 {
		t.Errorf("dead letter %+v", got)
	}
	if state := b.state("a"); state.Outcome != target.OutcomeFailed || !state.DeadLetter {
		t.Errorf("state %+v", state)
	}
	if failed, retried := r.outcome("failed"), r.outcome("retried"); failed != 1 || retried != 2 {
		t.Errorf("%d failed, %d retried", failed, retried)
	}
	if err := r.syncer.Check(); err != nil {
		t.Errorf("check afterwards: %v", err)
	}
}

// The letter is stored and the state is not: what succeeds next takes the letter away all the same.
func TestNoLetterIsOrphaned(t *testing.T) {
	t.Parallel()
	tests := map[string]func(b *bench){
		"the same version": func(*bench) {},
		"a newer version":  func(b *bench) { b.put("a", "good") },
		"a deletion":       func(b *bench) { b.remove("a") },
	}
	for name, next := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.registry.rejects()
			var lost atomic.Bool
			b.start(setup{wrap: func(p syncer.Dependencies) syncer.Dependencies {
				p.States = &spoiled{States: p.States, before: func(s target.State) error {
					if s.Outcome != target.OutcomeFailed || !lost.CompareAndSwap(false, true) {
						return nil
					}
					b.one(fed) // it comes before the state
					b.registry.rise()
					return context.DeadlineExceeded
				}}
				return p
			}})
			b.put("a", "bad")
			eventually(t, "the state to be lost", lost.Load)
			next(b)
			b.idle()
			if letters := b.letters(fed); len(letters) != 0 {
				t.Errorf("dead letters: %+v", letters)
			}
			if state := b.state("a"); state.Outcome == target.OutcomeFailed || state.DeadLetter || state.Intent != 0 {
				t.Errorf("state %+v", state)
			}
		})
	}
}

func TestUnreadableMessageHasALetter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start(setup{})
	junk, err := b.js.Publish(t.Context(), event.Subject(key("a.b")), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	b.idle()
	got := b.one(fed)
	want := target.DeadLetter{
		Event: event.Event{Key: key("a.b"), Sequence: junk.Sequence}, Target: fed, Reason: target.ClassMalformed, Request: "decode", Attempts: 1,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(target.DeadLetter{}, "First", "Last", "Detail")); diff != "" {
		t.Errorf("dead letter (-want +got):\n%s", diff)
	}
	if !strings.Contains(got.Detail, "is not a component event") {
		t.Errorf("detail %q", got.Detail)
	}
	if _, err := b.log.Publish(t.Context(), upserted("a.b", "A"), junk.Sequence); err != nil {
		t.Fatal(err)
	}
	b.idle()
	if letters := b.letters(fed); len(letters) != 0 {
		t.Errorf("dead letters after a readable one: %+v", letters)
	}
}

// Another registry takes what this one rejects.
func TestTargetsHaveLettersOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.rejects()
	b.start(setup{})
	other := newFakeRegistry()
	b.start(setup{fed: "other", wrap: func(p syncer.Dependencies) syncer.Dependencies {
		p.Registry, p.Probe = other, other
		return p
	}})
	b.put("a", "bad")
	b.idle()
	eventually(t, "the other registry to take it", func() bool { return other.shows("a") == "bad" })
	if letters := b.letters("other"); len(letters) != 0 {
		t.Errorf("the other target's dead letters: %+v", letters)
	}
	b.one(fed)
	other.script(func(context.Context, call) error { return errRejected })
	b.put("a", "good")
	b.idle()
	eventually(t, "the other's letter", func() bool { return len(b.letters("other")) == 1 })
	if got := b.one("other"); got.Target != "other" {
		t.Errorf("its letter names the target %q", got.Target)
	}
	if letters := b.letters(fed); len(letters) != 0 {
		t.Errorf("this target's dead letters: %+v", letters)
	}
}
