package reconcile

import (
	"context"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/target"
)

// Repairer compares one component with the stream's newest message and writes what differs.
type Repairer interface {
	// Reconcile reads the component's newest message and its entry as the only writer of the component. listed is what the
	// comparison found; it spares a read where nothing is known of the component. Its error is ErrClaimed if another replica
	// kept the component, the registry's failure, or the context's error.
	Reconcile(ctx context.Context, key component.Key, listed target.Listed) (target.Repair, error)
}

// Inventory lists a registry.
type Inventory interface {
	// Inventory calls each with every entry under the configured registry name. After an error the listing is incomplete: what
	// was not listed may exist. An entry may be missing, or be listed twice, while the registry changes.
	Inventory(ctx context.Context, cluster string, each func(target.Entry)) error
	// Place returns the registry and the name under which a component is stored.
	Place(key component.Key) target.Ref
}

// Snapshot reads the desired state of a cluster.
type Snapshot interface {
	// Heads calls each with the last message of every component, without its body.
	Heads(ctx context.Context, cluster string, each func(event.Head)) error
	// Complete returns the marker of the last full sync of the cluster. complete means that a component without messages does
	// not exist.
	Complete(ctx context.Context, cluster string) (marker event.Snapshot, complete bool, err error)
}

// States is the sync state of a target.
type States interface {
	// All calls each with every state of the cluster's components.
	All(ctx context.Context, cluster string, each func(target.State)) error
	// Delete removes a state if its revision is still State.Revision; else it returns ErrConflict.
	Delete(ctx context.Context, s target.State) error
}

// Records stores the results of reconciles and the approvals of deletions.
type Records interface {
	// Approved returns whether the pending deletion with the id was approved.
	Approved(ctx context.Context, id string) (bool, error)
	// Reconciled stores a result.
	Reconciled(ctx context.Context, done target.Reconciliation) error
	// LastReconcile returns the last result for a target and a cluster, whichever replica stored it; false if there is none.
	LastReconcile(ctx context.Context, target, cluster string) (target.Reconciliation, bool, error)
}

// Claims are named locks between processes.
type Claims interface {
	// Acquire takes the lock, or returns ErrClaimed. held derives from ctx and ends as soon as the claim can no longer be
	// relied on. release gives the claim back, and returns ErrConflict if it was lost before.
	Acquire(ctx context.Context, name string) (held context.Context, release func(context.Context) error, err error)
}

// Dependencies are what a [Reconciler] works with.
type Dependencies struct {
	Repairer  Repairer
	Inventory Inventory
	Snapshot  Snapshot
	States    States
	Records   Records
	Claims    Claims
	// Clusters lists the clusters that the registry contains.
	Clusters func(context.Context) ([]string, error)
	// Available blocks while the registry is unavailable. Its only error is the context's.
	Available func(context.Context) error
}
