// Package daemon wires the long-lived processes, for their own programs and for `ctl run`, which has both in one.
//
// It contains the order of things: what is retried, what a readiness check waits for, what stops first. A process starts
// without NATS, Kubernetes or a registry, and waits for them; only a wrong configuration ends it. After SIGINT or SIGTERM it
// stops in order, bounded by SHUTDOWN_TIMEOUT.
//
// The tests run both processes in-process against a real nats-server, and check that every variable and metric is documented.
package daemon
