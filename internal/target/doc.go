// Package target describes a Component Registry as odasync sees it: its interface, its failures and their classes, and what
// is recorded about it: sync states, dead letters and the results of reconciles.
//
// # Guarantees
//
//   - A [Class] determines what happens after a failure; [ClassOf] is the only function that reads it from an error.
//   - The types with JSON tags are stored or answered to ctl.
//
// Adapters implement [Registry]; their packages and the syncer's test it.
package target
