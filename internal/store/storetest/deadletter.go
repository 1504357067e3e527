// Package storetest helps tests that read what the store holds.
package storetest

import (
	"odasync/internal/event"
	"odasync/internal/store"
	"odasync/internal/target"
)

// DeadLetter returns the dead letter that was stored.
func DeadLetter(d store.DeadLetter) target.DeadLetter {
	return target.DeadLetter{
		Event: event.Event{
			Key: d.Key(), Component: d.Event.Component, Hash: d.Event.Hash, UID: d.Event.UID,
			ResourceVersion: d.Event.ResourceVersion, Time: d.Event.Time, Sequence: d.Sequence,
		},
		Target: d.Target, Reason: d.Reason, Request: d.Request, Status: d.Status, Detail: d.Detail,
		Attempts: d.Attempts, First: d.First, Last: d.Last,
	}
}
