package replay

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/syncer"
)

// Source is the stream that is replayed.
type Source interface {
	syncer.Heads
	// Created returns when the stream was created, which identifies it.
	Created() time.Time
	// Heads calls each with the newest message of every component of the cluster.
	Heads(ctx context.Context, cluster string, each func(event.Head)) error
	// FirstSince returns the sequence of the first message stored at or after the time.
	FirstSince(ctx context.Context, since time.Time) (uint64, error)
	// MessageCounts counts the stored messages of every component of the cluster.
	MessageCounts(ctx context.Context, cluster string) (map[component.Key]uint64, error)
	// After returns the component's first message behind the sequence. Where it cannot be decoded, the error is
	// event.ErrMalformed, and the event has its key and sequence.
	After(ctx context.Context, key component.Key, sequence uint64) (event.Event, bool, error)
}

// Destination is the registry that is written to.
type Destination struct {
	// Target is the target whose syncers feed the registry; empty where none does.
	Target  string
	Address string // without credentials
	// Dependencies are those of the target's syncers, or syncer.InMemory where no syncer feeds the registry.
	Dependencies syncer.Dependencies
}

// Choice selects components. The same choice and destination, in the same stream, is the same replay, which can be
// resumed.
type Choice struct {
	Name       string // empty for any
	Namespace  string // a component.Scope; empty for all
	All        bool
	Since      string // as given on the command line
	FromSeq    uint64
	EveryEvent bool   // every recorded state in order, instead of the newest
	To         string // the registry's address as given on the command line; empty for the live one

	SinceTime time.Time `json:"-"` // what Since means; zero for none
}

// matches returns the function that selects by name and namespace.
func (c *Choice) matches() (func(component.Key) bool, error) {
	scope, err := component.ParseScope(cmp.Or(c.Namespace, component.AllNamespaces))
	return func(key component.Key) bool {
		return (c.Name == "" || key.Name == c.Name) && scope.Contains(key.Namespace)
	}, err
}

// Replay is one choice of one stream for one destination.
type Replay struct {
	Source      Source
	Cluster     string // whose components are replayed
	Destination Destination
	Choice      Choice
	Command     string // the command line that runs it, for messages and the journal
}

// SelectionError reports a name that no component or more than one has.
type SelectionError struct {
	Name    string
	Matches int
}

func (e *SelectionError) Error() string {
	if e.Matches == 0 {
		return fmt.Sprintf("the stream has no component %q: `ctl list` shows the components", e.Name)
	}
	return fmt.Sprintf("%d components have the name %q, deleted ones included: select one with -n NAMESPACE", e.Matches, e.Name)
}
