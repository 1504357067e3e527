package component

import "context"

// Observer receives the Components of a set of namespaces from a source. The calls for one scope do not overlap; nor do
// the scopes.
//
// A resync reads a scope from scratch: the source begins it with Begin, reports each existing Component with its generation, and
// ends it with End after the last one. Known Components of the scope that were not reported are absent then. A resync that fails
// never ends, and implies no absence. Between two resyncs, changes and explicit deletions are reported with the generation of
// the last one.
//
// Observe and End block while the observer accepts no more. They only return the error of the context.
type Observer interface {
	Begin(scope Scope) (generation uint64)
	Observe(ctx context.Context, generation uint64, seen Observation) error
	// The resourceVersion is the cluster's at the end of the resync, an opaque string; empty if there is none.
	End(ctx context.Context, generation uint64, scope Scope, resourceVersion string) error
}
