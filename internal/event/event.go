package event

import (
	"time"

	"odasync/internal/component"
)

// Event is the desired state of one component.
type Event struct {
	Key component.Key
	// Component is the whole desired state; nil makes the event a tombstone.
	Component *component.Component
	// Hash is component.Hash of the canonical body; empty for a tombstone.
	Hash string
	// UID and ResourceVersion are those of the resource in its cluster, carried to be shown.
	UID             string
	ResourceVersion string
	// Verify asks the syncers to compare the registry itself with this state, even where the sync state says that
	// nothing is to be done.
	Verify bool
	// Time is when the watcher saw the change.
	Time time.Time
	// Sequence is the event's place in the stream, its version; 0 before it is published.
	Sequence uint64
	// Trace is the publish that the event came from.
	Trace Trace
}

// Trace names a span for others to go on from: the W3C trace context, as its two headers hold it. Whoever follows it
// reads it; here it is any text. The zero Trace is none.
type Trace struct{ Parent, State string }

// Deleted says whether the event is a tombstone.
func (e *Event) Deleted() bool { return e.Component == nil }

// Upserted returns the event that makes the component the desired state of its key.
func Upserted(key component.Key, seen component.Observation) Event {
	return Event{
		Key: key, Component: seen.Component, Hash: component.Hash(seen.Component.Canonical()),
		UID: seen.UID, ResourceVersion: seen.ResourceVersion, Time: seen.Seen,
	}
}

// Tombstone returns the event that removes the key's component. uid and resourceVersion may be empty where the
// deletion was inferred from absence.
func Tombstone(key component.Key, uid, resourceVersion string, seen time.Time) Event {
	return Event{Key: key, UID: uid, ResourceVersion: resourceVersion, Time: seen}
}

// Head describes the last message of a key's subject without its body.
type Head struct {
	Key      component.Key
	Sequence uint64
	Deleted  bool
	Hash     string
	UID      string
	Time     time.Time // when the watcher saw the change; zero where the message does not tell
}
