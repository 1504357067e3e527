// Package syncer applies the messages of the stream to a registry. A [Syncer] takes them from the shared consumer; its
// [Applier] reads the sync state of each component, records the intent, writes the registry, records the outcome and
// acknowledges the message. An Applier also compares single components on request.
//
// # Guarantees
//
//   - A message is acknowledged only after the registry and the sync state have its outcome, or a newer message of its key
//     follows. Late and repeated deliveries are recognized by sequence and hash and change nothing.
//   - One replica at a time writes a key: the sync state names its session. After a lost session or a refused compare-and-set
//     two replicas may have written. That conflict is recorded in the state, and the key is compared with the registry.
//   - A component that the registry rejects becomes a dead letter and blocks no other one. While the registry as a whole is
//     unavailable, the breaker of package flow stops the messages, and none becomes a dead letter.
//   - A stream that was restored to an older state than the sync state is followed, once that is certain.
//
// # Tests
//
// They use package syncertest: a NATS server in the process, and a registry in memory that records every call and whatever
// must never happen there.
package syncer
