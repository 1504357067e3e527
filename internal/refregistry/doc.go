// Package refregistry is a reference Component Registry: an HTTP server that
// behaves like the deployed services, for tests and for trying odasync.
//
// # Guarantees
//
// What works against it works against a deployed registry: package v1 has the
// contract, with its inconvenient parts.
//
// The content is in memory and ends with the process. odasync fills an empty
// registry again from the stream.
//
// At / and /components-gui a page of package web shows the components.
//
// For tests there are [Server.Snapshot] (the whole content), [Server.Requests]
// (how often each operation was called), [Server.History] (all writes, with
// writer and time) and [Server.SetFault] (delays, hangs, resets and wrong
// answers: package faults).
//
// A further contract is a package like v1: it declares its tables, and the
// server chooses it.
//
// The tests run servers on loopback ports.
package refregistry
