package syncer

import (
	"context"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/target"
)

// Deliveries hands out the messages of the shared consumer.
type Deliveries interface {
	// Open starts the flow, with at most buffer messages waiting in the process. An error means that the consumer must be
	// set up anew.
	Open(ctx context.Context, buffer int) error
	// Next blocks until a message is there or the context ends. After another error the consumer must be set up anew.
	Next(ctx context.Context) (event.Delivery, error)
	// Close stops the flow and hands back what Next has not returned. It may be opened again.
	Close()
}

// Heads reads from the stream's leader what the stream says of a key.
type Heads interface {
	// Newest returns false where the subject has no message. Where it cannot be decoded, the error is
	// event.ErrUnreadable, and the event has its key and sequence.
	Newest(ctx context.Context, key component.Key) (event.Event, bool, error)
	// Restored says whether the stream is known to have lost the message with that sequence, which the key once had: it
	// came back older than it was. False where that is not certain.
	Restored(ctx context.Context, key component.Key, sequence uint64) (bool, error)
	// Complete returns the snapshot marker behind the last full comparison of the cluster with the stream, if it proves
	// that a component without messages does not exist.
	Complete(ctx context.Context, cluster string) (event.Snapshot, bool, error)
}

// Sessions are how the replicas of a target know which of them live. A sync state names the session of the replica that
// works on its key.
type Sessions interface {
	// Open returns the session that work begins under now, a new one where there is none.
	Open(ctx context.Context) (target.Session, error)
	// End makes sure that the named session can never be renewed again, and then returns nil; ErrClaimed while it lives. A
	// session of this process counts as ended: the caller keeps its own work apart.
	End(ctx context.Context, name string) error
}

// Claims are names that one process at a time holds.
type Claims interface {
	// Acquire takes the name or returns ErrClaimed. The held context derives from ctx and ends as soon as the claim
	// can no longer be relied on; release gives it back and says with ErrConflict that it had been lost.
	Acquire(ctx context.Context, name string) (held context.Context, release func(context.Context) error, err error)
}

// DeadLetters keeps what will not be tried again by itself, the newest of each component.
type DeadLetters interface {
	// Put stores the letter in place of the component's earlier one; ErrConflict where one of a newer event stands there.
	Put(ctx context.Context, letter target.DeadLetter) error
	// Remove takes the component's letter away if it is of an event up to that sequence; none is success.
	Remove(ctx context.Context, key component.Key, upTo uint64) error
}

// States is the sync state of a target.
type States interface {
	// Load reads the entry from its leader; a key without entry gives a zero State with that key.
	Load(ctx context.Context, key component.Key) (target.State, error)
	// Save writes the entry if its revision is still State.Revision and returns the new one; else ErrConflict. After any
	// other error it is not known whether it was written.
	Save(ctx context.Context, s target.State) (revision uint64, err error)
}
