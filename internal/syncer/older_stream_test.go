package syncer_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/store"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

const followsOlderStream = "stream is older than the sync state, following the stream"

// A stream that was restored from a backup, or lost its last messages, gives sequences again that the sync state has.
func TestApply_StreamOlderThanTheSyncState(t *testing.T) {
	t.Parallel()
	tests := map[string]func(e event.Event) target.State{
		"ahead of the stream's end": func(e event.Event) target.State {
			return target.State{Key: e.Key, Sequence: 1000, Outcome: target.OutcomeApplied, Hash: "of what was lost"}
		},
		"another content under the same sequence": func(e event.Event) target.State {
			return target.State{Key: e.Key, Sequence: e.Sequence, Outcome: target.OutcomeApplied, Hash: "of what was lost"}
		},
		"deleted under the same sequence": func(e event.Event) target.State {
			return target.State{Key: e.Key, Sequence: e.Sequence, Outcome: target.OutcomeDeleted}
		},
		"an attempt that broke off was ahead": func(e event.Event) target.State {
			return target.State{Key: e.Key, Intent: 1000}
		},
		"the sequence is another component's by now": func(e event.Event) target.State {
			return target.State{Key: e.Key, Sequence: e.Sequence + 1, Outcome: target.OutcomeApplied, Hash: "of what was lost"}
		},
	}
	for name, state := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			e := b.put("a", "1")
			b.put("b", "1")
			if _, err := b.states.Save(t.Context(), state(e)); err != nil {
				t.Fatal(err)
			}
			r := b.start(setup{})
			b.idle()
			if diff := cmp.Diff([]call{{"a", "1", true}}, b.registry.got("a")); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if got := b.state("a"); got.Sequence != e.Sequence || got.Hash != e.Hash || got.Intent != 0 {
				t.Errorf("state %+v", got)
			}
			if diff := cmp.Diff([]string{followsOlderStream}, r.logs.messages(t, zerolog.WarnLevel)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// A dead letter of a message that the stream has lost holds up neither the letter nor the success of what came after it.
func TestApply_DeadLetterOfALostMessage(t *testing.T) {
	t.Parallel()
	for content, left := range map[string]int{"bad": 1, "good": 0} {
		t.Run(content, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.registry.rejects()
			e := b.put("a", content)
			letters, err := store.EnsureDeadLetters(t.Context(), b.conn, fed)
			if err != nil {
				t.Fatal(err)
			}
			lost := e
			lost.Sequence = 1000
			if err := letters.Put(t.Context(), target.DeadLetter{Event: lost, Target: fed, Reason: target.ClassInvalid}); err != nil {
				t.Fatal(err)
			}
			s := target.State{Key: e.Key, Sequence: lost.Sequence, Outcome: target.OutcomeFailed, Reason: target.ClassInvalid, DeadLetter: true}
			if _, err := b.states.Save(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			r := b.start(setup{})
			b.idle()
			got := b.letters(fed)
			if len(got) != left || left == 1 && got[0].Event.Sequence != e.Sequence {
				t.Errorf("dead letters %+v", got)
			}
			if r.races() != 0 {
				t.Errorf("%d races", r.races())
			}
		})
	}
}

// A message under a sequence that a rejected one had is not taken for that one.
func TestApply_RejectedSequenceIsAnotherMessages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.rejects()
	b.start(setup{})
	b.put("rejected", "bad")
	b.idle()
	lost := b.state("rejected")
	lost.Key, lost.Sequence, lost.Revision, lost.DeadLetter = key("a"), lost.Sequence+1, 0, false
	if _, err := b.states.Save(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	e := b.put("a", "1")
	b.idle()
	if got := b.state("a"); got.Sequence != e.Sequence || got.Outcome != target.OutcomeApplied || b.registry.shows("a") != "1" {
		t.Errorf("state %+v", got)
	}
}

// laggingHeads answer as a leader that has not caught up.
type laggingHeads struct {
	syncer.Heads
	newest func() event.Event
}

func (l *laggingHeads) Newest(context.Context, component.Key) (event.Event, bool, error) {
	return l.newest(), true, nil
}

// An answer that is older than the sync state proves nothing by itself.
func TestMend_OlderAnswerIsNotBelieved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.put("a", "1")
	heads := &laggingHeads{newest: func() event.Event { return first }}
	r := b.start(setup{wrap: func(p syncer.Dependencies) syncer.Dependencies {
		heads.Heads, p.Heads = p.Heads, heads
		return p
	}})
	b.idle()
	b.put("a", "2")
	b.idle()
	if _, err := r.syncer.Reconcile(t.Context(), key("a")); err == nil || !strings.Contains(err.Error(), "the stream answered with message") {
		t.Errorf("compare with an older answer: %v", err)
	}
	if got := b.registry.shows("a"); got != "2" {
		t.Errorf("the registry shows %q", got)
	}
}

// A key without messages is unknown until a snapshot marker from after the connection was made proves that it is gone.
func TestMend_KeyWithoutMessages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mark := func(unlisted ...string) {
		t.Helper()
		m := event.Snapshot{ID: time.Now().String(), Cluster: key("a").Cluster, Time: time.Now(), Unlisted: unlisted}
		if err := b.log.PublishSnapshot(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	e := b.put("a", "1")
	mark() // stood in what was restored
	r := b.start(setup{})
	eventually(t, "the component to be applied", func() bool { return b.state("a").Outcome == target.OutcomeApplied })
	if err := b.log.Purge(t.Context(), e.Key, e.Sequence); err != nil {
		t.Fatal(err)
	}
	unknown := func(when string) {
		t.Helper()
		if _, err := r.syncer.Reconcile(t.Context(), e.Key); err == nil || !strings.Contains(err.Error(), "the stream has no message of") {
			t.Errorf("%s: %v", when, err)
		}
		if got := b.registry.shows("a"); got != "1" {
			t.Errorf("%s: the registry shows %q", when, got)
		}
	}
	unknown("with an older marker")
	mark(key("a").Namespace)
	unknown("with a marker that does not list its namespace")
	mark("another-namespace")
	mended, err := r.syncer.Reconcile(t.Context(), e.Key)
	if err != nil || !mended.Deleted || b.registry.shows("a") != "" {
		t.Errorf("with a newer marker: %+v, %v; the registry shows %q", mended, err, b.registry.shows("a"))
	}
}

// counting counts the messages that were delivered.
type counting struct {
	syncer.Deliveries
	taken atomic.Int32
}

func (c *counting) Next(ctx context.Context) (event.Delivery, error) {
	d, err := c.Deliveries.Next(ctx)
	if err == nil {
		c.taken.Add(1)
	}
	return d, err
}

// What waits while the registry asks for a long pause goes back to the stream, and readiness says why.
func TestBreaker_LongPause(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	busy := &target.Failure{Class: target.ClassRateLimited, Request: "POST /components/", Status: 429, RetryAfter: time.Minute}
	g := newGate()
	defer g.open()
	b.registry.script(func(ctx context.Context, c call) error {
		_ = g.pass(ctx, c)
		return busy
	})
	counted := &counting{}
	r := b.start(setup{concurrency: 2, wrap: func(p syncer.Dependencies) syncer.Dependencies {
		counted.Deliveries, p.Deliveries = p.Deliveries, counted
		return p
	}})
	for _, name := range []string{"a", "b", "c", "d"} {
		b.put(name, "A")
	}
	eventually(t, "all messages to be in hand", func() bool { return counted.taken.Load() == 4 })
	g.open()
	b.quiet(r)
	eventually(t, "everything to be handed back", func() bool { return r.outcome("handed_back")+r.outcome("retried") >= 4 })
	calls := len(b.registry.got())
	if err := r.syncer.Check(); err == nil || !strings.Contains(err.Error(), "asks for a pause of 1m0s") {
		t.Errorf("check: %v", err)
	}
	if calls > 2 || b.registry.probed() != 0 {
		t.Errorf("%d calls and %d probes of a registry that asked to be left alone", calls, b.registry.probed())
	}
}

// One component that is never answered in time is parked, and with one worker the others still get their turn.
func TestPoison_TimeOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	silent := &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Err: context.DeadlineExceeded}
	b.registry.script(func(_ context.Context, c call) error {
		if c.Content == "bad" {
			return silent
		}
		return nil
	})
	r := b.start(setup{tries: 3, pause: time.Hour})
	b.put("bad", "bad")
	eventually(t, "a first attempt", func() bool { return b.state("bad").ConsecutiveFailures >= 1 })
	b.put("a", "A")
	eventually(t, "the other one to be applied", func() bool { return b.registry.shows("a") == "A" })
	b.idle()
	if state := b.state("bad"); state.Outcome != target.OutcomeFailed || state.Reason != target.ClassPoison {
		t.Errorf("state %+v", state)
	}
	if got := r.syncer.Flow().Breaker; got.Reason != nil {
		t.Errorf("one component opened the breaker: %v", got.Reason)
	}
}

// A replica that notices a race and is stopped leaves the doubt in the sync state.
func TestRace_IsNotedBeforeItIsRepaired(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	crossed := false
	b.start(setup{grace: time.Nanosecond, wrap: func(p syncer.Dependencies) syncer.Dependencies {
		p.States = &spoiled{States: p.States, before: func(state target.State) error {
			if state.Outcome == "" || crossed { // the intent
				return nil
			}
			crossed = true
			other := b.state("a")
			other.Sequence, other.Intent, other.Owner, other.Outcome, other.Hash = other.Intent, 0, "", target.OutcomeApplied, "other"
			_, err := b.states.Save(context.Background(), other)
			return err
		}}
		return p
	}})
	noted := make(chan target.State, 1)
	b.registry.script(func(_ context.Context, c call) error {
		if c.Doubt { // the repair
			select {
			case noted <- b.state("a"):
			default:
			}
			return errors.New("and nothing is repaired")
		}
		return nil
	})
	b.put("a", "1")
	state := <-noted
	if state.Intent == 0 {
		t.Errorf("state while it is repaired %+v", state)
	}
}
