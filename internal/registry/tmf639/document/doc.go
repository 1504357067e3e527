// Package document maps components to the documents of the TMF639 API, and tells what a document of the registry is.
//
// [Desire] returns the Component's document and one for each of its APIs, in the form of the Canvas's own collector. Every
// document carries a [Mark] in its resourceVersion: its owner and the digest of its content. [Stored] is a document as the
// registry has it, [Differences] compares the two.
//
// # Guarantees
//
//   - Documents satisfy the specification's Resource_FVO, and have no value that the registry could not write again.
//   - The ids of a component's documents differ from each other, have no slash, and depend on nothing but the component.
//   - A digest covers what a document says, and nothing that depends on how the registry is reached.
//
// The tests compare with a golden file, the specification's schema, and captured documents where ODASYNC_SHARED names them.
package document
