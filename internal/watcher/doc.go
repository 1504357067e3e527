// Package watcher keeps the stream equal to the cluster: what a source sees of the Components is compared with the
// newest messages of the stream, and only differences are published.
//
// Guarantees: nothing is published that changes nothing; a deletion is published only when the source reported it, or when
// complete rounds did not show the component and the one decision over all scopes that were listed allows it; what it does
// not allow waits for an approval, through terms and other leaders; a publish states which message it follows, so that a second leader
// cannot write an older state over a newer one. The memory holds one small entry a component and no resources, and
// what waits to be published is bounded.
//
// The tests use a real nats-server in the process and a source under the test's control.
package watcher
