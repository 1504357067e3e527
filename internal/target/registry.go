package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	Apply(ctx context.Context, key component.Key, c *component.Component, prior Previous) (Result, error)
	// Delete removes what the registry shows for the key. What another owner holds under the name stays. Nothing
	// to remove is success.
	Delete(ctx context.Context, key component.Key, prior Previous) (Result, error)
}

// Probe asks whether the registry as a whole works. Both methods are safe for concurrent use.
type Probe interface {
	// Health asks the registry for its own word. It touches no content.
	Health(ctx context.Context) error
	// Trial writes something that is there already, so that nothing changes: it tells whether the registry takes writes.
	WriteProbe(ctx context.Context) error
}

// Prior is what the sync state tells about the registry's side before an apply.
type Previous struct {
	Ref Ref
	// Doubt says that an earlier attempt began writing and its end is unknown: read before creating anything.
	InDoubt bool
}

// Result is what an apply did.
type Result struct {
	Ref Ref
	// Requests counts all requests, Writes those that changed something.
	Requests, Writes int
}

// Class tells what a failure of the registry asks for.
type Class string

// The classes.
const (
	// ClassDown: the registry cannot be reached or is broken as a whole. Try again, for ever.
	ClassUnavailable Class = "unavailable"
	// ClassBusy: the registry asks for fewer requests. Try again after Failure.RetryAfter.
	ClassRateLimited Class = "rate_limited"
	// ClassRefused: the registry refuses odasync, not the component: a wrong key, a wrong URL. Try again, loudly.
	ClassUnauthorized Class = "unauthorized"
	// ClassMoved: the registry's content changed underneath. Read again and redo.
	ClassConflict Class = "conflict"
	// ClassAlone: the registry fails over this component and takes others. Try again a few times.
	ClassPoison Class = "poison"
	// ClassRejected: this content will never be accepted. Retrying cannot help.
	ClassInvalid Class = "invalid"
	// ClassTaken: the component's name belongs to another owner there. Retrying cannot help before that one goes.
	ClassNameConflict Class = "name_conflict"
	// ClassUnreadable: the message in the stream cannot be decoded. Retrying cannot help.
	ClassMalformed Class = "malformed"
)

// Classes lists all classes.
func Classes() []Class {
	return []Class{ClassUnavailable, ClassRateLimited, ClassUnauthorized, ClassConflict, ClassPoison, ClassInvalid, ClassNameConflict, ClassMalformed}
}

// LetterClasses lists the classes that end in a dead letter, at once or after a few tries.
func DeadLetterClasses() []Class {
	return slices.DeleteFunc(Classes(), func(c Class) bool { return !c.Particular() })
}

// ClassOf returns the class of an error from a Registry; empty for nil.
func ClassOf(err error) Class {
	var failure *Failure
	switch {
	case err == nil:
		return ""
	case errors.As(err, &failure):
		return failure.Class
	}
	return ClassUnavailable
}

// permanent says that the same content will fail again, however often it is tried.
func (c Class) Permanent() bool {
	return c == ClassInvalid || c == ClassNameConflict || c == ClassMalformed
}

// particular says that a failure is about one component and tells nothing against the registry.
func (c Class) Particular() bool {
	return c.Permanent() || c == ClassConflict || c == ClassPoison
}

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
	Detail string
	// Err is the transport error, if any.
	Err error
}

func (f *Failure) Error() string {
	text := f.Request
	if f.Status != 0 {
		text += fmt.Sprintf(": HTTP %d", f.Status)
	}
	if f.Detail != "" {
		text += ": " + f.Detail
	}
	if f.Err != nil {
		text += ": " + f.Err.Error()
	}
	if f.RetryAfter > 0 {
		text += fmt.Sprintf(" (asks for a pause of %s)", f.RetryAfter)
	}
	return text
}

func (f *Failure) Unwrap() error { return f.Err }
