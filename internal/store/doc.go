// Package store keeps what processes share beside the log in JetStream: sync states, sessions, claims, records and dead
// letters.
//
// # Guarantees
//
// Every write that depends on an earlier one is a compare-and-set. [States.Save] and [DeadLetters.Put] return
// target.ErrConflict where another process has written meanwhile. Buckets are read from the leader of their stream.
//
// A claim or session has one holder at a time. The server expires its key unless the holder renews it; no clocks are
// compared. The holder gives it up before the server does, also after the process was frozen. A session that has ended
// never comes back: [Sessions.End] returns nil only once it is certain.
//
// The tests run a real nats-server in the process.
package store
