package syncer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"odasync/internal/event"
	"odasync/internal/target"
)

// converse brings one state into the registry. Where the registry as a whole does not answer, it tries again at once,
// a few times and with a pause, before the failure counts and the message goes back to the stream. A stop ends the
// pause, and so does the breaker. What may be about this component alone is not tried again here: it would hold up others.
func (a *Applier) converse(held context.Context, e *event.Event, prior target.Previous) (target.Result, error) {
	opened := a.breaker.opened()
	for try := 1; ; try++ {
		result, err := a.once(held, e, prior)
		again := target.ClassOf(err) == target.ClassUnavailable && !mayBePoison(err) && try < a.cfg.Tries
		if !again || !a.pause(held, opened, time.Duration(a.cfg.Pause)) {
			return result, a.weigh(held, e, err, opened)
		}
		// What the failed try left behind is not known.
		prior = target.Previous{Ref: merged(prior.Ref, result.Ref), InDoubt: true}
	}
}

func (a *Applier) once(held context.Context, e *event.Event, prior target.Previous) (result target.Result, err error) {
	began := time.Now()
	if e.Deleted() {
		result, err = a.ports.Registry.Delete(held, e.Key, prior)
	} else {
		result, err = a.ports.Registry.Apply(held, e.Key, e.Component, prior)
	}
	if err != nil && target.Held(held) != nil {
		return result, err // a request that was cut off tells nothing about the registry
	}
	if target.ClassOf(err) == target.ClassUnavailable && !mayBePoison(err) {
		a.sink.result(err) // told at the first try already
	}
	var failure *target.Failure
	switch {
	case (err == nil || target.ClassOf(err).Permanent()) && result.Requests > 0:
		a.limiter.answered(time.Since(began) / time.Duration(result.Requests))
	case target.ClassOf(err) == target.ClassRateLimited && errors.As(err, &failure):
		a.limiter.pressed(began, failure.RetryAfter)
	case errors.Is(err, context.DeadlineExceeded):
		a.limiter.pressed(began, 0)
	}
	return result, err
}

// weigh tells the breaker and the readiness how a conversation ended. An internal error of the registry, a request that it
// does not let pass and one that it does not answer in time may be about this component alone: then it takes other writes,
// and the failure is the component's. Where several components meet that, it is the registry's all the same.
func (a *Applier) weigh(held context.Context, e *event.Event, err error, flow <-chan struct{}) error {
	if err != nil && target.Held(held) != nil {
		return err
	}
	var failure *target.Failure
	switch class := target.ClassOf(err); {
	case err == nil, class.Permanent():
		a.breaker.succeeded()
	case mayBePoison(err) && errors.As(err, &failure):
		probe := a.breaker.trial(held)
		if target.Held(held) != nil {
			return err
		}
		if probe == nil && !a.breaker.several(e.Key) {
			poison := *failure
			poison.Class = target.ClassPoison
			err = &poison
			break
		}
		a.breaker.failedFor(e.Key, err, probe != nil, flow)
	case class == target.ClassUnavailable, class == target.ClassUnauthorized:
		a.breaker.failedFor(e.Key, err, false, flow)
	case class == target.ClassRateLimited && errors.As(err, &failure) && failure.RetryAfter >= longPause:
		a.breaker.pausedFor(failure.RetryAfter, err, flow)
	}
	a.sink.result(err)
	return err
}

// longPause is the pause from which on a registry that asks for it counts as down: what waits is of more use elsewhere.
const longPause = 5 * time.Second

// mayBePoison says whether a failure may be the registry's answer to one component alone.
func mayBePoison(err error) bool {
	var failure *target.Failure
	return errors.As(err, &failure) &&
		(failure.Status == http.StatusInternalServerError || failure.Class == target.ClassUnauthorized || errors.Is(err, context.DeadlineExceeded))
}

// pause waits; false when the claim or the syncer ended meanwhile, or the breaker opened.
func (a *Applier) pause(held context.Context, opened <-chan struct{}, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	return a.limiter.rest(func() bool {
		select {
		case <-timer.C:
			return true
		case <-held.Done():
		case <-opened:
		case <-a.stopping.Done():
		}
		return false
	})
}
