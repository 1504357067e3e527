// Package replay applies the recorded states of components to a registry again: the live one, beside the syncers that feed
// it, or another one that is built from the stream.
//
// # Guarantees
//
// A replay compares before it writes: repeating it writes nothing. Beside running syncers it uses their claims, sync state
// and dead letters, so a newer state is never overwritten. With a registry of its own ([Destination] without a target) it
// leaves stream, sync state, claims and dead letters untouched.
//
// [Journal] records every applied state in a file, so that an interrupted replay continues where it stopped; a state whose
// line was lost is applied again. One process at a time runs a replay.
//
// The tests run replays of a real stream against the reference registry, with interruptions and outages in between.
package replay
