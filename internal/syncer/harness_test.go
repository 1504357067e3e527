package syncer_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onlyDeadLetter returns the target's dead letter, which must be the only one.
func onlyDeadLetter(t *testing.T, b *syncertest.Env, of string) target.DeadLetter {
	t.Helper()
	letters := b.DeadLetters(of)
	if len(letters) != 1 {
		t.Fatalf("%d dead letters, want one: %+v", len(letters), letters)
	}
	return letters[0]
}

// singleHead is a stream with one message, for an applier without a broker.
type singleHead event.Event

// Newest implements syncer.Heads.
func (h singleHead) Newest(context.Context, component.Key) (event.Event, bool, error) {
	return event.Event(h), true, nil
}

// Restored implements syncer.Heads.
func (singleHead) Restored(context.Context, component.Key, uint64) (bool, error) { return false, nil }

// Complete implements syncer.Heads.
func (singleHead) Complete(context.Context, string) (event.Snapshot, bool, error) {
	return event.Snapshot{}, true, nil
}

// modifiedStates are sync states whose saving the test disturbs.
type modifiedStates struct {
	syncer.States
	before func(s target.State) error // its error keeps the state from being saved
	after  func(s target.State) error // its error replaces the answer
}

// Save implements syncer.States.
func (s *modifiedStates) Save(ctx context.Context, state target.State) (uint64, error) {
	if s.before != nil {
		if err := s.before(state); err != nil {
			return 0, err
		}
	}
	revision, err := s.States.Save(ctx, state)
	if s.after != nil && err == nil {
		err = s.after(state)
	}
	return revision, err
}
