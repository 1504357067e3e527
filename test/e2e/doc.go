// Package e2e holds the end-to-end tests: odasync's built programs as processes, a real Kubernetes API server (one
// devcluster for the package), a nats-server a test, and the reference registry within the test's own process, so that
// everything that was written to it can be looked at.
//
// What the tests work on comes from test/lab. They need `make build servers`.
package e2e
