package target

import (
	"time"

	"odasync/internal/event"
)

// DeadLetter is a desired state that the registry does not take, and why.
type DeadLetter struct {
	// Event is the event that failed. If Reason is ClassMalformed, it has only its key and sequence.
	Event event.Event
	// Target names the registry.
	Target string
	Reason Class
	// Request and Status are those of the failed request; empty and 0 if there was none.
	Request string
	Status  int
	// Detail is the message of the registry, shortened, or of odasync.
	Detail string
	// Attempts counts the attempts to apply the event.
	Attempts int
	// First and Last are the times of the component's first and last failure since its last success.
	First, Last time.Time
}
