// Package conformance is a table of behaviours that a Component Registry and its adapter must show together: what is created,
// updated, moved and deleted, what a crash or another program may do in between, and what stays untouched.
//
// # Guarantees
//
//   - A suite works in names of its own, which begin with odasync-verify- and a random part. It never writes to anything else, so
//     it can run against a registry in use.
//   - Whatever ends a suite, Close removes all that it has created: components, APIs and, in a v1 registry, the registry entries
//     and labels.
//   - What an adapter reports is checked twice: by comparing with a second adapter, and with requests of the registry's API
//     that no adapter sends.
//
// `ctl registry verify` runs it against a live registry, the tests against the reference registry. They also run it against
// registries with faults, which it must find.
package conformance
