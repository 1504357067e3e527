package explain_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/explain"
	"odasync/internal/target"
)

func TestNewTrace(t *testing.T) {
	t.Parallel()
	stored, recorded, seconds := now.Add(5*time.Millisecond), now.Add(2*time.Second), 1.51
	upserted := event.Event{
		Key: key, Sequence: 7, Hash: "h", UID: "u", ResourceVersion: "101", Time: now,
		Component: &component.Component{Metadata: component.Metadata{Version: "1.1"}},
	}
	applied := target.State{
		Key: key, Sequence: 7, Outcome: target.OutcomeApplied, Hash: "h", Ref: target.Ref{ID: "3"}, Attempts: 2, Updated: recorded,
		Recent: []target.Attempt{
			{Sequence: 7, Time: now.Add(10 * time.Millisecond), Seconds: 0.5, Requests: 2, Class: target.ClassUnavailable, Status: 503},
			{Sequence: 7, Time: now.Add(time.Second), Seconds: 0.51, Requests: 3, Writes: 1},
		},
	}
	want := explain.Trace{
		Cluster: "default", Namespace: "shop", Name: "catalog", Target: "lab", Event: "upserted", Version: "1.1", ResourceVersion: "101", UID: "u",
		Changes: []string{"version"}, Seen: &now, Sequence: 7, Stored: stored, Tried: 2, State: explain.Synced, ID: "3", Recorded: &recorded, Seconds: &seconds,
		Attempts: []explain.TracedAttempt{
			{Time: now.Add(10 * time.Millisecond), Seconds: 0.5, Requests: 2, Class: target.ClassUnavailable, Status: 503},
			{Time: now.Add(time.Second), Seconds: 0.51, Requests: 3, Writes: 1},
		},
	}
	tests := map[string]struct {
		change func(c *explain.Change, s *target.State)
		want   func(t *explain.Trace)
	}{
		"when it was applied": {func(*explain.Change, *target.State) {}, func(*explain.Trace) {}},
		"when the state is of an earlier event": {
			func(_ *explain.Change, s *target.State) {
				s.Sequence, s.Recent[0].Sequence, s.Recent[1].Sequence = 3, 3, 3
			},
			func(t *explain.Trace) {
				t.State, t.Attempts, t.Tried, t.Recorded, t.Seconds = explain.Pending, []explain.TracedAttempt{}, 0, nil, nil
			},
		},
		"when it is being retried": {
			func(_ *explain.Change, s *target.State) {
				s.Sequence, s.Intent, s.Error, s.Attempts, s.Recent = 3, 7, "HTTP 503", 9, s.Recent[:1]
			},
			func(t *explain.Trace) {
				t.State, t.Attempts, t.Tried, t.Error, t.Seconds = explain.Retrying, t.Attempts[:1], 9, "HTTP 503", nil
			},
		},
		"when the registry had it already": {
			func(_ *explain.Change, s *target.State) { s.Recent, s.Recent[0].Sequence = s.Recent[:1], 3 },
			func(t *explain.Trace) {
				t.Attempts, t.Tried, t.Seconds, t.Unchanged = []explain.TracedAttempt{}, 0, nil, true
			},
		},
		"when an earlier version recorded no attempts": {
			func(_ *explain.Change, s *target.State) { s.Recent = nil },
			func(t *explain.Trace) { t.Attempts, t.Tried, t.Seconds = []explain.TracedAttempt{}, 0, nil },
		},
		"when it is a deletion": {
			func(c *explain.Change, s *target.State) {
				c.Event.Component, c.Event.Hash = nil, ""
				s.Outcome, s.Hash, s.Ref = target.OutcomeDeleted, "", target.Ref{}
			},
			func(t *explain.Trace) { t.Event, t.Version, t.State, t.ID = "deleted", "", explain.Deleted, "" },
		},
		"when it cannot be decoded": {
			func(c *explain.Change, _ *target.State) {
				c.Event, c.Undecodable = event.Event{Key: key, Sequence: 7}, errors.New("no JSON")
			},
			func(t *explain.Trace) {
				t.Event, t.Version, t.ResourceVersion, t.UID, t.Seen, t.Seconds, t.State, t.Error = "", "", "", "", nil, nil, explain.Malformed, "no JSON"
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			change, state, expected := explain.Change{Event: upserted, Changes: []string{"version"}, Stored: stored}, applied, want
			state.Recent = append([]target.Attempt{}, applied.Recent...)
			test.change(&change, &state)
			test.want(&expected)
			if diff := cmp.Diff(expected, explain.NewTrace("lab", change, state)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
