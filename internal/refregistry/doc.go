// Package refregistry is a reference Component Registry: an HTTP server that
// behaves like the deployed services, for tests and for trying odasync.
//
// # Guarantees
//
// What works against it works against a deployed registry: packages v1 and
// tmf639 have the contracts, with their inconvenient parts. [Config].API
// chooses one. Package auth issues the tokens that TMF639 can require.
//
// The content is in memory and ends with the process. odasync fills an empty
// registry again from the stream.
//
// At / and /components-gui pages of package web show components and APIs.
//
// For tests there are [Server.Snapshot] and [Server.Resources] (the whole
// content of v1 and of TMF639), [Server.Requests] (how often each operation was
// called), [Server.History] (all writes, with writer and time),
// [Server.MaxInFlight], [Server.SetFault] (delays, hangs, resets and wrong
// answers: package faults), [Server.SetFreeze] (a 16th request in flight stops
// the server), [Server.RotateKeys] and [Server.Restart].
//
// The tests run servers on loopback ports.
package refregistry
