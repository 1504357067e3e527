package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/target"
)

// Sessions show the other processes of a target that this one runs. The name of a session is never used again, so that a session
// that has ended stays ended.
type Sessions struct {
	kv     jetstream.KeyValue
	ttl    time.Duration
	prefix string
	turn   chan struct{} // a semaphore for opening a session and closing all

	mu      sync.Mutex
	current *session            // the one for new work, or nil
	own     map[string]*session // those that may be in use here, and some that have ended
}

// sessionOver is the value of the key of a session that must not be renewed again.
const sessionOver = "over"

// EnsureSessions returns the sessions of one process that works for a target and creates their bucket where it is missing.
func EnsureSessions(ctx context.Context, conn *natsconn.Conn, target string) (*Sessions, error) {
	return ensureSessions(ctx, conn, target, claimTTL)
}

func ensureSessions(ctx context.Context, conn *natsconn.Conn, target string, ttl time.Duration) (*Sessions, error) {
	kv, err := ensureBucket(ctx, conn, ClaimsBucket, "claims", ttl)
	if err != nil {
		return nil, err
	}
	return newSessions(kv, target, ttl), nil
}

// OpenSessions is [EnsureSessions] on the bucket that a syncer created. The replicas of a target and the processes that
// work beside them share one scope.
func OpenSessions(ctx context.Context, conn *natsconn.Conn, target string) (*Sessions, error) {
	kv, err := openBucket(ctx, conn, ClaimsBucket, "a syncer")
	if err != nil {
		return nil, err
	}
	return newSessions(kv, target, claimTTL), nil
}

func newSessions(kv jetstream.KeyValue, target string, ttl time.Duration) *Sessions {
	return &Sessions{
		kv: kv, ttl: ttl, prefix: event.Token(TargetScope(target)) + ".session.",
		turn: make(chan struct{}, 1), own: map[string]*session{},
	}
}

// Open implements syncer.Sessions.
func (s *Sessions) Open(ctx context.Context) (target.Session, error) {
	if current := s.live(); current != nil {
		return current, nil
	}
	select { // one request for all callers
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.turn }()
	if current := s.live(); current != nil {
		return current, nil
	}
	opened := &session{sessions: s, name: nuid.Next()}
	var err error
	if opened.lease, err = take(ctx, s.kv, s.ttl, s.prefix+opened.name, opened.name, opened.unused); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.own, func(_ string, old *session) bool { return old.lease.lost() != nil })
	s.current, s.own[opened.name] = opened, opened
	return opened, nil
}

// live returns the session for new work, or nil.
func (s *Sessions) live() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current.lease.lost() != nil {
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
			return target.ErrClaimed
		case !errors.Is(err, jetstream.ErrKeyNotFound):
			return fail(err)
		}
		// A former leader may have answered the read: the value is stored only where the key is gone.
		_, err = compareAndSet(ctx, func() (uint64, error) { return s.kv.Create(ctx, s.prefix+name, []byte(sessionOver)) })
		if err == nil {
			return nil
		}
		if !isConflict(err) {
			return fail(err)
		}
	}
}

// Close ends every session, so that other processes take over at once. No session may be opened afterwards.
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
		errs = append(errs, open.lease.release(ctx))
	}
	return errors.Join(errs...)
}

// session is a lease that is renewed until it is lost, closed, or retired without a holder.
type session struct {
	sessions *Sessions
	name     string
	lease    *lease

	mu      sync.Mutex
	holders int
	retired bool
}

// Name implements target.Session.
func (s *session) Name() string { return s.name }

// Hold implements target.Session.
func (s *session) Hold(ctx context.Context) (context.Context, func()) {
	s.mu.Lock()
	s.holders++
	s.mu.Unlock()
	held, cancel := s.lease.hold(ctx)
	return held, func() {
		cancel()
		s.mu.Lock()
		s.holders--
		s.mu.Unlock()
	}
}

// Retire implements target.Session.
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

func (s *session) unused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retired && s.holders == 0
}
