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
	// UID and ResourceVersion are those of the resource in its cluster, for people.
	UID             string
	ResourceVersion string
	// Time is when the watcher saw the change.
	Time time.Time
	// Sequence is the sequence of the message in the stream, which is the version of the event; 0 before it is published.
	Sequence uint64
	// Trace is the trace context of the publish.
	Trace Trace
}

// Trace is a W3C trace context, as its two headers hold it. It is not parsed here. The zero Trace is none.
type Trace struct{ Parent, State string }

// Deleted reports whether the event is a tombstone.
func (e *Event) Deleted() bool { return e.Component == nil }

// Upserted returns the event with a component as the desired state.
func Upserted(key component.Key, seen component.Observation) Event {
	return Event{
		Key: key, Component: seen.Component, Hash: component.Hash(seen.Component.Canonical()),
		UID: seen.UID, ResourceVersion: seen.ResourceVersion, Time: seen.Seen,
	}
}

// Tombstone returns the event that deletes a component. uid and resourceVersion are empty where the deletion was inferred from
// absence.
func Tombstone(key component.Key, uid, resourceVersion string, seen time.Time) Event {
	return Event{Key: key, UID: uid, ResourceVersion: resourceVersion, Time: seen}
}

// Head is the last message of a component without its body.
type Head struct {
	Key      component.Key
	Sequence uint64
	Deleted  bool
	Hash     string
	UID      string
	Time     time.Time // when the watcher saw the change; zero where the message has none
}
