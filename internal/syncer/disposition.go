package syncer

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"odasync/internal/backoff"
	"odasync/internal/event"
	"odasync/internal/target"
)

// action is the answer to a message.
type action int

const (
	ack  action = iota // its outcome is stored
	nak                // deliver it again, later
	term               // never deliver it again; the reason is stored as a dead letter
)

// Outcomes of a message: label values of the metric.
const (
	outcomeApplied    = "applied"
	outcomeUnchanged  = "unchanged"
	outcomeDeleted    = "deleted"
	outcomeSuperseded = "superseded"
	outcomeFailed     = "failed"
	outcomeRetried    = "retried"
	outcomeClaimed    = "claimed"
	outcomeRequeued   = "requeued"
)

// disposition is the result of one attempt, and what happens to its message.
type disposition struct {
	outcome string
	action  action
	delay   time.Duration
	err     error
	writes  int  // requests that changed something in the registry
	created bool // the component had no entry before
	// overwritten means that another program had written over the component's entry.
	overwritten bool
}

var superseded = disposition{outcome: outcomeSuperseded, action: ack}

// requeueDelay is how long messages that were requeued because the breaker opened stay away, and as much again at random:
// this replica does not fetch, and another one may still reach the registry.
const requeueDelay = time.Second

// requeued returns the disposition of a message that was not begun: it is delivered again after the delay and up to as much
// again.
func requeued(delay time.Duration) disposition {
	if delay > 0 {
		delay += rand.N(delay)
	}
	return disposition{outcome: outcomeRequeued, action: nak, delay: delay}
}

// classify is the one place that turns an error into a disposition. The number of the attempt, from 1, determines the delay.
func classify(err error, attempt int) disposition {
	if errors.Is(err, target.ErrClaimed) {
		return disposition{outcome: outcomeClaimed, action: nak, delay: 100*time.Millisecond + rand.N(300*time.Millisecond)}
	}
	d := disposition{outcome: outcomeRetried, action: nak, delay: retries.Delay(attempt), err: err}
	var failure *target.Failure
	if !errors.As(err, &failure) {
		return d
	}
	switch {
	case failure.Class.Permanent():
		return disposition{outcome: outcomeFailed, action: term, err: err}
	case failure.Class == target.ClassRateLimited:
		d.delay = max(d.delay, failure.RetryAfter)
	}
	return d
}

// maxConsecutiveFailures is how often a component alone may fail for a reason that is not permanent by its nature.
const maxConsecutiveFailures = 5

// retries is the back-off between the attempts of one message.
var retries = backoff.Policy{First: 500 * time.Millisecond, Max: 30 * time.Second}

// dispose answers a message and counts its outcome.
func (s *Syncer) dispose(ctx context.Context, message *event.Delivery, d disposition) {
	defer s.release(message)
	a := s.Applier
	a.metrics.countMessage(d.outcome)
	log := a.log.Debug()
	if d.outcome == outcomeFailed {
		a.metrics.deadLetters.WithLabelValues(string(target.ClassOf(d.err))).Inc()
		log = a.log.Error()
	}
	log.Ctx(ctx).Err(d.err).Str("cluster", message.Key.Cluster).Str("namespace", message.Key.Namespace).Str("component", message.Key.Name).
		Uint64("seq", message.Sequence).Int("attempt", message.Attempt).Dur("delay", d.delay).Str("outcome", d.outcome).Msg("message done")
	var err error
	switch d.action {
	case ack:
		err = message.Ack()
	case nak:
		err = message.Retry(d.delay)
	case term:
		err = message.Drop(d.err.Error())
	}
	if err != nil { // it is redelivered after the acknowledgement wait, and recognized
		a.log.Debug().Ctx(ctx).Err(err).Uint64("seq", message.Sequence).Msg("acknowledgement not sent")
	}
}
