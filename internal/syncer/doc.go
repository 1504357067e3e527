// Package syncer keeps a registry equal to the stream: it takes messages from the shared consumer, and for each one
// claims the key, compares with the sync state, applies, commits and acknowledges.
//
// Guarantees: a message is acknowledged only once the registry and the sync state hold its outcome, or a newer message
// of its key stands behind it; late and repeated deliveries are recognised by their sequence and change nothing; one
// replica at a time writes a key. Where a claim was lost or a commit found another's, the key is applied again from
// the stream's newest message, reading the registry first. A component that the registry rejects becomes a dead letter and
// never holds up another; while the registry as a whole is down a breaker stops the flow, and nothing becomes one for that.
//
// An Applier does this for single components, for messages and for whoever asks for a comparison; a Reconciler compares the
// whole registry with the stream and has an Applier mend what differs.
//
// The tests use a real nats-server in the process, and a registry in memory that writes down every call and what must
// never happen there.
package syncer
