// Package syncertest is the environment of tests that run syncers: a NATS server in the process, a registry in memory that
// records every call and whatever must never happen there, and replicas that work between the two.
package syncertest
