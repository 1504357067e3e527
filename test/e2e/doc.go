// Package e2e holds the end-to-end tests: the built programs as processes, a real Kubernetes API server (one devcluster for the
// package), a nats-server for each test, and the reference registry in the test's process, so that tests can inspect every write.
//
// The tests share the test environment of test/testenv. They need `make build servers`.
package e2e
