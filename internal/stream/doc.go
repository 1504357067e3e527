// Package stream is the stream of component events on JetStream: publishing to it, reading it, and the consumer that the
// replicas of a target share. Package natsconn is the connection, package store keeps what processes share beside the stream.
//
// # Guarantees
//
// [Log.Publish] carries the expected last sequence of its subject, so that an older state never replaces a newer one. A
// publish that is repeated after a lost answer returns the sequence of the stored message.
//
// [Log.Follow] delivers every event once and in order, also across restarts of the server. What is read comes from the leader
// of the stream, never from a lagging replica.
//
// A stream or consumer of that name with another purpose or layout is an error and is not changed.
//
// The tests run a real nats-server in the process, see package streamtest.
package stream
