package target

import (
	"time"

	"odasync/internal/event"
)

// Letter is a dead letter: a desired state that the registry will not show before something changes, and why.
type DeadLetter struct {
	// Event is what could not be applied. Where Reason is ClassUnreadable only its key and sequence are known.
	Event event.Event
	// Target names the registry.
	Target string
	Reason Class
	// Request and Status are the registry's side of the failure; empty and 0 where it was not asked.
	Request string
	Status  int
	// Words are the registry's own, cut to a length for people, or a reason of odasync's.
	Detail string
	// Attempts counts how often this state was tried.
	Attempts int
	// First and Last say since when the component fails, and when it failed last.
	First, Last time.Time
}
