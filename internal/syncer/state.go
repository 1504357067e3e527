package syncer

import (
	"context"
	"errors"
	"time"

	"odasync/internal/event"
	"odasync/internal/target"
)

// isApplied reports whether the registry is known to have the state of the event.
func isApplied(s *target.State, e *event.Event) bool {
	if s.Intent != 0 {
		return false
	}
	if e.Deleted() {
		return s.Outcome == target.OutcomeDeleted
	}
	return s.Outcome == target.OutcomeApplied && s.Hash == e.Hash
}

// isNewer reports whether the event is newer than every recorded one, or the one that is being written.
func isNewer(s *target.State, e *event.Event) bool {
	return e.Sequence > s.Sequence && e.Sequence >= s.Intent
}

// isOutcomeOf reports whether the recorded outcome is the event's. The sequence alone does not show that: the stream may have
// been restored to an older state.
func isOutcomeOf(s *target.State, e *event.Event) bool {
	return s.Intent == 0 && e.Sequence == s.Sequence && mayBeOutcomeOf(s, e)
}

// mayBeOutcomeOf reports whether the event may be the one with the recorded sequence.
func mayBeOutcomeOf(s *target.State, e *event.Event) bool {
	switch s.Outcome {
	case target.OutcomeApplied:
		return !e.Deleted() && e.Hash == s.Hash
	case target.OutcomeDeleted:
		return e.Deleted()
	}
	return s.Hash == "" || e.Hash == s.Hash // failed deletions and malformed messages have none
}

// recordIntent records that an apply begins, and in which session.
func recordIntent(s *target.State, e *event.Event, session string) {
	if s.Intent != e.Sequence {
		s.Attempts, s.ConsecutiveFailures = 0, 0
	}
	s.Intent, s.Owner, s.Updated = e.Sequence, session, time.Now()
	s.Attempts++
}

// recordOutcome records the registry's answer, and returns the disposition of the message.
func recordOutcome(s *target.State, e *event.Event, result target.Result, err error) disposition {
	s.Owner, s.Updated, s.Error, s.Reason = "", time.Now(), "", target.ClassOf(err)
	d := disposition{outcome: outcomeApplied, action: ack}
	switch {
	case err == nil && e.Deleted():
		d.outcome = outcomeDeleted
		s.Outcome, s.Hash, s.Ref = target.OutcomeDeleted, "", target.Ref{}
	case err == nil:
		s.Outcome, s.Hash, s.Ref = target.OutcomeApplied, e.Hash, result.Ref
	default:
		s.Ref, s.Error = mergeRef(s.Ref, result.Ref), err.Error()
		if s.FailedSince.IsZero() && !errors.Is(err, context.Canceled) {
			s.FailedSince = s.Updated
		}
		if s.Reason.Particular() {
			s.ConsecutiveFailures++
		}
		if d = classify(err, s.Attempts); d.action == nak && s.ConsecutiveFailures >= maxConsecutiveFailures {
			d = disposition{outcome: outcomeFailed, action: term, err: err}
		}
		if d.action == nak { // the intent stays recorded: the next attempt reads before it creates
			return d
		}
		s.Outcome, s.Hash, s.DeadLetter = target.OutcomeFailed, e.Hash, true
	}
	if err == nil {
		s.FailedSince, s.ConsecutiveFailures = time.Time{}, 0
		d.overwritten = result.Overwritten > 0
	}
	s.Sequence, s.Intent, s.Dismissed = max(s.Sequence, e.Sequence), 0, false
	return d
}
