package syncer

import (
	"context"
	"sync"

	"odasync/internal/component"
	"odasync/internal/target"
)

// Unshared returns the ports for a registry that this process alone writes, and that no sync state tells of: what is known of a component lasts as long as the process. Dead letters are not kept; the caller has the
// error.
func InMemory(heads Heads, registry target.Registry, probe target.Probe) Dependencies {
	return Dependencies{
		Heads: heads, Sessions: noSessions{}, States: &memory{states: map[component.Key]target.State{}}, DeadLetters: noLetters{},
		Registry: registry, Probe: probe,
	}
}

// noSessions are for a process that has nobody to tell.
type noSessions struct{}

// Open implements Sessions.
func (n noSessions) Open(context.Context) (target.Session, error) { return n, nil }

// End implements Sessions.
func (noSessions) End(context.Context, string) error { return nil }

// Name implements Session.
func (noSessions) Name() string { return "alone" }

// Hold implements Session.
func (noSessions) Hold(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }

// Retire implements Session.
func (noSessions) Retire() {}

type noLetters struct{}

// Put implements DeadLetters.
func (noLetters) Put(context.Context, target.DeadLetter) error { return nil }

// Remove implements DeadLetters.
func (noLetters) Remove(context.Context, component.Key, uint64) error { return nil }

// memory is sync state that lasts as long as the process.
type memory struct {
	mu     sync.Mutex
	states map[component.Key]target.State
}

// Load implements States.
func (m *memory) Load(_ context.Context, key component.Key) (target.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.states[key]
	state.Key = key
	return state, nil
}

// Save implements States.
func (m *memory) Save(_ context.Context, s target.State) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.states[s.Key].Revision != s.Revision {
		return 0, target.ErrConflict
	}
	s.Revision++
	m.states[s.Key] = s
	return s.Revision, nil
}
