package syncer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/store"
	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

const followsOlderStream = "stream is older than the sync state, following the stream"

// A stream that was restored from a backup, or lost its last messages, reuses sequences that the sync state has.
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
			b := syncertest.NewParallel(t)
			e := b.Put("a", "1")
			b.Put("b", "1")
			b.SetState(state(e))
			r := b.Start(syncertest.Setup{})
			b.Idle()
			testcheck.Equal(t, "calls", []syncertest.Call{{"a", "1", true}}, b.Registry.Calls("a"))
			if got := b.State("a"); got.Sequence != e.Sequence || got.Hash != e.Hash || got.Intent != 0 {
				t.Errorf("state %+v", got)
			}
			testcheck.Equal(t, "warnings", []string{followsOlderStream}, r.Messages(zerolog.WarnLevel))
		})
	}
}

// A dead letter of a lost message blocks neither the dead letter nor the success of the message that replaced it.
func TestApply_DeadLetterOfALostMessage(t *testing.T) {
	t.Parallel()
	for content, left := range map[string]int{"bad": 1, "good": 0} {
		t.Run(content, func(t *testing.T) {
			b := syncertest.NewParallel(t)
			b.Registry.Reject()
			e := b.Put("a", content)
			letters := testcheck.Must(store.EnsureDeadLetters(t.Context(), b.Conn, syncertest.Target))
			lost := e
			lost.Sequence = 1000
			testcheck.NoError(t, letters.Put(t.Context(), target.DeadLetter{Event: lost, Target: syncertest.Target, Reason: target.ClassInvalid}))
			s := target.State{Key: e.Key, Sequence: lost.Sequence, Outcome: target.OutcomeFailed, Reason: target.ClassInvalid, DeadLetter: true}
			b.SetState(s)
			r := b.Start(syncertest.Setup{})
			b.Idle()
			got := b.DeadLetters(syncertest.Target)
			if len(got) != left || left == 1 && got[0].Event.Sequence != e.Sequence {
				t.Errorf("dead letters %+v", got)
			}
			testcheck.Equal(t, "conflicts", 0, r.Conflicts())
		})
	}
}

// A message with the sequence of a rejected one is not taken for that one.
func TestApply_RejectedSequenceOfAnotherMessage(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Registry.Reject()
	b.Start(syncertest.Setup{})
	b.Apply("rejected", "bad")
	lost := b.State("rejected")
	lost.Key, lost.Sequence, lost.Revision, lost.DeadLetter = syncertest.Key("a"), lost.Sequence+1, 0, false
	b.SetState(lost)
	e := b.Apply("a", "1")
	if got := b.State("a"); got.Sequence != e.Sequence || got.Outcome != target.OutcomeApplied || b.Registry.Content("a") != "1" {
		t.Errorf("state %+v", got)
	}
}

// laggingHeads answers like a leader that has not caught up.
type laggingHeads struct {
	syncer.Heads
	newest func() event.Event
}

func (l *laggingHeads) Newest(context.Context, component.Key) (event.Event, bool, error) {
	return l.newest(), true, nil
}

// An answer that is older than the sync state proves nothing.
func TestApplier_ReconcileRejectsAnOlderAnswer(t *testing.T) {
	b := syncertest.NewParallel(t)
	first := b.Put("a", "1")
	heads := &laggingHeads{newest: func() event.Event { return first }}
	r := b.Start(syncertest.Setup{Wrap: func(p *syncer.Dependencies) {
		heads.Heads, p.Heads = p.Heads, heads
	}})
	b.Idle()
	b.Apply("a", "2")
	if _, err := r.Syncer.Applier.Reconcile(t.Context(), syncertest.Key("a"), target.Listed{}); err == nil || !strings.Contains(err.Error(), "the newest message of east/odacompns-1/a is 1, but message 2 was applied") {
		t.Errorf("compare with an older answer: %v", err)
	}
	testcheck.Equal(t, "content of the registry", "2", b.Registry.Content("a"))
}

// A key without messages is unknown until a snapshot marker from after the start proves that it does not exist.
func TestApplier_ReconcileKeyWithoutMessages(t *testing.T) {
	b := syncertest.NewParallel(t)
	mark := func(unlisted ...string) {
		t.Helper()
		m := event.Snapshot{ID: time.Now().String(), Cluster: syncertest.Key("a").Cluster, Time: time.Now(), Unlisted: unlisted}
		testcheck.NoError(t, b.Log.PublishSnapshot(t.Context(), m))
	}
	e := b.Put("a", "1")
	mark() // older than the replica
	r := b.Start(syncertest.Setup{})
	syncertest.Eventually(t, "the component to be applied", func() bool { return b.State("a").Outcome == target.OutcomeApplied })
	testcheck.NoError(t, b.Log.Purge(t.Context(), e.Key, e.Sequence))
	unknown := func(when string) {
		t.Helper()
		if _, err := r.Syncer.Applier.Reconcile(t.Context(), e.Key, target.Listed{}); err == nil || !strings.Contains(err.Error(), "the stream has no message of") {
			t.Errorf("%s: %v", when, err)
		}
		testcheck.Equal(t, fmt.Sprintf("%s: content of the registry", when), "1", b.Registry.Content("a"))
	}
	unknown("with an older marker")
	mark(syncertest.Key("a").Namespace)
	unknown("with a marker that does not list its namespace")
	mark("another-namespace")
	repair, err := r.Syncer.Applier.Reconcile(t.Context(), e.Key, target.Listed{})
	if err != nil || !repair.Deleted || b.Registry.Content("a") != "" {
		t.Errorf("with a newer marker: %+v, %v; the registry has %q", repair, err, b.Registry.Content("a"))
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

// Messages that wait while the registry asks for a long pause are requeued, and Check returns why.
func TestBreaker_LongPause(t *testing.T) {
	b := syncertest.NewParallel(t)
	busy := &target.Failure{Class: target.ClassRateLimited, Request: "POST /components/", Status: 429, RetryAfter: time.Minute}
	g := syncertest.NewGate()
	defer g.Open()
	b.Registry.During(func(ctx context.Context, c syncertest.Call) error {
		_ = g.Pass(ctx, c)
		return busy
	})
	counted := &counting{}
	r := b.Start(syncertest.Setup{Concurrency: 2, Wrap: func(p *syncer.Dependencies) {
		counted.Deliveries, p.Deliveries = p.Deliveries, counted
	}})
	for _, name := range []string{"a", "b", "c", "d"} {
		b.Put(name, "A")
	}
	syncertest.Eventually(t, "all messages to be in hand", func() bool { return counted.taken.Load() == 4 })
	g.Open()
	awaitQuiet(t, b, r)
	syncertest.Eventually(t, "everything to be requeued", func() bool { return r.Outcome("requeued")+r.Outcome("retried") >= 4 })
	calls := len(b.Registry.Calls())
	testcheck.ErrorContains(t, r.Syncer.Applier.Check(), "asks for a pause of 1m0s")
	if calls > 2 || b.Registry.Probes() != 0 {
		t.Errorf("%d calls and %d probes of a registry that asked for a pause", calls, b.Registry.Probes())
	}
}

// A component that is never answered in time is parked, and with one worker the others are still applied.
func TestPoison_TimeOut(t *testing.T) {
	b := syncertest.NewParallel(t)
	silent := &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Err: context.DeadlineExceeded}
	b.Registry.When(func(c syncertest.Call) bool { return c.Content == "bad" }, syncertest.Failing(silent))
	r := b.Start(syncertest.Setup{Tries: 3, Pause: time.Hour})
	b.Put("bad", "bad")
	syncertest.Eventually(t, "a first attempt", func() bool { return b.State("bad").ConsecutiveFailures >= 1 })
	b.Put("a", "A")
	syncertest.Eventually(t, "the other one to be applied", func() bool { return b.Registry.Content("a") == "A" })
	b.Idle()
	if state := b.State("bad"); state.Outcome != target.OutcomeFailed || state.Reason != target.ClassPoison {
		t.Errorf("state %+v", state)
	}
	if got := r.Syncer.Applier.Flow().Breaker; got.Reason != nil {
		t.Errorf("one component opened the breaker: %v", got.Reason)
	}
}

// A replica that is stopped after a conflict leaves it recorded in the sync state.
func TestConflict_IsRecordedBeforeItIsRepaired(t *testing.T) {
	b := syncertest.NewParallel(t)
	crossed := false
	b.Start(syncertest.Setup{Grace: time.Nanosecond, Wrap: func(p *syncer.Dependencies) {
		p.States = &modifiedStates{States: p.States, before: func(state target.State) error {
			if state.Outcome == "" || crossed { // the intent
				return nil
			}
			crossed = true
			other := b.State("a")
			other.Sequence, other.Intent, other.Owner, other.Outcome, other.Hash = other.Intent, 0, "", target.OutcomeApplied, "other"
			_, err := b.States.Save(context.Background(), other)
			return err
		}}
	}})
	recorded := make(chan target.State, 1)
	b.Registry.During(func(_ context.Context, c syncertest.Call) error {
		if c.InDoubt { // the repair
			select {
			case recorded <- b.State("a"):
			default:
			}
			return errors.New("not repaired")
		}
		return nil
	})
	b.Put("a", "1")
	state := <-recorded
	if state.Intent == 0 {
		t.Errorf("state while it is repaired %+v", state)
	}
}
