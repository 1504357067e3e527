package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"odasync/internal/event"
)

// apply brings one message's state into the registry. Where another replica may have written at the same time, it
// does so again, from the stream's newest message and reading the registry first, until it was alone.
func (s *Syncer) apply(ctx context.Context, d *event.Delivery) (v verdict) {
	started := time.Now()
	defer func() {
		if v.outcome == outcomeApplied || v.outcome == outcomeDeleted {
			s.metrics.duration.Observe(time.Since(started).Seconds())
		}
	}()
	v, alone := s.attempt(ctx, &d.Event, d, false)
	if alone {
		return v
	}
	s.metrics.races.Inc()
	s.log.Warn().Str("namespace", d.Key.Namespace).Str("component", d.Key.Name).Uint64("seq", d.Sequence).
		Msg("another replica may have written this component: applying its newest state again")
	// Only this replica knows of the race, so it does not hand the message back before the key is right.
	v = verdict{}
	for again := 1; ; again++ {
		if waitFor(ctx, nil, max(v.delay, time.Nanosecond)) != nil || s.breaker.await(ctx) != nil {
			return handedBack(0)
		}
		e, err := s.newest(ctx, d)
		if err != nil {
			v = judge(err, again)
			continue
		}
		if v, alone = s.attempt(ctx, &e, d, true); alone && v.action != retry {
			return v
		}
	}
}

// newest reads what the stream says of the message's key now.
func (s *Syncer) newest(ctx context.Context, d *event.Delivery) (event.Event, error) {
	e, found, err := s.ports.Heads.Newest(ctx, d.Key)
	if err == nil && !found { // purged after its deletion
		e = event.Tombstone(d.Key, "", "", d.Time)
		e.Sequence = d.Sequence
	}
	return e, err
}

// attempt claims the key, applies the event and commits. alone is false when another replica may have written the
// key meanwhile: the verdict then does not count.
func (s *Syncer) attempt(ctx context.Context, e *event.Event, d *event.Delivery, verify bool) (v verdict, alone bool) {
	held, release, err := s.ports.Claims.Acquire(ctx, e.Key)
	if err != nil {
		s.broker.result(err)
		return judge(err, d.Attempt), true
	}
	v = s.write(ctx, held, e, d, verify)
	lost := held.Err() != nil && ctx.Err() == nil
	if err := release(context.WithoutCancel(ctx)); errors.Is(err, ErrConflict) {
		lost = true
	} else if err != nil {
		s.log.Debug().Err(err).Msg("claim not released: the server will expire it")
	}
	return v, !lost && !errors.Is(v.err, ErrConflict)
}

// write does what the claim was taken for. Requests to the registry and reads stop when the claim is lost; the
// commit is attempted all the same, since its compare-and-set tells whether somebody else was there.
func (s *Syncer) write(ctx, held context.Context, e *event.Event, d *event.Delivery, verify bool) verdict {
	state, err := s.ports.States.Load(held, e.Key)
	s.broker.result(err)
	if err != nil {
		return judge(err, d.Attempt)
	}
	if !verify {
		if state.Intent != 0 && state.Intent <= state.Sequence && e.Sequence <= state.Sequence {
			// A replica that had noticed a race ended before the key was right again. Its message is the only one left.
			return judge(fmt.Errorf("an earlier race over %s: %w", e.Key, ErrConflict), d.Attempt)
		}
		// A message older than an intent may be skipped too: the intent's own message is still to be acknowledged.
		if e.Sequence <= state.Sequence || e.Sequence < state.Intent {
			return verdict{outcome: outcomeSuperseded, action: ack}
		}
		if d.Err == nil && !e.Verify && state.shows(e) {
			state.Sequence, state.Updated = e.Sequence, time.Now()
			if _, err := s.ports.States.Save(ctx, state); err != nil {
				return judge(err, d.Attempt)
			}
			return verdict{outcome: outcomeUnchanged, action: ack}
		}
	}
	prior := Prior{Record: state.Record, Doubt: verify || e.Verify || state.Intent != 0 || state.Outcome == OutcomeFailed}
	state.begin(e)
	if state.Revision, err = s.ports.States.Save(held, state); err != nil {
		s.broker.result(err)
		return judge(err, d.Attempt)
	}
	result, err := s.toRegistry(held, e, d, prior)
	if err != nil {
		s.metrics.failures.WithLabelValues(string(ClassOf(err))).Inc()
	}
	v := state.ended(e, result, err)
	if v.action == retry {
		if _, err := s.ports.States.Save(ctx, state); errors.Is(err, ErrConflict) {
			return judge(err, d.Attempt)
		}
		return v
	}
	// The letter before the state: should this end in between, the intent still stands and all of it is done again.
	if v.action == drop {
		err = s.ports.Letters.Put(ctx, s.letter(e, state, err))
	} else if state.Letter || prior.Doubt {
		err = s.ports.Letters.Remove(ctx, e.Key)
		state.Letter = false
	}
	if err == nil {
		_, err = s.ports.States.Save(ctx, state)
	}
	if err != nil {
		s.broker.result(err)
		return judge(err, d.Attempt)
	}
	if v.action == ack {
		s.metrics.applied(e.Component)
		s.metrics.latency.Observe(time.Since(e.Time).Seconds())
		s.log.Info().Str("cluster", e.Key.Cluster).Str("namespace", e.Key.Namespace).Str("component", e.Key.Name).
			Uint64("seq", e.Sequence).Int("writes", result.Writes).Str("outcome", v.outcome).Msg("registry updated")
	}
	return v
}

func (s *Syncer) toRegistry(held context.Context, e *event.Event, d *event.Delivery, prior Prior) (result Result, err error) {
	if d.Err != nil && d.Sequence == e.Sequence {
		return Result{}, &Failure{Class: ClassUnreadable, Request: "decode", Words: d.Err.Error()}
	}
	result, err = s.converse(held, e, prior)
	if err != nil {
		verb := "apply"
		if e.Deleted() {
			verb = "delete"
		}
		return result, fmt.Errorf("%s %s: %w", verb, e.Key, err)
	}
	return result, nil
}
