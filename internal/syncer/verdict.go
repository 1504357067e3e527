package syncer

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"odasync/internal/event"
	"odasync/internal/target"
)

// action is what happens to a message.
type action int

const (
	ack   action = iota // the outcome is stored
	retry               // again, later
	drop                // never again, and the reason is stored
)

// The words for what became of a message: label values of the metric.
const (
	outcomeApplied    = "applied"
	outcomeUnchanged  = "unchanged"
	outcomeDeleted    = "deleted"
	outcomeSuperseded = "superseded"
	outcomeFailed     = "failed"
	outcomeRetried    = "retried"
	outcomeClaimed    = "claimed"
	outcomeHandedBack = "handed_back"
)

// verdict is how one attempt ended.
type verdict struct {
	outcome string
	action  action
	delay   time.Duration
	err     error
	writes  int // requests that changed something in the registry
}

// handedBack returns a message that was not begun to whoever asks next, after the delay and up to as much again.
func handedBack(delay time.Duration) verdict {
	if delay > 0 {
		delay += rand.N(delay)
	}
	return verdict{outcome: outcomeHandedBack, action: retry, delay: delay}
}

// judge is the one place that turns an error into a verdict. The attempt, from 1, decides how long to wait.
func judge(err error, attempt int) verdict {
	if errors.Is(err, target.ErrClaimed) {
		return verdict{outcome: outcomeClaimed, action: retry, delay: 100*time.Millisecond + rand.N(300*time.Millisecond)}
	}
	v := verdict{outcome: outcomeRetried, action: retry, delay: backoff(attempt), err: err}
	var failure *target.Failure
	if !errors.As(err, &failure) {
		return v
	}
	switch {
	case failure.Class.Permanent():
		return verdict{outcome: outcomeFailed, action: drop, err: err}
	case failure.Class == target.ClassRateLimited:
		v.delay = max(v.delay, failure.RetryAfter)
	}
	return v
}

// maxStrikes is how often a component alone may fail without a reason that is permanent by its nature.
const maxStrikes = 5

// backoff is the wait before the next attempt: exponential from half a second with full jitter, at most 30 s.
func backoff(attempt int) time.Duration {
	ceiling := min(500*time.Millisecond<<min(max(attempt-1, 0), 10), 30*time.Second)
	return ceiling/10 + rand.N(ceiling)
}

// settle tells the broker what became of a message and counts it.
func (s *Syncer) settle(ctx context.Context, d *event.Delivery, v verdict) {
	defer s.letGo(d)
	s.metrics.handled(v.outcome)
	log := s.log.Debug()
	if v.outcome == outcomeFailed {
		s.metrics.letters.WithLabelValues(string(target.ClassOf(v.err))).Inc()
		log = s.log.Error()
	}
	log.Ctx(ctx).Err(v.err).Str("cluster", d.Key.Cluster).Str("namespace", d.Key.Namespace).Str("component", d.Key.Name).
		Uint64("seq", d.Sequence).Int("attempt", d.Attempt).Dur("delay", v.delay).Str("outcome", v.outcome).Msg("message done")
	var err error
	switch v.action {
	case ack:
		err = d.Ack()
	case retry:
		err = d.Retry(v.delay)
	case drop:
		err = d.Drop(v.err.Error())
	}
	if err != nil { // it comes again after the acknowledgement wait and is recognised
		s.log.Debug().Ctx(ctx).Err(err).Uint64("seq", d.Sequence).Msg("the broker did not take the answer")
	}
}
