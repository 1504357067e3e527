// Package daemon wires the parts into the two long-lived processes, for their own programs and for `ctl run`, which
// has both in one. It holds no logic but the order of things: what is waited for, what is retried, what is stopped
// first.
package daemon
