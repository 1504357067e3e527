package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/target"
)

// job is one attempt to bring a component's state into the registry.
type job struct {
	key component.Key
	// event is what is to be applied; nil for the stream's newest, with which the registry itself is compared whatever the
	// sync state says.
	event *event.Event
	// unreadable says why the event could not be decoded; it then has only its key and sequence.
	unreadable error
	first      bool       // the event was published as the first one of its key
	record     target.Ref // of an entry that was found; used where the sync state knows of none
	absent     bool       // nothing stands under the component's name: it may be created without a look
	number     int        // of the attempt, from 1
	// leave makes room for another component once the registry has this one; nil where the caller does that in the end.
	leave func()
}

// attempt is one job under way: the sync state is read, the attempt recorded in it with this process as the owner of the
// key, the registry written, and the outcome recorded.
type attempt struct {
	a       *Applier
	job     job
	ctx     context.Context // ends with the work
	held    context.Context // ends also when the session can no longer be relied on
	session target.Session

	state   target.State
	guessed bool         // the state was not read: only a compare-and-set tells whether it is right
	event   *event.Event // what is applied
	// malformed says why the event could not be decoded.
	malformed error
	compare   bool // with the registry itself, whatever the sync state says
	previous  target.Previous
	first     bool // no outcome of the event was recorded before
	letter    bool // a dead letter of the component may be stored
	raced     bool // another replica may have written the registry at the same time, which is noted
}

// attempt brings a job's state into the registry, as the only one in this process that works on the key. After a race the
// key is compared with the registry at once, since its message may be acknowledged by another replica already.
func (a *Applier) attempt(ctx context.Context, j job) verdict {
	if !a.enterKey(j.key) {
		return judge(target.ErrClaimed, j.number)
	}
	defer a.leaveKey(j.key)
	v, raced := a.try(ctx, j)
	if raced {
		if j.leave != nil && a.limiter.enter(ctx) == nil {
			defer a.limiter.leave()
		}
		writes := v.writes
		v, _ = a.try(ctx, job{key: j.key, number: j.number}) // if it fails, the race stays noted in the sync state
		v.writes += writes
	}
	return v
}

// try is one try of a job under the present session; raced says that another replica may have written at the same time.
func (a *Applier) try(ctx context.Context, j job) (v verdict, raced bool) {
	session, err := a.ports.Sessions.Open(ctx)
	if err != nil {
		return a.brokerFailed(err, j.number), false
	}
	held, release := session.Hold(ctx)
	defer release()
	t := &attempt{a: a, job: j, ctx: ctx, held: held, session: session}
	v = t.run()
	if target.Held(held) != nil && ctx.Err() == nil {
		a.metrics.lost.Inc()
	}
	return v, t.raced
}

// enterKey keeps the work of this process on a key apart.
func (a *Applier) enterKey(key component.Key) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, busy := a.busy[key]; busy {
		return false
	}
	a.busy[key] = struct{}{}
	return true
}

func (a *Applier) leaveKey(key component.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.busy, key)
}

// brokerFailed is the verdict over a job that the broker did not let go on.
func (a *Applier) brokerFailed(err error, number int) verdict {
	a.broker.result(err)
	return judge(err, number)
}

// run takes the steps in their order. A guess that turns out to be wrong is made good by reading.
func (t *attempt) run() verdict {
	var v verdict
	var done bool
	err := t.recall()
	if err == nil {
		v, done, err = t.begin()
	}
	if t.guessed && (errors.Is(err, target.ErrConflict) || errors.Is(err, errGuessed)) {
		if err = t.read(); err == nil {
			v, done, err = t.begin()
		}
	}
	t.a.broker.result(err)
	switch {
	case err != nil:
		return judge(err, t.job.number)
	case done:
		return v
	}
	return t.conclude(t.write())
}

// begin decides what is to be done and takes the key; done where nothing is.
func (t *attempt) begin() (v verdict, done bool, err error) {
	if v, done, err = t.decide(); err != nil || done {
		return v, done, err
	}
	s := &t.state
	if s.Ref == (target.Ref{}) {
		s.Ref = t.job.record
	}
	t.previous = target.Previous{Ref: s.Ref, InDoubt: t.compare || s.Intent != 0 || s.Outcome == target.OutcomeFailed}
	if t.job.absent && s.Intent == 0 && !t.event.Deleted() {
		t.previous = target.Previous{}
	}
	// One that the state does not know of can only be there where an attempt broke off, or the state was lost.
	t.letter = s.DeadLetter || s.Intent != 0 || t.compare && s.Revision == 0
	t.first = t.event.Sequence > s.Sequence
	return v, false, t.own()
}

// recall gets the sync state: the one that this process stored last, or none for what was published first, without asking
// for it, else by reading. What was delivered before is always read: another replica may have worked on it.
func (t *attempt) recall() error {
	if t.job.event != nil && t.job.number == 1 && t.job.unreadable == nil {
		if t.state, t.guessed = t.a.remembered(t.job.key); !t.guessed && t.job.first {
			t.state, t.guessed = target.State{Key: t.job.key}, true
		}
		if t.guessed {
			return nil
		}
	}
	return t.read()
}

func (t *attempt) read() (err error) {
	t.guessed = false
	t.state, err = t.a.ports.States.Load(t.held, t.job.key)
	return err
}

// errGuessed says that something cannot be decided by a guess.
var errGuessed = errors.New("the sync state was not read")

// decide finds out what is to be applied; done where nothing is.
func (t *attempt) decide() (v verdict, done bool, err error) {
	s := &t.state
	t.event, t.malformed = t.job.event, t.job.unreadable
	t.compare = t.event == nil || t.event.Verify
	switch {
	case t.event == nil:
		if _, err := t.newest(); err != nil {
			return v, false, err
		}
	case isNewer(s, t.event):
	case t.guessed:
		return v, false, errGuessed // nothing is acknowledged from memory alone
	case isOutcomeOf(s, t.event):
		return verdict{outcome: outcomeSuperseded, action: ack}, true, nil
	default: // an older message, or the stream is older than it was
		// Where a race was noted, this message may be the only one that leads back to the key.
		raced := s.Intent != 0 && s.Intent <= s.Sequence
		restored, err := t.newest()
		if err != nil {
			return v, false, err
		}
		if !restored && !raced {
			return verdict{outcome: outcomeSuperseded, action: ack}, true, nil
		}
		t.compare = true
	}
	if t.compare || t.malformed != nil {
		return v, false, nil
	}
	if isApplied(s, t.event) {
		s.Sequence, s.Updated = t.event.Sequence, time.Now()
		s.Revision, err = t.a.ports.States.Save(t.ctx, *s)
		switch {
		case errors.Is(err, target.ErrConflict) && !t.guessed:
			return v, false, fmt.Errorf("%s: %w", t.job.key, target.ErrClaimed) // nothing was written
		case err != nil:
			return v, false, err
		}
		t.a.remember(*s)
		return verdict{outcome: outcomeUnchanged, action: ack}, true, nil
	}
	if time.Since(t.event.Time) > lateAfter && t.a.askLate() {
		if newest, found, err := t.a.ports.Heads.Newest(t.held, t.job.key); err == nil && t.a.asked(found && newest.Sequence > t.event.Sequence) {
			t.event = &newest // its own message finds it done
		}
	}
	return v, false, nil
}

// lateAfter is the age from which on a message may be asked about whether there is a newer one: after an outage the
// stream holds several versions of a component, of which only the newest counts.
const lateAfter = 2 * time.Second

// lateRun is how many late messages in a row are asked about after one that had a newer one, and lateEvery how many of the
// others come to one that is asked about.
const (
	lateRun   = 16
	lateEvery = 16
)

// askLate says whether to ask for a newer message. Where there seldom is one, as in a first sync, few are asked about.
func (a *Applier) askLate() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lateSeen++
	return a.lateLeft > 0 || a.lateSeen%lateEvery == 1
}

// asked notes whether there was a newer message.
func (a *Applier) asked(newer bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lateLeft--
	if newer {
		a.lateLeft = lateRun
	}
	a.lateLeft = max(a.lateLeft, 0)
	return newer
}

// newest makes the stream's newest message the one that is compared, if the answer can be relied on. Where the stream is
// known to be older than the sync state, its sequences count from now on, and restored is true.
func (t *attempt) newest() (restored bool, err error) {
	s, heads := &t.state, t.a.ports.Heads
	newest, found, err := heads.Newest(t.held, t.job.key)
	t.malformed = nil
	switch {
	case errors.Is(err, event.ErrMalformed):
		t.malformed = err
	case err != nil:
		return false, err
	case !found:
		if newest, err = t.vanished(); err != nil {
			return false, err
		}
	}
	known := max(s.Sequence, s.Intent)
	if found && (newest.Sequence < known || newest.Sequence == s.Sequence && t.malformed == nil && !mayBeOutcomeOf(s, &newest)) {
		if newest.Sequence < known {
			if restored, err = heads.Restored(t.held, t.job.key, known); err != nil {
				return false, err
			}
			if !restored {
				return false, fmt.Errorf("%w: the stream answered with message %d of %s, and message %d was applied", errUnknown, newest.Sequence, t.job.key, known)
			}
		}
		t.a.log.Warn().Str("cluster", t.job.key.Cluster).Str("namespace", t.job.key.Namespace).Str("component", t.job.key.Name).
			Uint64("seq", newest.Sequence).Uint64("applied", known).Msg("stream is older than the sync state, following the stream")
		restored = true
		s.Sequence, s.Intent = 0, 1 // what the registry holds is as recorded, but the sequence is not this stream's
	}
	t.event = &newest
	return restored, nil
}

// errUnknown says that what the stream answers cannot be relied on yet.
var errUnknown = errors.New("not known yet")

// vanished is the event for a key without messages: a deletion that was purged, if a marker proves that the stream has all
// that exists.
func (t *attempt) vanished() (event.Event, error) {
	marker, complete, err := t.a.ports.Heads.Complete(t.held, t.job.key.Cluster)
	if err != nil {
		return event.Event{}, err
	}
	if !complete || !marker.Lists(t.job.key.Namespace) {
		return event.Event{}, fmt.Errorf("%w: the stream has no message of %s, and no full sync has said since that it was deleted", errUnknown, t.job.key)
	}
	newest, found, err := t.a.ports.Heads.Newest(t.held, t.job.key) // after the marker: it may have been published meanwhile
	if err != nil || found {
		return newest, err
	}
	newest = event.Tombstone(t.job.key, "", "", time.Now())
	newest.Sequence = max(t.state.Sequence, t.state.Intent, 1)
	return newest, nil
}

// own records that writing begins, and that this process does it. A key that a process which is gone has begun with is
// taken over.
func (t *attempt) own() (err error) {
	s := &t.state
	if s.Owner != "" {
		if err := t.a.ports.Sessions.End(t.held, s.Owner); err != nil {
			return err
		}
	}
	recordIntent(s, t.event, t.session.Name())
	s.Revision, err = t.a.ports.States.Save(t.held, *s)
	switch {
	case errors.Is(err, target.ErrConflict) && !t.guessed:
		return fmt.Errorf("%s: %w", t.job.key, target.ErrClaimed) // nothing was written yet
	case err != nil && !errors.Is(err, target.ErrConflict):
		t.session.Retire() // it may own the key without knowing
	}
	return err
}

// write brings the event into the registry and records the outcome.
func (t *attempt) write() (v verdict, err error) {
	began, s, e := time.Now(), &t.state, t.event
	result, failure := t.a.toRegistry(t.held, e, t.malformed, t.previous)
	if t.job.leave != nil {
		t.job.leave()
	}
	if failure != nil {
		t.a.metrics.failures.WithLabelValues(string(target.ClassOf(failure))).Inc()
	}
	v = recordOutcome(s, e, result, failure)
	v.writes = result.Writes
	if v.action == retry && target.ClassOf(failure) == target.ClassPoison {
		v.delay = max(v.delay, time.Since(began)) // one that always takes long leaves others at least as much time
	}
	t.a.metrics.attempts.WithLabelValues(v.outcome).Observe(time.Since(began).Seconds())
	// The letter before the state: should this end in between, the intent still stands and all of it is done again.
	switch {
	case v.action == drop:
		err = t.a.ports.DeadLetters.Put(t.ctx, t.a.letter(e, *s, failure))
	case v.action == ack && t.letter:
		err = t.a.ports.DeadLetters.Remove(t.ctx, e.Key, e.Sequence)
		s.DeadLetter = false
	}
	if err == nil {
		s.Revision, err = t.a.ports.States.Save(t.ctx, *s)
	}
	if err == nil && v.action == ack {
		t.a.remember(*s)
		t.a.applied(t.ctx, e, v, t.first)
	}
	return v, err
}

// conclude turns a refused compare-and-set into a noted race, and so a lost session under which no outcome was stored. Where
// there is only no answer, nobody knows whether the state was stored, and with it the owner: the session ends, so that
// others need not wait for it.
func (t *attempt) conclude(v verdict, err error) verdict {
	switch {
	case err == nil:
		return v
	case errors.Is(err, target.ErrConflict), target.Held(t.held) != nil && t.ctx.Err() == nil:
		t.noteRace()
	default:
		t.session.Retire()
	}
	again := t.a.brokerFailed(err, t.job.number)
	again.writes = v.writes
	return again
}

// noteRace notes in the sync state that another replica may have written the registry at the same time: whoever works on the
// key next compares it with the registry. The other replica's own compare-and-set fails by that, if it is still under way.
func (t *attempt) noteRace() {
	t.a.metrics.races.Inc()
	t.a.log.Warn().Ctx(t.ctx).Str("cluster", t.job.key.Cluster).Str("namespace", t.job.key.Namespace).Str("component", t.job.key.Name).
		Msg("another replica may have written this component, comparing it with the registry")
	for failures := 1; ; failures++ {
		state, err := t.a.ports.States.Load(t.ctx, t.job.key)
		if err == nil {
			if state.Owner == t.session.Name() {
				state.Owner = ""
			}
			if state.Intent == 0 {
				state.Intent = max(state.Sequence, 1)
			}
			_, err = t.a.ports.States.Save(t.ctx, state)
		}
		switch {
		case err == nil:
			t.raced = true
			return
		case errors.Is(err, target.ErrConflict):
			failures = 0
			continue
		}
		t.a.broker.result(err)
		if waitFor(t.ctx, nil, backoff(failures)) != nil {
			return
		}
	}
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

func (a *Applier) toRegistry(held context.Context, e *event.Event, unreadable error, prior target.Previous) (result target.Result, err error) {
	if unreadable != nil {
		return target.Result{}, &target.Failure{Class: target.ClassMalformed, Request: "decode", Detail: unreadable.Error()}
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

// maxRemembered bounds the sync states that are remembered, a few hundred bytes each.
const maxRemembered = 4096

// remember keeps what was stored last, to spare the next attempt the reading. In doubt nothing is kept.
func (a *Applier) remember(s target.State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.recent) >= maxRemembered {
		for key := range a.recent { // any one
			delete(a.recent, key)
			break
		}
	}
	a.recent[s.Key] = s
}

// remembered returns what was stored last, once: it is stored again, or wrong by then.
func (a *Applier) remembered(key component.Key) (target.State, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, found := a.recent[key]
	delete(a.recent, key)
	return s, found
}
