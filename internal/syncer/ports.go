package syncer

import (
	"context"
	"errors"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
)

// ErrConflict says that a compare-and-set found another revision: somebody else wrote the entry.
var ErrConflict = errors.New("the entry was changed by another replica")

// ErrClaimed says that another replica holds the claim on a key.
var ErrClaimed = errors.New("the key is claimed by another replica")

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

// Marker is a snapshot marker of a cluster, handed to one replica. Exactly one of Ack and Retry ends it.
type Marker struct {
	event.Marker
	Ack   func()
	Retry func(delay time.Duration)
}

// Markers hands out snapshot markers, each cluster's newest.
type Markers interface {
	// Next blocks until a marker is there or the context ends. After another error the consumer must be set up anew.
	Next(ctx context.Context) (Marker, error)
}

// Heads reads the stream's newest message of a key from the stream's leader.
type Heads interface {
	// Newest returns false where the subject has no message. Where it cannot be decoded, the error is
	// event.ErrUnreadable, and the event has its key and sequence.
	Newest(ctx context.Context, key component.Key) (event.Event, bool, error)
}

// Claims makes a replica the only writer of a key.
type Claims interface {
	// Acquire takes the claim or returns ErrClaimed. The held context derives from ctx and ends as soon as the claim
	// can no longer be relied on; release gives it back and says with ErrConflict that it had been lost.
	Acquire(ctx context.Context, key component.Key) (held context.Context, release func(context.Context) error, err error)
}

// DeadLetters keeps what will not be tried again by itself, the newest of each component.
type DeadLetters interface {
	// Put stores the letter in place of the component's earlier one.
	Put(ctx context.Context, letter Letter) error
	// Remove takes the component's letter away; none is success.
	Remove(ctx context.Context, key component.Key) error
}

// States is the sync state of a target.
type States interface {
	// Load reads the entry from its leader; a key without entry gives a zero State with that key.
	Load(ctx context.Context, key component.Key) (State, error)
	// Save writes the entry if its revision is still State.Revision and returns the new one; else ErrConflict.
	Save(ctx context.Context, s State) (revision uint64, err error)
}
