package syncer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"odasync/internal/event"
)

// converse brings one state into the registry. Where the registry as a whole does not answer, it tries again at once,
// a few times and with a pause, before the failure counts and the message goes back to the stream. A stop ends the
// pause, and so does the breaker.
func (a *Applier) converse(held context.Context, e *event.Event, prior Prior) (Result, error) {
	opened := a.breaker.opened()
	for try := 1; ; try++ {
		result, err := a.once(held, e, prior)
		if ClassOf(err) != ClassDown || try >= a.cfg.Tries || !a.pause(held, opened, time.Duration(a.cfg.Pause)) {
			return result, a.weigh(held, e, err, opened)
		}
		// What the failed try left behind is not known.
		prior = Prior{Record: merged(prior.Record, result.Record), Doubt: true}
	}
}

func (a *Applier) once(held context.Context, e *event.Event, prior Prior) (result Result, err error) {
	began := time.Now()
	if e.Deleted() {
		result, err = a.ports.Registry.Delete(held, e.Key, prior)
	} else {
		result, err = a.ports.Registry.Apply(held, e.Key, e.Component, prior)
	}
	if err != nil && held.Err() != nil {
		return result, err // a request that was cut off tells nothing about the registry
	}
	if ClassOf(err) == ClassDown && !internalError(err) {
		a.sink.result(err) // told at the first try already
	}
	var failure *Failure
	switch {
	case (err == nil || ClassOf(err).permanent()) && result.Requests > 0:
		a.limiter.answered(time.Since(began) / time.Duration(result.Requests))
	case ClassOf(err) == ClassBusy && errors.As(err, &failure):
		a.limiter.pressed(began, failure.RetryAfter)
	case errors.Is(err, context.DeadlineExceeded):
		a.limiter.pressed(began, 0)
	}
	return result, err
}

// weigh tells the breaker and the readiness how a conversation ended. An internal error of the registry may be its answer
// to this component alone: then it takes other writes, and the failure is the component's. Where several components meet
// that, it is the registry's all the same.
func (a *Applier) weigh(held context.Context, e *event.Event, err error, flow <-chan struct{}) error {
	if err != nil && held.Err() != nil {
		return err
	}
	var failure *Failure
	class := ClassOf(err)
	switch {
	case err == nil, class.permanent():
		a.breaker.succeeded()
	case class == ClassRefused:
		a.breaker.failedFor(e.Key, err, a.breaker.trial(held) != nil, flow)
	case class == ClassDown:
		certain := false
		if internalError(err) && errors.As(err, &failure) {
			trial := a.breaker.trial(held)
			if trial == nil && !a.breaker.several(e.Key) {
				alone := *failure
				alone.Class = ClassAlone
				err = &alone
				break
			}
			certain = trial != nil && held.Err() == nil
		}
		a.breaker.failedFor(e.Key, err, certain, flow)
	}
	a.sink.result(err)
	return err
}

// internalError says whether the registry failed over a request, which may be its answer to one component alone.
func internalError(err error) bool {
	var failure *Failure
	return errors.As(err, &failure) && failure.Status == http.StatusInternalServerError
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
