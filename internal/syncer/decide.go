package syncer

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"odasync/internal/event"
	"odasync/internal/target"
)

// errUncertain means that the stream's answer cannot be relied on yet.
var errUncertain = errors.New("not certain yet")

// decide selects the event to apply; done means that there is none.
func (t *attempt) decide() (d disposition, done bool, err error) {
	s := &t.state
	t.event, t.malformed = t.job.event, t.job.malformed
	t.compare = t.event == nil
	switch {
	case t.event == nil:
		if _, err := t.useNewest(); err != nil {
			return d, false, err
		}
	case isNewer(s, t.event):
	case t.assumed:
		return d, false, errAssumed // nothing is acknowledged without reading the state
	case isOutcomeOf(s, t.event):
		return superseded, true, nil
	default: // an older message, or the stream is older than the sync state
		// After a recorded conflict this message may be the only one that leads back to the key.
		conflict := s.Intent != 0 && s.Intent <= s.Sequence
		restored, err := t.useNewest()
		if err != nil {
			return d, false, err
		}
		if !restored && !conflict {
			return superseded, true, nil
		}
		t.compare = true
	}
	if t.compare || t.malformed != nil {
		return d, false, nil
	}
	if isApplied(s, t.event) {
		d, err = t.saveUnchanged()
		return d, err == nil, err
	}
	t.skipToNewest()
	return d, false, nil
}

// saveUnchanged records the sequence of an event that the registry already has.
func (t *attempt) saveUnchanged() (d disposition, err error) {
	s := &t.state
	s.Sequence, s.Updated = t.event.Sequence, time.Now()
	s.Revision, err = t.a.deps.States.Save(t.ctx, *s)
	switch {
	case errors.Is(err, target.ErrConflict) && !t.assumed:
		return d, fmt.Errorf("%s: %w", t.job.key, target.ErrClaimed) // the registry was not written
	case err != nil:
		return d, err
	}
	t.a.cache.put(*s)
	return disposition{outcome: outcomeUnchanged, action: ack}, nil
}

// useNewest makes the stream's newest message the event to apply, if the answer can be relied on. restored means that the
// stream is older than the sync state: its sequences count from now on.
func (t *attempt) useNewest() (restored bool, err error) {
	s, heads := &t.state, t.a.deps.Heads
	newest, found, err := heads.Newest(t.held, t.job.key)
	t.malformed = nil
	switch {
	case errors.Is(err, event.ErrMalformed):
		t.malformed = err
	case err != nil:
		return false, err
	case !found:
		if newest, err = t.missing(); err != nil {
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
				return false, fmt.Errorf("%w: the newest message of %s is %d, but message %d was applied", errUncertain, t.job.key, newest.Sequence, known)
			}
		}
		t.a.log.Warn().Str("cluster", t.job.key.Cluster).Str("namespace", t.job.key.Namespace).Str("component", t.job.key.Name).
			Uint64("seq", newest.Sequence).Uint64("applied", known).Msg("stream is older than the sync state, following the stream")
		restored = true
		s.Sequence, s.Intent, s.Recent = 0, 1, nil // the ref is still right, but the sequence is not one of this stream
	}
	t.event = &newest
	return restored, nil
}

// missing returns the event for a key without messages: a purged deletion, if a full sync shows that the stream contains
// every component.
func (t *attempt) missing() (event.Event, error) {
	marker, complete, err := t.a.deps.Heads.Complete(t.held, t.job.key.Cluster)
	if err != nil {
		return event.Event{}, err
	}
	if !complete || !marker.Lists(t.job.key.Namespace) {
		return event.Event{}, fmt.Errorf("%w: the stream has no message of %s, and no full sync has confirmed its deletion", errUncertain, t.job.key)
	}
	newest, found, err := t.a.deps.Heads.Newest(t.held, t.job.key) // after the marker: it may have been published meanwhile
	if err != nil || found {
		return newest, err
	}
	newest = event.Tombstone(t.job.key, "", "", time.Now())
	newest.Sequence = max(t.state.Sequence, t.state.Intent, 1)
	return newest, nil
}

// lateAfter is the age from which on a newer message may be looked up: after an outage the stream holds several versions of a
// component, of which only the newest counts.
const lateAfter = 2 * time.Second

// skipToNewest replaces a late event by a newer one of its key. The newer message itself is then found applied.
func (t *attempt) skipToNewest() {
	if time.Since(t.event.Time) <= lateAfter || !t.a.late.sample() {
		return
	}
	newest, found, err := t.a.deps.Heads.Newest(t.held, t.job.key)
	if err == nil && t.a.late.observe(found && newest.Sequence > t.event.Sequence) {
		t.event = &newest
	}
}

// lateRun is the number of late messages in a row that are looked up after one that had a newer one, and lateEvery the
// number of others of which one is looked up.
const (
	lateRun   = 16
	lateEvery = 16
)

// lateSampler selects the late messages for which a newer one is looked up: few where there seldom is one, as in a first
// sync.
type lateSampler struct {
	mu   sync.Mutex
	seen uint
	left int
}

func (l *lateSampler) sample() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen++
	return l.left > 0 || l.seen%lateEvery == 1
}

// observe takes whether there was a newer message, and returns it.
func (l *lateSampler) observe(newer bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = max(l.left-1, 0)
	if newer {
		l.left = lateRun
	}
	return newer
}
