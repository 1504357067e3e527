// Package component is the domain: what odasync knows of an ODA Component, independent of the API version it was
// written in, of the broker that carries it and of the registry that shows it.
//
// A Component holds content only. What changes without changing content (annotations, managedFields, generation,
// resourceVersion) stays outside, so that Hash decides whether there is anything to tell. Slices and maps are in a
// fixed order once Canonical has run; the same content then always has the same bytes and the same hash.
//
// The package imports the standard library only. Its tests need nothing but `go test`.
package component
