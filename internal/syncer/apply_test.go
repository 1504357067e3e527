package syncer_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/target"
)

// ignored are the fields of a state that tests do not know beforehand.
var ignored = cmpopts.IgnoreFields(target.State{}, "Revision", "Updated", "Attempts", "FailedSince")

func TestAppliesCommitsAcknowledges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("before", "A") // waits for the syncer
	r := b.start(setup{concurrency: 4})
	first := b.put("a", "A")
	b.idle()
	want := target.State{
		Key: key("a"), Sequence: first.Sequence, Outcome: target.OutcomeApplied, Hash: first.Hash,
		Ref: target.Ref{Registry: "self", Name: "a", ID: "id-a", Digest: "A"},
	}
	if diff := cmp.Diff(want, b.state("a"), ignored); diff != "" {
		t.Errorf("state after the upsert (-want +got):\n%s", diff)
	}
	last := b.remove("a")
	b.idle()
	want = target.State{Key: key("a"), Sequence: last.Sequence, Outcome: target.OutcomeDeleted}
	if diff := cmp.Diff(want, b.state("a"), ignored); diff != "" {
		t.Errorf("state after the deletion (-want +got):\n%s", diff)
	}
	again := b.put("a", "A")
	b.idle()
	if got := b.state("a"); got.Sequence != again.Sequence || got.Outcome != target.OutcomeApplied {
		t.Errorf("state after the component came again: %+v", got)
	}
	if diff := cmp.Diff([]call{{"a", "A", false}, {"a", "", false}, {"a", "A", false}}, b.registry.got("a")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	b.registry.mu.Lock()
	records := b.registry.records
	b.registry.mu.Unlock()
	none, known := target.Ref{}, target.Ref{Registry: "self", Name: "a", ID: "id-a", Digest: "A"}
	if diff := cmp.Diff([]target.Ref{none, none, known, none}, records); diff != "" {
		t.Errorf("records given to the calls (-want +got):\n%s", diff)
	}
	if b.registry.shows("before") != "A" || b.registry.shows("a") != "A" {
		t.Errorf("the registry shows %v", b.registry.shown)
	}
	if applied, deleted := r.outcome("applied"), r.outcome("deleted"); applied != 3 || deleted != 1 {
		t.Errorf("%d applied, %d deleted", applied, deleted)
	}
	if err := r.syncer.Check(); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestSameContentAgainChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.start(setup{})
	b.put("a", "A")
	b.put("d", "A")
	b.idle()
	b.remove("d")
	b.idle()
	calls := len(b.registry.got())
	e := b.put("a", "A")
	tombstone := b.remove("d")
	b.idle()
	if got := len(b.registry.got()); got != calls {
		t.Errorf("%d calls for what the registry shows already", got-calls)
	}
	if got := r.outcome("unchanged"); got != 2 {
		t.Errorf("%d unchanged", got)
	}
	if a, d := b.state("a").Sequence, b.state("d").Sequence; a != e.Sequence || d != tombstone.Sequence {
		t.Errorf("sequences %d and %d, want %d and %d", a, d, e.Sequence, tombstone.Sequence)
	}

	// Unless somebody asked to look.
	e.Verify = true
	tombstone.Verify = true
	b.publish(e)
	b.publish(tombstone)
	b.idle()
	if diff := cmp.Diff([]call{{"a", "A", true}, {"d", "", true}}, sorted(b.registry.got()[calls:])); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestRestartAppliesNothingAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.start(setup{})
	b.put("a", "A")
	b.put("b", "B")
	b.idle()
	if err := r.end(); err != context.Canceled {
		t.Errorf("Run returned %v after a stop", err)
	}
	r = b.start(setup{})
	b.put("c", "C")
	b.idle()
	if diff := cmp.Diff([]call{{"a", "A", false}, {"b", "B", false}, {"c", "C", false}}, sorted(b.registry.got())); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := r.outcome("superseded") + r.outcome("unchanged"); got != 0 {
		t.Errorf("%d messages came again", got)
	}
}

// The consumer is gone and begins from the start.
func TestNewConsumerAppliesNothingAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.start(setup{})
	b.put("a", "A")
	b.put("b", "B")
	b.idle()
	_ = r.end()
	if err := b.js.DeleteConsumer(t.Context(), stream.StreamName, "syncer-"+fed); err != nil {
		t.Fatal(err)
	}
	b.open()
	r = b.start(setup{})
	eventually(t, "both messages to be recognised", func() bool { return r.outcome("superseded") == 2 })
	b.idle()
	if got := len(b.registry.got()); got != 2 {
		t.Errorf("%d calls, want 2", got)
	}
}

// Sequences begin anew with a new stream: they must not be taken for those of the old one.
func TestNewStreamIsAppliedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.start(setup{})
	for range 3 {
		b.put("a", "A")
		b.put("b", "B")
		b.idle()
	}
	b.remove("b")
	b.idle()
	calls := len(b.registry.got())
	if err := b.js.DeleteStream(t.Context(), stream.StreamName); err != nil {
		t.Fatal(err)
	}
	if err := r.ended(); err == nil || strings.Contains(err.Error(), "context") {
		t.Errorf("Run returned %v after the stream was deleted", err)
	}
	b.open()
	first := b.put("a", "A")
	b.remove("b")
	b.put("new", "A")
	b.start(setup{})
	b.idle()
	if diff := cmp.Diff([]call{{"a", "A", true}, {"b", "", true}, {"new", "A", false}}, sorted(b.registry.got()[calls:])); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := b.state("a"); got.Sequence != first.Sequence || got.Intent != 0 {
		t.Errorf("state %+v, want sequence %d", got, first.Sequence)
	}
}

func TestUndecodableMessageFailsAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("b", "B")
	r := b.start(setup{})
	b.registry.script(func(_ context.Context, c call) error {
		if c.Name == "b" {
			return &target.Failure{Class: target.ClassUnavailable, Request: "GET /components"}
		}
		return nil
	})
	b.put("b", "B2")
	eventually(t, "the registry to be called down", func() bool { return r.syncer.Check() != nil })
	if _, err := b.js.Publish(t.Context(), event.ComponentPrefix+".foreign", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	junk, err := b.js.Publish(t.Context(), event.Subject(key("a")), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "both to fail", func() bool { return r.outcome("failed") == 2 })
	if err := r.syncer.Check(); err == nil {
		t.Error("a message that was not sent to the registry tells that it is well")
	}
	state := b.state("a")
	if state.Outcome != target.OutcomeFailed || !strings.Contains(state.Error, "not a component event") || state.Intent != 0 {
		t.Errorf("state %+v", state)
	}
	eventually(t, "both to be told of", func() bool { return len(r.logs.messages(t, zerolog.ErrorLevel)) == 2 }) // after they are counted
	if got := b.registry.got("a"); len(got) != 0 {
		t.Errorf("calls %v", got)
	}
	b.registry.script(func(context.Context, call) error { return nil })
	if _, err := b.log.Publish(t.Context(), upserted("a", "A"), junk.Sequence); err != nil {
		t.Fatal(err)
	}
	b.idle()
	if b.registry.shows("a") != "A" || b.registry.shows("b") != "B2" {
		t.Errorf("the registry shows %v", b.registry.shown)
	}
}

func TestFailureTellsWhatHappened(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		failure target.Failure
		want    string
	}{
		"refused by words": {target.Failure{Request: "POST /components", Status: 422, Detail: "name too long"}, "POST /components: HTTP 422: name too long"},
		"no answer":        {target.Failure{Request: "GET /apis", Err: context.DeadlineExceeded}, "GET /apis: context deadline exceeded"},
		"nothing said":     {target.Failure{Request: "GET /apis", Status: 500}, "GET /apis: HTTP 500"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.failure.Error(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if test.failure.Err != nil && test.failure.Unwrap() != test.failure.Err {
				t.Error("the transport error is lost")
			}
		})
	}
}
