package syncer

import (
	"context"
	"fmt"
	"time"

	"odasync/internal/component"
)

// Registry is a Component Registry that shows components. Its methods are safe for concurrent use with different
// keys; the caller never runs two for one key at a time. The context ends when the claim on the key is lost: no
// request may start after that.
//
// Errors that the caller can act on are *Failure; any other error counts as ClassDown.
type Registry interface {
	// Apply makes the registry show the component and nothing more for this key: its labels, its APIs, their states.
	// It writes only what differs, so a repeat writes nothing. The record is valid, as far as it is filled, even
	// when the error is not nil.
	Apply(ctx context.Context, key component.Key, c *component.Component, prior Prior) (Result, error)
	// Delete removes what the registry shows for the key. What another owner holds under the name stays. Nothing
	// to remove is success.
	Delete(ctx context.Context, key component.Key, prior Prior) (Result, error)
}

// Prior is what the sync state tells about the registry's side before an apply.
type Prior struct {
	Record Record
	// Doubt says that an earlier attempt began writing and its end is unknown: read before creating anything.
	Doubt bool
}

// Result is what an apply did.
type Result struct {
	Record Record
	// Writes counts the requests that changed something.
	Writes int
}

// Class tells what a failure of the registry asks for.
type Class string

// The classes.
const (
	// ClassDown: the registry cannot be reached or is broken as a whole. Try again, for ever.
	ClassDown Class = "down"
	// ClassBusy: the registry asks for fewer requests. Try again after Failure.RetryAfter.
	ClassBusy Class = "busy"
	// ClassRefused: the registry refuses odasync, not the component: a wrong key, a wrong URL. Try again, loudly.
	ClassRefused Class = "refused"
	// ClassMoved: the registry's content changed underneath. Read again and redo.
	ClassMoved Class = "moved"
	// ClassRejected: this content will never be accepted. Retrying cannot help.
	ClassRejected Class = "rejected"
)

// Failure is a registry's answer, or the lack of one, that ended an apply.
type Failure struct {
	Class Class
	// Request is the method and path template, such as "POST /components/".
	Request string
	// Status is the HTTP status; 0 where there was no answer.
	Status int
	// RetryAfter is the wait that the registry asked for; 0 for none.
	RetryAfter time.Duration
	// Words are the registry's own, cut to a length for people, or a reason of the adapter's.
	Words string
	// Err is the transport error, if any.
	Err error
}

func (f *Failure) Error() string {
	text := f.Request
	if f.Status != 0 {
		text += fmt.Sprintf(": HTTP %d", f.Status)
	}
	if f.Words != "" {
		text += ": " + f.Words
	}
	if f.Err != nil {
		text += ": " + f.Err.Error()
	}
	return text
}

func (f *Failure) Unwrap() error { return f.Err }
