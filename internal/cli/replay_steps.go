package cli

import (
	"context"
	"sync"

	"odasync/internal/component"
	"odasync/internal/event"
)

// steps lets the applier take a chosen state of a component for its newest.
type steps struct {
	mu  sync.Mutex
	now map[component.Key]step
}

type step struct {
	event      event.Event
	unreadable error
}

func newSteps() *steps { return &steps{now: map[component.Key]step{}} }

func (s *steps) set(e event.Event, unreadable error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now[e.Key] = step{e, unreadable}
}

func (s *steps) drop(key component.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.now, key)
}

// Newest implements syncer.Heads.
func (s *steps) Newest(_ context.Context, key component.Key) (event.Event, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, found := s.now[key]
	return at.event, found, at.unreadable
}

// Restored implements syncer.Heads: the steps of one replay only go forward.
func (s *steps) Restored(context.Context, component.Key, uint64) (bool, error) { return false, nil }

// Complete implements syncer.Heads: every step is of a component that the stream has.
func (s *steps) Complete(context.Context, string) (event.Marker, bool, error) {
	return event.Marker{}, false, nil
}
