// Package normalize reads Component manifests of any API version into a [component.Component], so that the differences
// between the versions end here.
//
// # Guarantees
//
//   - The shape of a manifest decides how it is read, not its apiVersion: without a conversion webhook, a cluster serves the
//     stored shape under every version.
//   - Resources that mean the same have the same hash, whatever version, order or spelling they are written in. The exception
//     is componentMetadata: what the typed fields do not hold as it is written is kept as JSON beside them.
//   - A field that cannot be read is an error that names the field, since a guess would reach a registry as truth. The
//     status is the exception: what cannot be read there counts as not yet written.
//   - The object that is read is neither changed nor retained.
//
// The tests compare manifests of every version with golden files, draw random resources, and fuzz the reader.
package normalize
