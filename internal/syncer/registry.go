package syncer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/condition"
	"odasync/internal/event"
	"odasync/internal/target"
)

// longPause is the pause from which on a registry that asks for it counts as unavailable: its messages are requeued.
const longPause = 5 * time.Second

// write applies one event to the registry. While the registry as a whole does not answer, it tries again a few times, with a
// pause, before the failure counts and the message is requeued. A stop or the breaker ends the pause. A failure that may be
// particular to this component is not tried again here, since that would hold up others.
func (a *Applier) write(held context.Context, e *event.Event, previous target.Previous) (target.Result, error) {
	opened, requests, writes := a.breaker.Opened(), 0, 0
	for try := 1; ; try++ {
		result, err := a.writeOnce(held, e, previous)
		requests, writes = requests+result.Requests, writes+result.Writes
		result.Requests, result.Writes = requests, writes
		again := target.ClassOf(err) == target.ClassUnavailable && !mayBePoison(err) && try < a.cfg.Tries
		if !again || !a.pause(held, opened, time.Duration(a.cfg.Pause)) {
			return result, a.assess(held, e, err, opened)
		}
		// What the failed try has written is not known.
		previous = target.Previous{Ref: mergeRef(previous.Ref, result.Ref), InDoubt: true}
	}
}

// writeOnce calls the registry and adapts the limiter to its answer.
func (a *Applier) writeOnce(held context.Context, e *event.Event, previous target.Previous) (result target.Result, err error) {
	began := time.Now()
	if e.Deleted() {
		result, err = a.deps.Registry.Delete(held, e.Key, previous)
	} else {
		result, err = a.deps.Registry.Apply(held, e.Key, e.Component, previous)
	}
	if err != nil && target.Held(held) != nil {
		return result, err // a request that was canceled says nothing about the registry
	}
	if target.ClassOf(err) == target.ClassUnavailable && !mayBePoison(err) {
		a.registry.record(err) // with the first try already
	}
	var failure *target.Failure
	switch {
	case (err == nil || target.ClassOf(err).Permanent()) && result.Requests > 0:
		a.limiter.Observe(time.Since(began) / time.Duration(result.Requests))
	case target.ClassOf(err) == target.ClassRateLimited && errors.As(err, &failure):
		a.limiter.Congested(began, failure.RetryAfter)
	case errors.Is(err, context.DeadlineExceeded):
		a.limiter.Congested(began, 0)
	}
	return result, err
}

// assess reports the result of an apply to the breaker and to the registry's condition. An internal error of the registry, a
// request that is not permitted and one without an answer in time may be particular to this component: if the registry takes
// other writes, the failure is the component's. If several components fail like that, it is the registry's all the same.
func (a *Applier) assess(held context.Context, e *event.Event, err error, opened <-chan struct{}) error {
	if err != nil && target.Held(held) != nil {
		return err
	}
	var failure *target.Failure
	switch class := target.ClassOf(err); {
	case err == nil, class.Permanent():
		a.breaker.Succeeded()
	case mayBePoison(err) && errors.As(err, &failure):
		probeErr := a.breaker.ProbeWrite(held)
		if target.Held(held) != nil {
			return err
		}
		if probeErr == nil && !a.breaker.CountFailure(e.Key) {
			poison := *failure
			poison.Class = target.ClassPoison
			err = &poison
			break
		}
		a.breaker.Failed(e.Key, err, probeErr != nil, opened)
	case class == target.ClassUnavailable, class == target.ClassUnauthorized:
		a.breaker.Failed(e.Key, err, false, opened)
	case class == target.ClassRateLimited && errors.As(err, &failure) && failure.RetryAfter >= longPause:
		a.breaker.Paused(failure.RetryAfter, err, opened)
	}
	a.registry.record(err)
	return err
}

// mayBePoison reports whether a failure may be particular to one component.
func mayBePoison(err error) bool {
	var failure *target.Failure
	return errors.As(err, &failure) &&
		(failure.Status == http.StatusInternalServerError || failure.Class == target.ClassUnauthorized || errors.Is(err, context.DeadlineExceeded))
}

// pause waits; false if the session or the syncer ended meanwhile, or the breaker opened.
func (a *Applier) pause(held context.Context, opened <-chan struct{}, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	return a.limiter.Yield(func() bool {
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

// mergeRef keeps the known ref if an unfinished apply returned none.
func mergeRef(known, returned target.Ref) target.Ref {
	if returned == (target.Ref{}) {
		return known
	}
	return returned
}

// registryCondition is whether the registry as a whole takes writes.
type registryCondition struct{ *condition.Condition }

func newRegistryCondition(log zerolog.Logger) registryCondition {
	return registryCondition{condition.New(log, "registry takes no writes, trying again", "registry takes writes again", commonDetail)}
}

// record takes the result of an apply. A failure that is particular to one component counts as success.
func (c registryCondition) record(err error) {
	if target.ClassOf(err).Particular() {
		err = nil
	}
	c.Set(err)
}

// commonDetail returns what a failure has in common over components and requests.
func commonDetail(err error) string {
	var failure *target.Failure
	if !errors.As(err, &failure) {
		return err.Error()
	}
	return string(failure.Class) + failure.Detail
}

// brokerCondition is whether sessions and sync state can be used.
type brokerCondition struct{ *condition.Condition }

func newBrokerCondition(log zerolog.Logger) brokerCondition {
	return brokerCondition{condition.New(log, "sync state unavailable, trying again: check the NATS server", "sync state available again", nil)}
}

// record takes the result of requests to the broker. A conflict with another replica is an answer; a request that was
// canceled says nothing.
func (c brokerCondition) record(err error) {
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, target.ErrClaimed), errors.Is(err, target.ErrConflict), errors.Is(err, errUncertain):
		c.Set(nil)
	default:
		c.Set(err)
	}
}
