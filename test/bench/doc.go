// Command bench measures the components a second that one syncer applies, and compares it with a plain HTTP client that sends the
// same requests to the same registry. Broker, registry, client and syncer are separate processes; the stream is filled beforehand.
// It also counts the messages of a syncer to the broker for an apply, by kind, and those that it waits for, and reads the CPU time
// of the processes from /proc, so it needs Linux.
//
// Besides its tables it prints each measurement in the format of Go benchmarks, for benchstat. `make bench` runs it with the built
// programs. With -baseline DIR it measures the syncer of another version in the same rounds.
package main
