package syncer

import (
	"context"
	"sync"

	"odasync/internal/component"
)

// Unshared returns the ports for a registry that this process alone writes, and that no sync state tells of: every claim
// is granted, and what is known of a component lasts as long as the process. Dead letters are not kept; the caller has the
// error.
func Unshared(heads Heads, registry Registry, probe Probe) Ports {
	return Ports{
		Heads: heads, Claims: noClaims{}, States: &memory{states: map[component.Key]State{}}, Letters: noLetters{},
		Registry: registry, Probe: probe,
	}
}

type noClaims struct{}

// Acquire implements Claims.
func (noClaims) Acquire(ctx context.Context, _ component.Key) (context.Context, func(context.Context) error, error) {
	held, cancel := context.WithCancel(ctx)
	return held, func(context.Context) error { cancel(); return nil }, nil
}

type noLetters struct{}

// Put implements DeadLetters.
func (noLetters) Put(context.Context, Letter) error { return nil }

// Remove implements DeadLetters.
func (noLetters) Remove(context.Context, component.Key) error { return nil }

// memory is sync state that lasts as long as the process.
type memory struct {
	mu     sync.Mutex
	states map[component.Key]State
}

// Load implements States.
func (m *memory) Load(_ context.Context, key component.Key) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.states[key]
	state.Key = key
	return state, nil
}

// Save implements States.
func (m *memory) Save(_ context.Context, s State) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.states[s.Key].Revision != s.Revision {
		return 0, ErrConflict
	}
	s.Revision++
	m.states[s.Key] = s
	return s.Revision, nil
}
