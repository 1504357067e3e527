// Package syncer keeps a registry equal to the stream: it takes messages from the shared consumer, and for each one
// compares with the sync state, records in it that this process begins, applies, records the outcome and acknowledges.
//
// Guarantees: a message is acknowledged only once the registry and the sync state hold its outcome, or a newer message
// of its key stands behind it; late and repeated deliveries are recognised by sequence and hash and change nothing; one
// replica at a time writes a key, since the sync state names the session of the one that does. A session that was lost or a
// refused compare-and-set means that two may have written: that is noted in the sync state, and the key is compared with the
// registry. A component that the registry rejects becomes a dead letter and never holds up another; while the registry as a
// whole is down a breaker stops the flow, and nothing becomes one for that. A stream that came back older than the sync
// state is followed once that is certain.
//
// An Applier does this for single components, for messages and for whoever asks for a comparison; a Reconciler compares the
// whole registry with the stream and has an Applier mend what differs.
//
// The tests use a real nats-server in the process, and a registry in memory that writes down every call and what must
// never happen there.
package syncer
