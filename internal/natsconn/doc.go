// Package natsconn connects to NATS: the connection, the streams that the program makes there, and reading their messages.
// Packages stream and store keep their data with it.
//
// # Guarantees
//
// A [Conn] that is lost is made again, with the present password. Nothing is buffered meanwhile: a publish fails.
//
// [Conn.Last], [Conn.At], [Conn.Scan] and [Conn.Read] read from the leader of a stream, never from a lagging replica.
//
// A stream of that name with another purpose or layout is an error and is not changed. Settings that an administrator added
// stay.
//
// The tests run a real nats-server in the process, see package streamtest.
package natsconn
