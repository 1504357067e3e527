// Package outsider does to a registry what other programs and people do, with requests of the registry's API that no adapter
// sends: it reads what is there, creates and changes documents, and deletes them.
//
// # Guarantees
//
//   - An outsider reaches only the places whose names begin with the one in its configuration: the registry entries of a v1
//     registry, the prefixes of ids of a TMF639 registry.
//   - It knows nothing of the adapters, so that it finds what they agree on and the registry does not have.
//
// The tests of package conformance use it on every registry.
package outsider
