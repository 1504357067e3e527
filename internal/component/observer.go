package component

import "context"

// Observer receives the Components of a set of namespaces from a source. The calls for one scope do not overlap; nor do
// the scopes.
//
// A resync reads a scope from scratch: the source begins it with Begin, reports each existing Component with its generation, and
// ends it with End after the last one. Known Components of the scope that were not reported are absent then, except for those that
// the source does not know about. A resync that fails
// never ends, and implies no absence. Between two resyncs, changes and explicit deletions are reported with the generation of
// the last one.
//
// Unchanged saves the source from reading a Component whose Observation would change nothing: where it returns true for the digest
// of its resource, the Component counts as reported.
//
// Observe and End block while the observer accepts no more. They only return the error of the context.
type Observer interface {
	Begin(scope Scope) (generation uint64)
	Unchanged(generation uint64, namespace, name string, source uint64) bool
	Observe(ctx context.Context, generation uint64, seen Observation) error
	End(ctx context.Context, generation uint64, scope Scope, resync Resync) error
}

// Resync is what a source says at the end of a resync.
type Resync struct {
	// ResourceVersion is the cluster's, an opaque string; empty if there is none.
	ResourceVersion string
	// Unknown reports whether a Component that was not reported may exist, such as in a file that cannot be read: it is not
	// absent then. It is nil if everything could be read, and only called during End.
	Unknown func(namespace, name string) bool
}
