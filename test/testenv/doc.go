// Package lab is what the end-to-end tests and the fault tests have in common: a Lab with NATS and a reference registry
// for a test on a shared API server, a Zoo of Components that live and die at random, the Mapping that works out what
// the registry should show (by code that shares nothing with the product's), and Examine, which finds in the registry's
// history what must never have happened.
//
// NATS, watchers and syncers are real processes; the registry runs within the test's own process, so that everything that
// was written to it can be looked at.
package testenv
