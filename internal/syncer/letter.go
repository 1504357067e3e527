package syncer

import (
	"errors"

	"odasync/internal/event"
	"odasync/internal/target"
)

// letter writes down why the event will not be tried again.
func (a *Applier) letter(e *event.Event, state target.State, err error) target.DeadLetter {
	l := target.DeadLetter{
		Event: *e, Target: a.cfg.Target, Reason: target.ClassOf(err), Detail: err.Error(),
		Attempts: state.Attempts, First: state.FailedSince, Last: state.Updated,
	}
	var failure *target.Failure
	if errors.As(err, &failure) {
		l.Request, l.Status, l.Detail = failure.Request, failure.Status, failure.Detail
	}
	return l
}
