// Command bench measures how many components a second one syncer applies, against a plain HTTP client that sends the same
// requests to the same registry in the same run. Broker, registry, client and syncer are processes of their own; the stream is
// filled beforehand. It also counts the messages that a syncer sends to the broker for an apply, by kind, and how many of them
// it waits for, and reads the processes' CPU time from /proc, so it needs Linux.
//
// `make bench` runs it with the built programs. With -baseline DIR the syncer of another folder is measured in the same rounds.
package main
