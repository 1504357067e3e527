package syncer

import (
	"context"
	"errors"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
)

// Outcome is how the newest event of a component ended in a target.
type Outcome string

// The outcomes. An entry without one holds an intent only.
const (
	OutcomeApplied Outcome = "applied"
	OutcomeDeleted Outcome = "deleted"
	OutcomeFailed  Outcome = "failed"
)

// Record is what a target's registry is known to hold for a component, as the adapter told. The zero Record means
// that nothing is known to stand there.
type Ref struct {
	// Registry and Name are the names under which the component stands there.
	Registry string `json:"registry,omitempty"`
	Name     string `json:"name,omitempty"`
	// ID is the registry's own id of the component's entry.
	ID string `json:"id,omitempty"`
	// Digest is over all that the entry shows, in the adapter's own way; empty where that is not known.
	Digest string `json:"digest,omitempty"`
}

// State is the sync state of one component in one target: JSON in the KV bucket. The entries of a target together
// are the inventory of what this system owns there.
type State struct {
	Key component.Key `json:"-"`
	// Sequence is the newest stream sequence whose outcome this is; 0 where there is none yet.
	Sequence uint64  `json:"sequence,omitempty"`
	Outcome  Outcome `json:"outcome,omitempty"`
	// Hash is the content of the outcome: what the registry shows, or did not take. Empty when deleted or not known.
	Hash string `json:"hash,omitempty"`
	Ref  Ref    `json:"record,omitzero"`
	// Intent is the sequence for which writing began and whose end is not recorded; 0 for none. What the registry
	// holds is in doubt while it stands: read before writing.
	Intent uint64 `json:"intent,omitempty"`
	// Owner is the session of the process that works on the component; empty while none does.
	Owner string `json:"owner,omitempty"`
	// Error is the reason of a failed outcome, in the registry's words, and Reason its class.
	Error  string `json:"error,omitempty"`
	Reason Class  `json:"reason,omitempty"`
	// Attempts counts how often the newest event was tried, and Strikes how often of these it alone failed.
	Attempts            int `json:"attempts,omitempty"`
	ConsecutiveFailures int `json:"strikes,omitempty"`
	// FailedSince is when the first of the failures came that no success has followed; zero for none.
	FailedSince time.Time `json:"failedSince,omitzero"`
	// Letter says that a dead letter of the component is stored.
	DeadLetter bool      `json:"letter,omitempty"`
	Updated    time.Time `json:"updated"`
	// Revision is the entry's revision for compare-and-set; 0 where there is no entry.
	Revision uint64 `json:"-"`
}

// isApplied says whether the registry is known to hold what the event asks for.
func isApplied(s *State, e *event.Event) bool {
	if s.Intent != 0 {
		return false
	}
	if e.Deleted() {
		return s.Outcome == OutcomeDeleted
	}
	return s.Outcome == OutcomeApplied && s.Hash == e.Hash
}

// isNewer says whether the event is newer than all that is recorded, or the one whose writing began.
func isNewer(s *State, e *event.Event) bool {
	return e.Sequence > s.Sequence && e.Sequence >= s.Intent
}

// isOutcomeOf says whether the outcome is the event's. The sequence alone does not tell where the stream came back older.
func isOutcomeOf(s *State, e *event.Event) bool {
	return s.Intent == 0 && e.Sequence == s.Sequence && mayBeOutcomeOf(s, e)
}

// mayBeOutcomeOf says whether the event may be the one with the recorded sequence.
func mayBeOutcomeOf(s *State, e *event.Event) bool {
	switch s.Outcome {
	case OutcomeApplied:
		return !e.Deleted() && e.Hash == s.Hash
	case OutcomeDeleted:
		return e.Deleted()
	}
	return s.Hash == "" || e.Hash == s.Hash // of a failed deletion, and of what cannot be decoded, there is none
}

// recordIntent records that writing begins, and in which process.
func recordIntent(s *State, e *event.Event, session string) {
	if s.Intent != e.Sequence {
		s.Attempts, s.ConsecutiveFailures = 0, 0
	}
	s.Intent, s.Owner, s.Updated = e.Sequence, session, time.Now()
	s.Attempts++
}

// recordOutcome records how the registry answered, and returns what that means for the message.
func recordOutcome(s *State, e *event.Event, result Result, err error) verdict {
	s.Owner, s.Updated, s.Error, s.Reason = "", time.Now(), "", ClassOf(err)
	v := verdict{outcome: outcomeApplied, action: ack}
	switch {
	case err == nil && e.Deleted():
		v.outcome = outcomeDeleted
		s.Outcome, s.Hash, s.Ref = OutcomeDeleted, "", Ref{}
	case err == nil:
		s.Outcome, s.Hash, s.Ref = OutcomeApplied, e.Hash, result.Ref
	default:
		s.Ref, s.Error = merged(s.Ref, result.Ref), err.Error()
		if s.FailedSince.IsZero() && !errors.Is(err, context.Canceled) {
			s.FailedSince = s.Updated
		}
		if s.Reason.Particular() {
			s.ConsecutiveFailures++
		}
		if v = judge(err, s.Attempts); v.action == retry && s.ConsecutiveFailures >= maxStrikes {
			v = verdict{outcome: outcomeFailed, action: drop, err: err}
		}
		if v.action == retry { // the intent stands: the next attempt reads before it creates
			return v
		}
		s.Outcome, s.Hash, s.DeadLetter = OutcomeFailed, e.Hash, true
	}
	if err == nil {
		s.FailedSince, s.ConsecutiveFailures = time.Time{}, 0
	}
	s.Sequence, s.Intent = max(s.Sequence, e.Sequence), 0
	return v
}

// merged keeps what was known where an unfinished apply tells nothing.
func merged(known, told Ref) Ref {
	if told == (Ref{}) {
		return known
	}
	return told
}
