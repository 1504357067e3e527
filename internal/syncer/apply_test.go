package syncer_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// ignored are the fields of a state that tests cannot predict.
var ignored = cmpopts.IgnoreFields(target.State{}, "Revision", "Updated", "Attempts", "FailedSince", "Recent")

func TestApply_CommitsAndAcknowledges(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Put("before", "A") // waits for the syncer
	r := b.Start(syncertest.Setup{Concurrency: 4})
	first := b.Apply("a", "A")
	want := target.State{
		Key: syncertest.Key("a"), Sequence: first.Sequence, Outcome: target.OutcomeApplied, Hash: first.Hash,
		Ref: target.Ref{Registry: "self", Name: "a", ID: "id-a", Digest: "A"},
	}
	testcheck.Equal(t, "state after the upsert", want, b.State("a"), ignored)
	last := b.Remove("a")
	b.Idle()
	want = target.State{Key: syncertest.Key("a"), Sequence: last.Sequence, Outcome: target.OutcomeDeleted}
	testcheck.Equal(t, "state after the deletion", want, b.State("a"), ignored)
	again := b.Apply("a", "A")
	if got := b.State("a"); got.Sequence != again.Sequence || got.Outcome != target.OutcomeApplied {
		t.Errorf("state after the component was created again: %+v", got)
	}
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "A", false}, {"a", "", false}, {"a", "A", false}}, b.Registry.Calls("a"))
	none, known := target.Ref{}, target.Ref{Registry: "self", Name: "a", ID: "id-a", Digest: "A"}
	testcheck.Equal(t, "refs given to the calls", []target.Ref{none, none, known, none}, b.Registry.Refs())
	if b.Registry.Content("before") != "A" || b.Registry.Content("a") != "A" {
		t.Errorf("the registry has %v", b.Registry.Contents())
	}
	if applied, deleted := r.Outcome("applied"), r.Outcome("deleted"); applied != 3 || deleted != 1 {
		t.Errorf("%d applied, %d deleted", applied, deleted)
	}
	testcheck.ErrorIs(t, "check", nil, r.Syncer.Applier.Check())
}

func TestApply_SameContentChangesNothing(t *testing.T) {
	b := syncertest.NewParallel(t)
	r := b.Start(syncertest.Setup{})
	b.Put("a", "A")
	b.Apply("d", "A")
	b.Remove("d")
	b.Idle()
	calls := len(b.Registry.Calls())
	e, tombstone := b.Put("a", "A"), b.Remove("d")
	b.Idle()
	if got := len(b.Registry.Calls()); got != calls {
		t.Errorf("%d calls for what the registry already has", got-calls)
	}
	testcheck.Equal(t, "unchanged", 2, r.Outcome("unchanged"))
	if a, d := b.State("a").Sequence, b.State("d").Sequence; a != e.Sequence || d != tombstone.Sequence {
		t.Errorf("sequences %d and %d, want %d and %d", a, d, e.Sequence, tombstone.Sequence)
	}
}

func TestApply_RestartRepeatsNothing(t *testing.T) {
	b := syncertest.NewParallel(t)
	r := b.Start(syncertest.Setup{})
	b.Put("a", "A")
	b.Apply("b", "B")
	if err := r.End(); err != context.Canceled {
		t.Errorf("Run returned %v after a stop", err)
	}
	r = b.Start(syncertest.Setup{})
	b.Apply("c", "C")
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "A", false}, {"b", "B", false}, {"c", "C", false}}, syncertest.Sorted(b.Registry.Calls()))
	testcheck.Equal(t, "redelivered messages", 0, r.Outcome("superseded")+r.Outcome("unchanged"))
}

// A new consumer begins from the start of the stream.
func TestApply_NewConsumerRepeatsNothing(t *testing.T) {
	b := syncertest.NewParallel(t)
	r := b.Start(syncertest.Setup{})
	b.Put("a", "A")
	b.Apply("b", "B")
	_ = r.End()
	testcheck.NoError(t, b.JS.DeleteConsumer(t.Context(), stream.StreamName, "syncer-"+syncertest.Target))
	b.Open()
	r = b.Start(syncertest.Setup{})
	syncertest.Eventually(t, "both messages to be recognized", func() bool { return r.Outcome("superseded") == 2 })
	b.Idle()
	testcheck.Equal(t, "calls", 2, len(b.Registry.Calls()))
}

// The sequences of a new stream are not those of the old one.
func TestApply_NewStreamIsApplied(t *testing.T) {
	b := syncertest.NewParallel(t)
	r := b.Start(syncertest.Setup{})
	for range 3 {
		b.Put("a", "A")
		b.Apply("b", "B")
	}
	b.Remove("b")
	b.Idle()
	calls := len(b.Registry.Calls())
	testcheck.NoError(t, b.JS.DeleteStream(t.Context(), stream.StreamName))
	if err := r.Ended(); err == nil || strings.Contains(err.Error(), "context") {
		t.Errorf("Run returned %v after the stream was deleted", err)
	}
	b.Open()
	first := b.Put("a", "A")
	b.Remove("b")
	b.Put("new", "A")
	b.Start(syncertest.Setup{})
	b.Idle()
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "A", true}, {"b", "", true}, {"new", "A", false}}, syncertest.Sorted(b.Registry.Calls()[calls:]))
	if got := b.State("a"); got.Sequence != first.Sequence || got.Intent != 0 {
		t.Errorf("state %+v, want sequence %d", got, first.Sequence)
	}
}

func TestApply_MalformedMessageFailsAlone(t *testing.T) {
	b := syncertest.NewParallel(t)
	b.Put("b", "B")
	r := b.Start(syncertest.Setup{})
	b.Registry.When(func(c syncertest.Call) bool { return c.Name == "b" }, syncertest.Failing(&target.Failure{Class: target.ClassUnavailable, Request: "GET /components"}))
	b.Put("b", "B2")
	syncertest.Eventually(t, "the registry to be unavailable", func() bool { return r.Syncer.Applier.Check() != nil })
	testcheck.Must(b.JS.Publish(t.Context(), event.ComponentPrefix+".foreign", []byte("{}")))
	junk, err := b.JS.Publish(t.Context(), event.Subject(syncertest.Key("a")), []byte("{}"))
	testcheck.NoError(t, err)
	syncertest.Eventually(t, "both to fail", func() bool { return r.Outcome("failed") == 2 })
	if err := r.Syncer.Applier.Check(); err == nil {
		t.Error("a message that was not sent to the registry resets its failure")
	}
	state := b.State("a")
	if state.Outcome != target.OutcomeFailed || !strings.Contains(state.Error, "not a component event") || state.Intent != 0 {
		t.Errorf("state %+v", state)
	}
	syncertest.Eventually(t, "both to be logged", func() bool { return len(r.Messages(zerolog.ErrorLevel)) == 2 }) // after they are counted
	testcheck.Empty(t, "calls", b.Registry.Calls("a"))
	b.Registry.During(syncertest.Failing(nil))
	testcheck.Must(b.Log.Publish(t.Context(), syncertest.Upserted("a", "A"), junk.Sequence))
	b.Idle()
	if b.Registry.Content("a") != "A" || b.Registry.Content("b") != "B2" {
		t.Errorf("the registry has %v", b.Registry.Contents())
	}
}
