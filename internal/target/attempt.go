package target

import (
	"math"
	"time"
)

// Attempt is one attempt to bring an event into the registry. It is kept for people: nothing is decided by it.
type Attempt struct {
	// Sequence is the stream sequence of the event.
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"` // of its start
	Seconds  float64   `json:"seconds"`
	// Requests counts all requests to the registry, Writes those that changed something.
	Requests int `json:"requests,omitempty"`
	Writes   int `json:"writes,omitempty"`
	// Class is that of the failure, Status the HTTP status of the request that failed; empty and 0 for none.
	Class  Class `json:"class,omitempty"`
	Status int   `json:"status,omitempty"`
	// Compared means that a reconcile or a person asked for it, not a message.
	Compared bool `json:"compared,omitempty"`
}

// maxRecent is the number of attempts that a state keeps, at most 150 bytes each.
const maxRecent = 3

// Tried records an attempt that began at that time and ends now. The state keeps the first and the last attempts of the
// newest event.
func (s *State) Tried(began time.Time, a Attempt) {
	a.Time = began.UTC().Truncate(time.Millisecond)
	a.Seconds = math.Round(time.Since(began).Seconds()*1e4) / 1e4
	recent := make([]Attempt, 0, min(len(s.Recent)+1, maxRecent))
	for _, earlier := range s.Recent {
		if earlier.Sequence == a.Sequence {
			recent = append(recent, earlier)
		}
	}
	if len(recent) >= maxRecent {
		recent = append(recent[:1], recent[len(recent)-maxRecent+2:]...)
	}
	s.Recent = append(recent, a)
}
