package replay

import (
	"context"
	"sync"

	"odasync/internal/component"
	"odasync/internal/event"
)

// steps presents a recorded state of a component to the applier as its newest one.
type steps struct {
	mu      sync.Mutex
	current map[component.Key]step
}

type step struct {
	event     event.Event
	malformed error
}

func newSteps() *steps { return &steps{current: map[component.Key]step{}} }

func (s *steps) set(e event.Event, malformed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current[e.Key] = step{e, malformed}
}

func (s *steps) drop(key component.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.current, key)
}

// Newest implements syncer.Heads.
func (s *steps) Newest(_ context.Context, key component.Key) (event.Event, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, found := s.current[key]
	return at.event, found, at.malformed
}

// Restored implements syncer.Heads: the steps of one replay only go forward.
func (s *steps) Restored(context.Context, component.Key, uint64) (bool, error) { return false, nil }

// Complete implements syncer.Heads: every step is of a component that the stream has.
func (s *steps) Complete(context.Context, string) (event.Snapshot, bool, error) {
	return event.Snapshot{}, false, nil
}
