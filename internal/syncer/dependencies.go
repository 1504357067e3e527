package syncer

import (
	"context"
	"sync"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/target"
	"odasync/internal/tracing"
)

// Dependencies are what a syncer works with.
type Dependencies struct {
	Deliveries  Deliveries
	Heads       Heads
	Sessions    Sessions
	States      States
	DeadLetters DeadLetters
	Registry    target.Registry
	Probe       target.Probe
	// Tracer is nil for no tracing.
	Tracer *tracing.Tracer
}

// Deliveries fetches the messages of the shared consumer.
type Deliveries interface {
	// Open starts fetching, with at most buffer messages waiting in the process. After an error the consumer must be created
	// again.
	Open(ctx context.Context, buffer int) error
	// Next blocks until there is a message or the context ends. After another error the consumer must be created again.
	Next(ctx context.Context) (event.Delivery, error)
	// Close stops fetching and requeues what Next has not returned. Open may be called again.
	Close()
}

// Heads reads the newest messages from the stream's leader.
type Heads interface {
	// Newest returns the newest message of the key; false if there is none. If it cannot be decoded, the error is
	// event.ErrMalformed and the event has its key and sequence.
	Newest(ctx context.Context, key component.Key) (event.Event, bool, error)
	// Restored reports whether the stream is known to have lost the message with that sequence, which the key once had: the
	// stream was restored to an older state. False if that is not certain.
	Restored(ctx context.Context, key component.Key, sequence uint64) (bool, error)
	// Complete returns the marker of the last full sync of the cluster. complete means that a component without messages does
	// not exist.
	Complete(ctx context.Context, cluster string) (marker event.Snapshot, complete bool, err error)
}

// Sessions show which replicas of a target are alive. A sync state names the session of the replica that works on its key.
type Sessions interface {
	// Open returns the session for work that begins now, and creates it if necessary.
	Open(ctx context.Context) (target.Session, error)
	// End returns nil once the named session can never be renewed again, and ErrClaimed while it is alive. A session of this
	// process counts as ended: the caller keeps its own work apart.
	End(ctx context.Context, name string) error
}

// DeadLetters stores the newest dead letter of each component.
type DeadLetters interface {
	// Put replaces the component's dead letter; ErrConflict if the stored one is of a newer event.
	Put(ctx context.Context, letter target.DeadLetter) error
	// Remove removes the component's dead letter if it is of an event up to that sequence; no dead letter is success.
	Remove(ctx context.Context, key component.Key, upTo uint64) error
}

// States is the sync state of a target.
type States interface {
	// Load reads the state from its leader; a key without one gives a zero State with that key.
	Load(ctx context.Context, key component.Key) (target.State, error)
	// Save writes the state if its revision is still State.Revision and returns the new one; else ErrConflict. After any
	// other error it may have been written.
	Save(ctx context.Context, s target.State) (revision uint64, err error)
}

// InMemory returns dependencies for a registry that only this process writes and that has no sync state: the state lasts as
// long as the process. Dead letters are not stored; the caller gets the error.
func InMemory(heads Heads, registry target.Registry, probe target.Probe) Dependencies {
	return Dependencies{
		Heads: heads, Sessions: noSessions{}, States: &memoryStates{states: map[component.Key]target.State{}}, DeadLetters: noDeadLetters{},
		Registry: registry, Probe: probe,
	}
}

// noSessions are the sessions of a process without other replicas.
type noSessions struct{}

// Open implements Sessions.
func (n noSessions) Open(context.Context) (target.Session, error) { return n, nil }

// End implements Sessions.
func (noSessions) End(context.Context, string) error { return nil }

// Name implements Session.
func (noSessions) Name() string { return "in-memory" }

// Hold implements Session.
func (noSessions) Hold(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }

// Retire implements Session.
func (noSessions) Retire() {}

type noDeadLetters struct{}

// Put implements DeadLetters.
func (noDeadLetters) Put(context.Context, target.DeadLetter) error { return nil }

// Remove implements DeadLetters.
func (noDeadLetters) Remove(context.Context, component.Key, uint64) error { return nil }

// memoryStates is sync state in memory.
type memoryStates struct {
	mu     sync.Mutex
	states map[component.Key]target.State
}

// Load implements States.
func (m *memoryStates) Load(_ context.Context, key component.Key) (target.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.states[key]
	state.Key = key
	return state, nil
}

// Save implements States.
func (m *memoryStates) Save(_ context.Context, s target.State) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.states[s.Key].Revision != s.Revision {
		return 0, target.ErrConflict
	}
	s.Revision++
	m.states[s.Key] = s
	return s.Revision, nil
}
