package component

import "context"

// Observer receives what a source sees of a set of namespaces. A source calls it from one goroutine a scope; scopes
// do not overlap.
//
// A source opens a round with Begin whenever it starts to read a scope from scratch, reports each Component that
// exists with that round, and closes it with End once it has seen all of them. What was known of the scope and not
// reported by then is gone. A round that fails is never closed: nothing may be inferred from it. Outside a round,
// changes and explicit deletions are reported with the round that ended last.
//
// Observe and End block while the observer cannot take more; their only error is the context's.
type Observer interface {
	Begin(scope Scope) (round uint64)
	Observe(ctx context.Context, round uint64, seen Observation) error
	// The resourceVersion is the cluster's at the end of the round, an opaque string; empty where there is none.
	End(ctx context.Context, round uint64, scope Scope, resourceVersion string) error
}
