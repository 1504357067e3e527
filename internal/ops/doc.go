// Package ops is what a daemon offers its operator: logs, metrics, health, profiles and its version.
//
// # Guarantees
//
// [Health] has three endpoints: /livez reports whether the loops of the process run, /readyz lists the failing checks, and
// /healthz is both. No check and no log line contains a secret.
//
// [Serve] binds its port before it returns. Slow and large requests are bounded. A certificate is loaded again when its files
// change; while they do not match, the earlier one is served.
//
// [Logs] leaves out lines that repeat more often than LOG_REPEATS in a second and logs how many; errors are never left out.
//
// The tests use real listeners on loopback and package opstest for certificates.
package ops
