// Package ops is what a daemon shows its operator: logs, metrics, health and its own version.
//
// Health is three addresses: /livez says that the process turns, /readyz says in words what keeps it from its work,
// /healthz is both. A check that fails is named; its words never hold a secret.
package ops
