// Package stream is the JetStream adapter: the connection, the layout of the stream, publishing
// and reading the log, and the shared consumer.
//
// Guarantees: a publish carries the expected last sequence of its subject, so an older state never lands on a newer
// one; a repeated publish whose first answer was lost is recognised as done. Who follows the log gets every event once,
// also while the server is away. A stream or consumer that stands under
// the same name for another purpose, or in another layout, is refused and left alone.
//
// The tests run a real nats-server in the process; they need nothing but `go test`.
package stream
