package target

import (
	"context"

	"odasync/internal/component"
)

// Registry is a Component Registry. Its methods are safe for concurrent use with different keys; the caller never runs two
// for one key at a time. The context ends when the claim on the key is lost: no request may start after that.
//
// Errors that the caller can act on are *Failure; any other error counts as ClassUnavailable.
type Registry interface {
	// Apply makes the entry of the key equal to the component: its labels, its APIs and their states. It writes only what
	// differs, so a repeat writes nothing. The result is valid, as far as it is filled, also with an error.
	Apply(ctx context.Context, key component.Key, c *component.Component, previous Previous) (Result, error)
	// Delete removes the entry of the key. An entry of another owner with that name stays. No entry is success.
	Delete(ctx context.Context, key component.Key, previous Previous) (Result, error)
}

// Probe checks whether the registry as a whole works. Both methods are safe for concurrent use.
type Probe interface {
	// Health asks the registry for its health, without its content.
	Health(ctx context.Context) error
	// WriteProbe writes content that the registry already has: it shows whether the registry takes writes.
	WriteProbe(ctx context.Context) error
}

// Previous is what the sync state records about the registry before an apply.
type Previous struct {
	Ref Ref
	// InDoubt means that the outcome of an earlier attempt is unknown: what the registry has must be read now, before anything is
	// created.
	InDoubt bool
	// Verify means that the registry may have other content than Ref records: it must be read, but a listing that is a few
	// seconds old will do.
	Verify bool
}

// Result describes an apply.
type Result struct {
	Ref Ref
	// Requests counts all requests, Writes those that changed something.
	Requests, Writes int
	// Created means that the component had no entry before, or that it was created anew.
	Created bool
	// Overwritten counts the rows that another program had written over odasync's.
	Overwritten int
}
