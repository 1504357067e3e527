// Package component is the domain: an ODA Component, independent of the API version of its resource, of the broker and of the
// registry.
//
// # Guarantees
//
// A [Component] holds content only. What changes without changing the content (annotations, managedFields, generation,
// resourceVersion) is left out, so that [Hash] decides whether anything has changed. [Component.Canonical] fixes the order of
// slices and maps: the same content always has the same bytes and the same hash.
//
// The package imports the standard library only.
package component
