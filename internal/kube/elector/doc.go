// Package elector elects the one watcher that publishes, by a Lease of the Kubernetes API.
//
// [Elector.Run] runs a function while this process holds the Lease.
//
// # Guarantees
//
//   - At most one process holds the Lease. A Lease is no fence, though: a process that was suspended can still act on a lead
//     that it has lost. It checks [Elector.Fresh] before each write, and the compare-and-set of the stream decides in the end.
//   - The Lease is released only after the function has returned, so that two functions never run at once.
//   - The context of the function ends as soon as the Lease is lost, or its last renewal is older than the renew deadline.
//
// The tests use an HTTP server with one Lease. test/kube runs elections on a real API server.
package elector
