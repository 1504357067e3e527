// Package security tests the permissions of deploy/nats/odasync.conf: each role can do all of its work, with the real programs
// over TLS, and nothing else. Every line of the tables in docs/nats-security.md is tried on a real server.
package security
