package syncer

import (
	"context"
	"errors"
	"time"

	"odasync/internal/event"
	"odasync/internal/target"
)

// isApplied says whether the registry is known to hold what the event asks for.
func isApplied(s *target.State, e *event.Event) bool {
	if s.Intent != 0 {
		return false
	}
	if e.Deleted() {
		return s.Outcome == target.OutcomeDeleted
	}
	return s.Outcome == target.OutcomeApplied && s.Hash == e.Hash
}

// isNewer says whether the event is newer than all that is recorded, or the one whose writing began.
func isNewer(s *target.State, e *event.Event) bool {
	return e.Sequence > s.Sequence && e.Sequence >= s.Intent
}

// isOutcomeOf says whether the outcome is the event's. The sequence alone does not tell where the stream came back older.
func isOutcomeOf(s *target.State, e *event.Event) bool {
	return s.Intent == 0 && e.Sequence == s.Sequence && mayBeOutcomeOf(s, e)
}

// mayBeOutcomeOf says whether the event may be the one with the recorded sequence.
func mayBeOutcomeOf(s *target.State, e *event.Event) bool {
	switch s.Outcome {
	case target.OutcomeApplied:
		return !e.Deleted() && e.Hash == s.Hash
	case target.OutcomeDeleted:
		return e.Deleted()
	}
	return s.Hash == "" || e.Hash == s.Hash // of a failed deletion, and of what cannot be decoded, there is none
}

// recordIntent records that writing begins, and in which process.
func recordIntent(s *target.State, e *event.Event, session string) {
	if s.Intent != e.Sequence {
		s.Attempts, s.ConsecutiveFailures = 0, 0
	}
	s.Intent, s.Owner, s.Updated = e.Sequence, session, time.Now()
	s.Attempts++
}

// recordOutcome records how the registry answered, and returns what that means for the message.
func recordOutcome(s *target.State, e *event.Event, result target.Result, err error) verdict {
	s.Owner, s.Updated, s.Error, s.Reason = "", time.Now(), "", target.ClassOf(err)
	v := verdict{outcome: outcomeApplied, action: ack}
	switch {
	case err == nil && e.Deleted():
		v.outcome = outcomeDeleted
		s.Outcome, s.Hash, s.Ref = target.OutcomeDeleted, "", target.Ref{}
	case err == nil:
		s.Outcome, s.Hash, s.Ref = target.OutcomeApplied, e.Hash, result.Ref
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
		s.Outcome, s.Hash, s.DeadLetter = target.OutcomeFailed, e.Hash, true
	}
	if err == nil {
		s.FailedSince, s.ConsecutiveFailures = time.Time{}, 0
	}
	s.Sequence, s.Intent = max(s.Sequence, e.Sequence), 0
	return v
}

// merged keeps what was known where an unfinished apply tells nothing.
func merged(known, told target.Ref) target.Ref {
	if told == (target.Ref{}) {
		return known
	}
	return told
}
