// Package reconcile makes the whole registry equal to the stream: it compares the stream's newest messages with a listing
// of the registry, has a [Repairer] compare and write what differs, and deletes orphans.
//
// # Guarantees
//
//   - The comparison keeps a few dozen bytes a component and decides nothing that could be wrong: each difference is read
//     again by the Repairer, as the only writer of the component.
//   - An incomplete listing deletes nothing. Entries are orphans only once a full sync of the cluster has ended, and not in
//     namespaces that it could not list.
//   - Deletions above the limit of package prune wait for an approval.
//   - One replica at a time reconciles a cluster. The next reconcile is due by the record of the last one, whichever replica
//     did it, and comparisons take a tenth of the time at most.
//
// # Tests
//
// They run a syncer against a NATS server in the process and a registry in memory, both from package syncertest.
package reconcile
