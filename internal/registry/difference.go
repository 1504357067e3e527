package registry

import "odasync/internal/component"

// Difference is a field in which the registry differs from what it should show. A side that lacks it is empty.
type Difference struct {
	// Field is "label KEY", "api NAME" for an API that only one side has, or "api NAME FIELD".
	Field        string
	Want, Actual string
}

// Standing is how an entry stands to a component.
type Presence int

const (
	// StandsMissing: nothing stands under the component's name.
	Missing Presence = iota
	// StandsTaken: the name belongs to another owner.
	TakenByOther
	// Stands: the entry is the component's, or nobody's, in which case an apply makes it the component's.
	Present
)

// Orphan is an entry that odasync put into the registry and that should not be there.
type Orphan struct {
	Key   component.Key // as its labels tell
	Entry string        // its name in the registry
}

// Owner is the value of the ownership label on what odasync registers for a cluster.
func ManagedBy(cluster string) string { return "odasync/" + cluster }
