package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
)

// job is one attempt to bring a component's state into the registry.
type job struct {
	key component.Key
	// event is what is to be applied; nil for the stream's newest, read under the claim, with which the registry itself is
	// compared whatever the sync state says.
	event *event.Event
	// unreadable says why the event could not be decoded; it then has only its key and sequence.
	unreadable error
	record     Record // of an entry that was found; used where the sync state knows of none
	absent     bool   // nothing stands under the component's name: it may be created without a look
	number     int    // of the attempt, from 1
}

// lateAfter is the age from which on a message is worth the question whether there is a newer one: after an outage the
// stream holds several versions of a component, of which only the newest counts.
const lateAfter = 2 * time.Second

// late says that the message has waited for a while.
func (j *job) late() bool {
	return j.event != nil && j.unreadable == nil && time.Since(j.event.Time) > lateAfter
}

// superseded says, without a claim, that a newer outcome is stored already.
func (a *Applier) superseded(ctx context.Context, j job) bool {
	state, err := a.ports.States.Load(ctx, j.key)
	return err == nil && state.Intent == 0 && j.event.Sequence <= state.Sequence
}

// apply brings one message's state into the registry. Where another replica may have written at the same time, it
// does so again, from the stream's newest message and reading the registry first, until it was alone.
func (s *Syncer) apply(ctx context.Context, d *event.Delivery) (v verdict) {
	started := time.Now()
	defer func() {
		if v.outcome == outcomeApplied || v.outcome == outcomeDeleted {
			s.metrics.duration.Observe(time.Since(started).Seconds())
		}
	}()
	v, alone := s.attempt(ctx, job{key: d.Key, event: &d.Event, unreadable: d.Err, number: d.Attempt})
	if alone {
		return v
	}
	// Only this replica knows of the race, so it does not hand the message back before the key is right.
	s.raced(ctx, d.Key)
	v = verdict{}
	for number := 1; ; number++ {
		waited := s.limiter.rest(func() bool {
			return waitFor(ctx, nil, max(v.delay, time.Nanosecond)) == nil && s.breaker.await(ctx, s.stopping.Done()) == nil
		})
		if !waited || s.stopping.Err() != nil && s.breaker.Err() != nil {
			return handedBack(0)
		}
		if v, alone = s.attempt(ctx, job{key: d.Key, number: number}); alone && v.action != retry {
			return v
		}
	}
}

// attempt claims the key, applies the event and commits. alone is false when another replica may have written the
// key meanwhile: the verdict then does not count.
func (a *Applier) attempt(ctx context.Context, j job) (v verdict, alone bool) {
	if j.late() && a.superseded(ctx, j) {
		return verdict{outcome: outcomeSuperseded, action: ack}, true
	}
	held, release, err := a.ports.Claims.Acquire(ctx, j.key)
	if err != nil {
		a.broker.result(err)
		return judge(err, j.number), true
	}
	v = a.write(ctx, held, j)
	lost := held.Err() != nil && ctx.Err() == nil
	if err := release(context.WithoutCancel(ctx)); errors.Is(err, ErrConflict) {
		lost = true
	} else if err != nil {
		a.log.Debug().Ctx(ctx).Err(err).Msg("claim not released: the server will expire it")
	}
	if lost {
		a.metrics.lost.Inc()
	}
	return v, !lost && !errors.Is(v.err, ErrConflict)
}

// write does what the claim was taken for. Requests to the registry and reads stop when the claim is lost; the
// commit is attempted all the same, since its compare-and-set tells whether somebody else was there.
func (a *Applier) write(ctx, held context.Context, j job) verdict {
	state, err := a.ports.States.Load(held, j.key)
	e, verify := j.event, j.event == nil
	if err == nil && verify {
		e, j.unreadable, err = a.newest(held, state)
	}
	a.broker.result(err)
	if err != nil {
		return judge(err, j.number)
	}
	if !verify {
		if state.Intent != 0 && state.Intent <= state.Sequence && e.Sequence <= state.Sequence {
			// A replica that had noticed a race ended before the key was right again. Its message is the only one left.
			return judge(fmt.Errorf("an earlier race over %s: %w", e.Key, ErrConflict), j.number)
		}
		// A message older than an intent may be skipped too: the intent's own message is still to be acknowledged.
		if e.Sequence <= state.Sequence || e.Sequence < state.Intent {
			return verdict{outcome: outcomeSuperseded, action: ack}
		}
		if j.unreadable == nil && !e.Verify && state.shows(e) {
			state.Sequence, state.Updated = e.Sequence, time.Now()
			if _, err := a.ports.States.Save(ctx, state); err != nil {
				return judge(err, j.number)
			}
			return verdict{outcome: outcomeUnchanged, action: ack}
		}
	}
	if j.late() && !e.Verify {
		if newest, found, err := a.ports.Heads.Newest(held, j.key); err == nil && found && newest.Sequence > e.Sequence {
			e = &newest // its own message finds it done
		}
	}
	if state.Record == (Record{}) {
		state.Record = j.record
	}
	// A letter that the state does not know of can only stand where an attempt broke off, or the state was lost.
	letter := state.Letter || state.Intent != 0 || verify && state.Revision == 0
	prior := Prior{Record: state.Record, Doubt: verify || e.Verify || state.Intent != 0 || state.Outcome == OutcomeFailed}
	if j.absent && state.Intent == 0 && !e.Deleted() {
		prior = Prior{}
	}
	first := e.Sequence > state.Sequence
	state.begin(e)
	if state.Revision, err = a.ports.States.Save(held, state); err != nil {
		a.broker.result(err)
		return judge(err, j.number)
	}
	began := time.Now()
	result, err := a.toRegistry(held, e, j.unreadable, prior)
	if err != nil {
		a.metrics.failures.WithLabelValues(string(ClassOf(err))).Inc()
	}
	v := state.ended(e, result, err)
	v.writes = result.Writes
	a.metrics.attempts.WithLabelValues(v.outcome).Observe(time.Since(began).Seconds())
	if v.action == retry {
		if _, err := a.ports.States.Save(ctx, state); errors.Is(err, ErrConflict) {
			return judge(err, j.number)
		}
		return v
	}
	// The letter before the state: should this end in between, the intent still stands and all of it is done again.
	if v.action == drop {
		err = a.ports.Letters.Put(ctx, a.letter(e, state, err))
	} else if letter {
		err = a.ports.Letters.Remove(ctx, e.Key)
		state.Letter = false
	}
	if err == nil {
		_, err = a.ports.States.Save(ctx, state)
	}
	if err != nil {
		a.broker.result(err)
		return judge(err, j.number)
	}
	if v.action == ack {
		a.applied(ctx, e, v, first)
	}
	return v
}

// applied tells of an outcome. What was compared and found right is not worth an operator's time. Only an event's first
// outcome tells how long the event took: a comparison may come days later.
func (a *Applier) applied(ctx context.Context, e *event.Event, v verdict, first bool) {
	a.metrics.applied(e.Component)
	if first {
		a.metrics.latency.Observe(time.Since(e.Time).Seconds())
	}
	log := a.log.Info()
	if v.writes == 0 {
		log = a.log.Debug()
	}
	log.Ctx(ctx).Str("cluster", e.Key.Cluster).Str("namespace", e.Key.Namespace).Str("component", e.Key.Name).
		Uint64("seq", e.Sequence).Int("writes", v.writes).Str("outcome", v.outcome).Msg("registry updated")
}

// newest reads what the stream says of a key now. A key without messages was purged, after its deletion.
func (a *Applier) newest(held context.Context, state State) (e *event.Event, unreadable, err error) {
	newest, found, err := a.ports.Heads.Newest(held, state.Key)
	switch {
	case errors.Is(err, event.ErrUnreadable):
		return &newest, err, nil
	case err != nil:
		return nil, nil, err
	case !found:
		newest = event.Tombstone(state.Key, "", "", time.Now())
		newest.Sequence = max(state.Sequence, 1)
	}
	return &newest, nil, nil
}

func (a *Applier) toRegistry(held context.Context, e *event.Event, unreadable error, prior Prior) (result Result, err error) {
	if unreadable != nil {
		return Result{}, &Failure{Class: ClassUnreadable, Request: "decode", Words: unreadable.Error()}
	}
	result, err = a.converse(held, e, prior)
	if err != nil {
		verb := "apply"
		if e.Deleted() {
			verb = "delete"
		}
		return result, fmt.Errorf("%s %s: %w", verb, e.Key, err)
	}
	return result, nil
}
