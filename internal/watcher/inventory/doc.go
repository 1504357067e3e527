// Package inventory holds what a watcher knows of each component: its last message in the stream, and its presence in the
// cluster.
//
// [Inventory] belongs to a term. It records what the stream has, what a resync sees, and what is absent; the decision about
// absent components is the watcher's. [Confirmed] holds the deletions that need no further decision, also across terms.
//
// # Guarantees
//
//   - Of two changes of a component, the one with the higher ticket is newer.
//   - Only a resync of a later generation makes a component absent, and only in its own scope.
//   - Memory is bounded: a small entry for each component, and no part of a message.
//
// Both are safe for concurrent use and do no I/O. The tests of watcher cover them with a source and a stream.
package inventory
