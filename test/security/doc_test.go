// Package security tests what deploy/nats/odasync.conf lets the users of a NATS server do: each role its whole work, with
// the real programs over TLS, and nothing else. The tables of docs/nats-security.md are read and tried line by line.
package security
