// Package event is the wire format between the watcher and the syncers: CloudEvents 1.0 in the NATS binary mode
// (attributes in ce- headers, JSON body), one subject a component.
//
// An event carries the whole desired state, an upsert with the component or a tombstone without a body; never a
// delta. The last message of a subject is the component's desired state, and its stream sequence is its version.
//
// Encode and Decode are inverse; the golden files in testdata pin the bytes, because other programs read them. The
// package knows neither a broker nor a client library: headers are a plain map with case-sensitive keys.
package event
