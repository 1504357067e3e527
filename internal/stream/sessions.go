package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"odasync/internal/event"
	"odasync/internal/syncer"
)

// Sessions are how one process shows the others of its target that it lives: a key in the claims bucket that the server
// expires unless it is renewed. The name of a session is never used again, so that one that has ended stays ended.
type Sessions struct {
	kv     jetstream.KeyValue
	ttl    time.Duration
	prefix string
	turn   chan struct{} // holds one while a session is opened or all are closed

	mu      sync.Mutex
	current *session            // nil, or the one that new work begins under
	own     map[string]*session // every one that may still be in use here
}

// sessionOver is the value of a key that keeps a session which has expired from ever being renewed.
const sessionOver = "over"

// Sessions returns the sessions of one process that works for a target; the bucket is created where it is missing.
func (c *Conn) Sessions(ctx context.Context, target string) (*Sessions, error) {
	kv, err := c.ensureBucket(ctx, ClaimsBucket, "claims", c.timing.claimTTL)
	if err != nil {
		return nil, err
	}
	return c.sessionsIn(kv, target), nil
}

// OpenSessions binds to the bucket that a syncer created. A target's replicas and whatever works beside them share one
// scope.
func (c *Conn) OpenSessions(ctx context.Context, target string) (*Sessions, error) {
	kv, err := c.js.KeyValue(ctx, ClaimsBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, fmt.Errorf("bucket %s does not exist yet: start a syncer, which creates it", ClaimsBucket)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", ClaimsBucket, err)
	}
	return c.sessionsIn(kv, target), nil
}

func (c *Conn) sessionsIn(kv jetstream.KeyValue, target string) *Sessions {
	return &Sessions{
		kv: kv, ttl: c.timing.claimTTL, prefix: event.Token(TargetScope(target)) + ".session.",
		turn: make(chan struct{}, 1), own: map[string]*session{},
	}
}

// Open implements syncer.Sessions.
func (s *Sessions) Open(ctx context.Context) (syncer.Session, error) {
	if current := s.live(); current != nil {
		return current, nil
	}
	select { // one request for all who wait
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.turn }()
	if current := s.live(); current != nil {
		return current, nil
	}
	name := nuid.Next()
	asked := time.Now()
	revision, err := retryRefused(ctx, func() (uint64, error) { return s.kv.Create(ctx, s.prefix+name, []byte(name)) })
	if err != nil {
		return nil, fmt.Errorf("open a session: %w", err)
	}
	life, end := context.WithCancelCause(context.Background())
	opened := &session{sessions: s, name: name, revision: revision, life: life, end: end, done: make(chan struct{})}
	opened.renewed.Store(&asked)
	s.mu.Lock()
	s.current, s.own[name] = opened, opened
	s.mu.Unlock()
	go opened.keep()
	return opened, nil
}

// live returns the session that new work begins under, or nil.
func (s *Sessions) live() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current.overdue() != nil {
		s.current = nil
	}
	return s.current
}

// End implements syncer.Sessions.
func (s *Sessions) End(ctx context.Context, name string) error {
	s.mu.Lock()
	_, own := s.own[name]
	s.mu.Unlock()
	if own {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("look for session %s: %w", name, err) }
	for {
		entry, err := s.kv.Get(ctx, s.prefix+name)
		switch {
		case err == nil && string(entry.Value()) == sessionOver:
			return nil
		case err == nil:
			return syncer.ErrClaimed
		case !errors.Is(err, jetstream.ErrKeyNotFound):
			return fail(err)
		}
		// The read may have been answered by a leader that is none any more; the mark is stored only where the key is gone.
		_, err = retryRefused(ctx, func() (uint64, error) { return s.kv.Create(ctx, s.prefix+name, []byte(sessionOver)) })
		if err == nil {
			return nil
		}
		if !isConflict(err) {
			return fail(err)
		}
	}
}

// Close ends every session, so that what was begun under them is free at once. Nothing may be open afterwards.
func (s *Sessions) Close(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.turn }()
	s.mu.Lock()
	all := s.own
	s.current, s.own = nil, map[string]*session{}
	s.mu.Unlock()
	var errs []error
	for _, open := range all {
		open.end(errSessionClosed)
		<-open.done
		errs = append(errs, open.remove(ctx))
	}
	return errors.Join(errs...)
}

var errSessionClosed = errors.New("the session was closed")

// session is one key, renewed until it is lost, retired and out of use, or closed.
type session struct {
	sessions *Sessions
	name     string
	life     context.Context // ends as soon as the session can no longer be relied on
	end      context.CancelCauseFunc
	done     chan struct{} // closed when nothing renews any more

	revision uint64                    // of whoever renews, and then of remove
	renewed  atomic.Pointer[time.Time] // when the last confirmed renewal was sent

	mu      sync.Mutex
	holders int
	retired bool
}

// Name implements syncer.Session.
func (s *session) Name() string { return s.name }

// Hold implements syncer.Session.
func (s *session) Hold(ctx context.Context) (context.Context, func()) {
	s.mu.Lock()
	s.holders++
	s.mu.Unlock()
	held, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(s.life, func() { cancel(context.Cause(s.life)) })
	return &heldContext{held, s, cancel}, func() {
		forget()
		cancel(nil)
		s.mu.Lock()
		s.holders--
		s.mu.Unlock()
	}
}

// Retire implements syncer.Session.
func (s *session) Retire() {
	s.mu.Lock()
	s.retired = true
	s.mu.Unlock()
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	if s.sessions.current == s {
		s.sessions.current = nil
	}
}

// heldContext is the context of what is done under a session. A process that was frozen asks it for errors before a timer
// has fired: the answer must be right then.
type heldContext struct {
	context.Context
	session *session
	cancel  context.CancelCauseFunc
}

// Err implements context.Context: a session that is overdue is lost.
func (h *heldContext) Err() error {
	if err := h.session.overdue(); err != nil && h.Context.Err() == nil {
		h.cancel(err)
	}
	return h.Context.Err()
}

// overdue returns why the session cannot be relied on any more, or nil. It is given up a third of its life before the
// server does, so that a request under way still ends in time.
func (s *session) overdue() error {
	if age := time.Since(*s.renewed.Load()); age > s.sessions.ttl*2/3 && s.life.Err() == nil {
		s.end(fmt.Errorf("session %s was not renewed for %s: %w", s.name, age.Round(time.Millisecond), syncer.ErrConflict))
	}
	return context.Cause(s.life)
}

// keep renews the session until it ends, or it is retired and nothing holds it any more.
func (s *session) keep() {
	defer close(s.done)
	ticker := time.NewTicker(s.sessions.ttl / 6)
	defer ticker.Stop()
	for {
		select {
		case <-s.life.Done():
		case <-ticker.C:
		}
		if s.overdue() != nil {
			s.sessions.forget(s)
			return
		}
		if s.unused() {
			s.end(errSessionClosed)
			s.sessions.forget(s)
			ctx, cancel := context.WithTimeout(context.Background(), s.sessions.ttl)
			_ = s.remove(ctx) // or the server expires it
			cancel()
			return
		}
		if err := s.renew(); errors.Is(err, syncer.ErrConflict) {
			s.end(err)
		}
	}
}

func (s *session) unused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retired && s.holders == 0
}

// forget drops a session that is over. Close may have done so before.
func (s *Sessions) forget(over *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.own, over.name)
	if s.current == over {
		s.current = nil
	}
}

func (s *session) renew() error {
	ctx, cancel := context.WithTimeout(s.life, s.sessions.ttl/6)
	defer cancel()
	asked, key := time.Now(), s.sessions.prefix+s.name
	revision, err := s.sessions.kv.Update(ctx, key, []byte(s.name), s.revision)
	if isConflict(err) {
		// The answer to an earlier renewal may have been lost: the entry is still ours if it says so.
		entry, getErr := s.sessions.kv.Get(ctx, key)
		switch {
		case getErr == nil && string(entry.Value()) == s.name:
			s.revision = entry.Revision()
			return nil // renewed at a time that is not known; the next tick renews again
		case getErr == nil, errors.Is(getErr, jetstream.ErrKeyNotFound):
			return fmt.Errorf("session %s: %w", s.name, syncer.ErrConflict)
		}
		return fmt.Errorf("renew session %s: %w", s.name, getErr)
	}
	if err != nil {
		return fmt.Errorf("renew session %s: %w", s.name, err)
	}
	s.revision = revision
	s.renewed.Store(&asked)
	return nil
}

// remove takes the key away once nothing renews it any more.
func (s *session) remove(ctx context.Context) error {
	err := s.sessions.kv.Delete(ctx, s.sessions.prefix+s.name)
	if err != nil {
		return fmt.Errorf("close session %s: %w", s.name, err)
	}
	return nil
}
