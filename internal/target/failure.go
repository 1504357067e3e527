package target

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Class is the class of a failure. It determines what happens next.
type Class string

// The classes.
const (
	// ClassUnavailable: the registry cannot be reached or fails as a whole. Try again without end.
	ClassUnavailable Class = "unavailable"
	// ClassRateLimited: the registry asks for fewer requests. Try again after Failure.RetryAfter.
	ClassRateLimited Class = "rate_limited"
	// ClassUnauthorized: the registry rejects odasync, not the component: a wrong key, a wrong URL. Try again, and warn.
	ClassUnauthorized Class = "unauthorized"
	// ClassConflict: the registry's content changed meanwhile. Read it and try again.
	ClassConflict Class = "conflict"
	// ClassPoison: the registry fails for this component and takes others. Try again a few times.
	ClassPoison Class = "poison"
	// ClassInvalid: this content is never accepted. Retrying cannot help.
	ClassInvalid Class = "invalid"
	// ClassNameConflict: the name belongs to another owner in the registry. Retrying cannot help while it does.
	ClassNameConflict Class = "name_conflict"
	// ClassMalformed: the message in the stream cannot be decoded. Retrying cannot help.
	ClassMalformed Class = "malformed"
)

// Classes lists all classes.
func Classes() []Class {
	return []Class{ClassUnavailable, ClassRateLimited, ClassUnauthorized, ClassConflict, ClassPoison, ClassInvalid, ClassNameConflict, ClassMalformed}
}

// DeadLetterClasses lists the classes that end in a dead letter, at once or after a few attempts.
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

// Permanent reports whether the same content will always fail.
func (c Class) Permanent() bool {
	return c == ClassInvalid || c == ClassNameConflict || c == ClassMalformed
}

// Particular reports whether a failure is due to one component and says nothing about the registry as a whole.
func (c Class) Particular() bool {
	return c.Permanent() || c == ClassConflict || c == ClassPoison
}

// Registry reports whether a failure says that the registry as a whole cannot be used; false for no failure.
func (c Class) Registry() bool { return c != "" && !c.Particular() }

// Failure is an answer of the registry, or the lack of one, that ended an apply.
type Failure struct {
	Class Class
	// Request is the method and path template, such as "POST /components/".
	Request string
	// Status is the HTTP status; 0 if there was no answer.
	Status int
	// RetryAfter is the pause that the registry asked for; 0 for none.
	RetryAfter time.Duration
	// Detail is the message of the registry, shortened, or of the adapter.
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
