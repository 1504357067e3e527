// Package stream is the JetStream adapter: the connection, the stream of component events, publishing to it, reading it, and
// the consumer that the replicas of a target share. Package store keeps what processes share beside it.
//
// # Guarantees
//
// [Log.Publish] carries the expected last sequence of its subject, so that an older state never replaces a newer one. A
// publish that is repeated after a lost answer returns the sequence of the stored message.
//
// [Log.Follow] delivers every event once and in order, also across restarts of the server. [Conn.Last], [Conn.At] and all
// that use them read from the leader of the stream, never from a lagging replica.
//
// A stream or consumer of that name with another purpose or layout is an error and is not changed.
//
// The tests run a real nats-server in the process, see package streamtest.
package stream
