// Package watcher keeps the stream equal to a cluster: it compares what a [Source] reports of the Components with their last
// messages in the stream, and publishes the differences.
//
// Resync: a source reads one scope from scratch. Generation: the number of a resync. Full sync: a resync of every scope and a
// rescan of the stream, followed by a snapshot marker. Term: the time of one leader, from [Watcher.Lead] to its return.
//
// # Guarantees
//
//   - A change that leaves the published state as it is publishes nothing.
//   - A deletion is published only if the source reported it, or if it is absent after complete resyncs and the decision over
//     all listed scopes allows it. Other absent components wait for an approval, also across terms and leaders.
//   - A publish expects the message that it follows, so that a second leader cannot write an older state over a newer one.
//   - Memory is bounded: a small entry of package inventory for each component, no resources, and a limited queue.
//
// The tests use a real nats-server in the process and a source that the test controls.
package watcher
