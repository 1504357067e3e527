package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"odasync/internal/event"
	"odasync/internal/target"
)

// own records that this process begins to write. A key whose owner is gone is taken over.
func (t *attempt) own() (err error) {
	s := &t.state
	if s.Owner != "" {
		if err := t.a.deps.Sessions.End(t.held, s.Owner); err != nil {
			return err
		}
	}
	recordIntent(s, t.event, t.session.Name())
	s.Revision, err = t.a.deps.States.Save(t.held, *s)
	switch {
	case errors.Is(err, target.ErrConflict) && !t.assumed:
		return fmt.Errorf("%s: %w", t.job.key, target.ErrClaimed) // the registry was not written
	case err != nil && !errors.Is(err, target.ErrConflict):
		t.session.Retire() // the intent may have been stored
	}
	return err
}

// write applies the event to the registry and records the outcome.
func (t *attempt) write() (d disposition, err error) {
	began, s, e := time.Now(), &t.state, t.event
	result, failure := t.apply()
	if t.job.written != nil {
		t.job.written()
	}
	if failure != nil {
		t.a.metrics.failures.WithLabelValues(string(target.ClassOf(failure))).Inc()
	}
	d = recordOutcome(s, e, result, failure)
	if !errors.Is(failure, context.Canceled) {
		s.Tried(began, t.tried(result, failure))
	}
	d.writes, d.created = result.Writes, result.Created
	switch {
	case d.overwritten:
		s.Overwritten++
	case t.compare && failure == nil: // else the registry may not have been read
		s.Overwritten = 0
	}
	if d.action == nak && target.ClassOf(failure) == target.ClassPoison {
		d.delay = max(d.delay, time.Since(began)) // a component that always takes long leaves others at least as much time
	}
	t.a.metrics.attempts.WithLabelValues(d.outcome).Observe(time.Since(began).Seconds())
	// The dead letter comes before the state: if the process ends in between, the intent is still recorded and both are
	// repeated.
	switch {
	case d.action == term:
		err = t.a.deps.DeadLetters.Put(t.ctx, t.a.deadLetter(e, *s, failure))
	case d.action == ack && t.deadLetter:
		err = t.a.deps.DeadLetters.Remove(t.ctx, e.Key, e.Sequence)
		s.DeadLetter = false
	}
	if err == nil {
		s.Revision, err = t.a.deps.States.Save(t.ctx, *s)
	}
	if err == nil && d.action == ack {
		t.a.cache.put(*s)
		t.report(d)
	}
	return d, err
}

// tried describes an attempt for the sync state.
func (t *attempt) tried(result target.Result, err error) target.Attempt {
	tried := target.Attempt{
		Sequence: t.event.Sequence, Requests: result.Requests, Writes: result.Writes, Class: target.ClassOf(err), Compared: t.job.event == nil,
	}
	if err == nil {
		return tried
	}
	var failure *target.Failure
	if errors.As(err, &failure) {
		tried.Status = failure.Status
	}
	return tried
}

// apply writes the event to the registry.
func (t *attempt) apply() (target.Result, error) {
	if t.malformed != nil {
		return target.Result{}, &target.Failure{Class: target.ClassMalformed, Request: "decode", Detail: t.malformed.Error()}
	}
	result, err := t.a.write(t.held, t.event, t.previous)
	if err != nil {
		verb := "apply"
		if t.event.Deleted() {
			verb = "delete"
		}
		return result, fmt.Errorf("%s %s: %w", verb, t.event.Key, err)
	}
	return result, nil
}

// deadLetter records why the event will not be tried again.
func (a *Applier) deadLetter(e *event.Event, state target.State, err error) target.DeadLetter {
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

// report logs and measures an outcome, at level Debug if nothing was written. Only an event's first outcome shows how long
// the event took: a comparison may come days later.
func (t *attempt) report(d disposition) {
	e := t.event
	t.a.metrics.countAPIs(e.Component)
	if t.first {
		t.a.metrics.latency.Observe(time.Since(e.Time).Seconds())
	}
	log := t.a.log.Info()
	if d.writes == 0 {
		log = t.a.log.Debug()
	}
	log.Ctx(t.ctx).Str("cluster", e.Key.Cluster).Str("namespace", e.Key.Namespace).Str("component", e.Key.Name).
		Uint64("seq", e.Sequence).Int("writes", d.writes).Str("outcome", d.outcome).Msg("registry updated")
}
