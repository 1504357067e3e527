// Package watcher keeps the stream equal to the cluster: what a source sees of the Components is compared with the
// newest messages of the stream, and only differences are published.
//
// Guarantees: nothing is published that changes nothing; a deletion is published only when the source reported it or
// a complete round did not show the component; a publish states which message it follows, so that a second leader
// cannot write an older state over a newer one. The memory holds one small entry a component and no resources, and
// what waits to be published is bounded.
//
// The tests use a real nats-server in the process and a source under the test's control.
package watcher
