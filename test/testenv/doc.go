// Package testenv is the test environment of the end-to-end and fault tests.
//
// An [Env] is the environment of one test: namespaces of a shared API server, and NATS and a reference registry of its own. A
// [Workload] creates, changes and deletes Components at random. A [Mapping] computes what the registry should hold for the
// cluster's Components, by code that shares nothing with the product's. [Examine] searches the registry's history for writes
// that must not happen.
//
// NATS, watchers and syncers are real processes. The registry runs in the test's process, so that tests can inspect every write.
package testenv
