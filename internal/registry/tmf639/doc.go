// Package tmf639 is the adapter to the Component Registry of today's Canvas, which speaks TMF639 Resource Inventory
// Management. A component becomes one document, each of its APIs another one that is linked to it; see [document.Desire].
//
// Every document carries its owner and the digest of its content in its resourceVersion, see [document.Mark]. The registry lists the
// resourceVersions of all documents cheaply; nothing else of a document is read to compare it. What an apply has written is
// recorded in the sync state, so that a change of one API is one request.
//
// # Guarantees
//
//   - A document of another owner is never changed. One that the Canvas's own collector wrote for the same component is taken
//     over if the configuration permits it.
//   - The Component exists before its APIs are linked to it, and is removed after them. An interruption between any two
//     requests leaves nothing that the next attempt does not repair.
//   - No request needs the permission to read a single document.
//   - No request starts once the caller's context has ended, not even one on behalf of several callers.
//   - What an apply leaves has, in [Adapter.Inventory], the digest that the apply recorded.
//
// The tests run against the reference registry over real HTTP.
package tmf639
