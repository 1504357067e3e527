// Package stream is the JetStream adapter: the connection, the topology (stream, consumer and KV buckets), publishing
// and reading the log, the shared consumer, sessions, named claims and sync state.
//
// Guarantees: a publish carries the expected last sequence of its subject, so an older state never lands on a newer
// one; a repeated publish whose first answer was lost is recognised as done. Who follows the log gets every event once,
// also while the server is away. Sessions, claims and sync state are read from their stream's leader. Topology that stands under
// the same name for another purpose, or in another layout, is refused and left alone.
//
// The tests run a real nats-server in the process; they need nothing but `go test`.
package stream
