// Package e2e holds the end-to-end tests: odasync's built programs as processes, a real Kubernetes API server (one
// devcluster for the package), a nats-server a test, and the reference registry within the test's own process, so that
// everything that was written to it can be looked at.
//
// What the registry should show is computed here from the cluster's objects, by code that shares nothing with the
// product's. The tests need `make build servers`.
//
//	E2E_SEED            the random choices of the chaos test; it prints the seed that it used
//	E2E_CHAOS_DURATION  how long the chaos lasts, 60s by default
package e2e
