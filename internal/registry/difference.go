package registry

import "odasync/internal/component"

// Presence is whether a component's entry exists.
type Presence int

const (
	// Missing: no entry has the component's name.
	Missing Presence = iota
	// TakenByOther: the entry of that name belongs to another owner.
	TakenByOther
	// Present: the entry is the component's, or has no owner, in which case an apply adopts it.
	Present
)

// Difference is a field whose value in the registry is not the desired one. A side that lacks the field is empty.
type Difference struct {
	// Field is "label KEY", "api NAME" for an API that only one side has, or "api NAME FIELD".
	Field        string
	Want, Actual string
}

// Actual is what a registry has, or the part of it that was read.
type Actual interface {
	// Compare reports whether the component's entry exists, and in what it differs from the desired one. There is a difference
	// exactly where an apply would write.
	Compare(key component.Key, c *component.Component) (Presence, []Difference)
	// Orphans returns the entries that odasync created for components of the cluster and that should not exist: the component is
	// not desired, or its entry has another name now.
	Orphans(cluster string, desired func(component.Key) bool) []Orphan
}

// Orphan is an entry of odasync's that should not exist.
type Orphan struct {
	Key   component.Key // from its labels
	Entry string        // its name in the registry
}

// ManagedBy is the value of the ownership label on the entries of a cluster.
func ManagedBy(cluster string) string { return "odasync/" + cluster }
