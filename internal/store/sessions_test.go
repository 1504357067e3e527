package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// sessionsOf returns the sessions of a process with its own connection.
func sessionsOf(t testing.TB, s *streamtest.Server) (*store.Sessions, *natsconn.Conn) {
	t.Helper()
	conn := s.Conn(t)
	waitConnected(t, conn)
	sessions := must(store.EnsureSessionsFor(within(t), conn, "default", ttl))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = sessions.Close(ctx) // of a connection that the test has closed
	})
	return sessions, conn
}

func sessionKey(session target.Session) string { return "target-default.session." + session.Name() }

func TestSession_IsSharedWhileItLives(t *testing.T) {
	s := streamtest.StartParallel(t)
	sessions, _ := sessionsOf(t, s)
	other, _ := sessionsOf(t, s)
	first := must(sessions.Open(within(t)))
	testcheck.Equal(t, "second session, beside the first", first.Name(), must(sessions.Open(within(t))).Name())
	testcheck.ErrorIs(t, "the own session", nil, sessions.End(within(t), first.Name()))
	began := time.Now()
	eventually(t, "the session is older than two lives", func() bool { return time.Since(began) > 2*ttl })
	testcheck.ErrorIs(t, "a session that lives", target.ErrClaimed, other.End(within(t), first.Name()))
	held, release := first.Hold(t.Context())
	testcheck.ErrorIs(t, "held", nil, target.Held(held))
	release()
	testcheck.NoError(t, sessions.Close(within(t)))
	testcheck.ErrorIs(t, "a session that was closed", nil, other.End(within(t), first.Name()))
	if next := must(sessions.Open(within(t))); next.Name() == first.Name() {
		t.Error("a name was used again")
	}
}

// A process that is cut off must see its session end before another one may take over, and can never renew it again.
func TestSession_OfAProcessThatIsCutOff(t *testing.T) {
	s := streamtest.StartParallel(t)
	sessions, conn := sessionsOf(t, s)
	other, _ := sessionsOf(t, s)
	session := must(sessions.Open(within(t)))
	held, release := session.Hold(t.Context())
	defer release()
	conn.Close()
	eventually(t, "another process to be allowed to take over", func() bool {
		err := other.End(within(t), session.Name())
		if err != nil && !errors.Is(err, target.ErrClaimed) {
			t.Fatal(err)
		}
		if err == nil && target.Held(held) == nil {
			t.Fatal("another process may take over while the session is still relied on")
		}
		return err == nil
	})
	testcheck.ErrorIs(t, "the end of the held context", target.ErrConflict, context.Cause(held))
}

func TestSession_IsLost(t *testing.T) {
	t.Parallel()
	tests := map[string]func(ctx context.Context, bucket jetstream.KeyValue, other *store.Sessions, session target.Session) error{
		"deleted": func(ctx context.Context, bucket jetstream.KeyValue, _ *store.Sessions, session target.Session) error {
			return bucket.Delete(ctx, sessionKey(session))
		},
		"purged": func(ctx context.Context, bucket jetstream.KeyValue, _ *store.Sessions, session target.Session) error {
			return bucket.Purge(ctx, sessionKey(session))
		},
		"ended by another after it was purged": func(ctx context.Context, bucket jetstream.KeyValue, other *store.Sessions, session target.Session) error {
			return errors.Join(bucket.Purge(ctx, sessionKey(session)), other.End(ctx, session.Name()))
		},
	}
	for name, lose := range tests {
		t.Run(name, func(t *testing.T) {
			s := streamtest.StartParallel(t)
			sessions, _ := sessionsOf(t, s)
			other, _ := sessionsOf(t, s)
			session := must(sessions.Open(within(t)))
			held, release := session.Hold(t.Context())
			defer release()
			testcheck.NoError(t, lose(within(t), claimBucket(t, s), other, session))
			testcheck.ErrorIs(t, "the end of the held context", target.ErrConflict, ends(t, held))
			if next := must(sessions.Open(within(t))); next.Name() == session.Name() {
				t.Error("a session that was lost is given out again")
			}
			testcheck.ErrorIs(t, "its end by another", nil, other.End(within(t), session.Name()))
		})
	}
}

func TestSession_OutlivesALostAnswer(t *testing.T) {
	s := streamtest.StartParallel(t)
	sessions, _ := sessionsOf(t, s)
	session := must(sessions.Open(within(t)))
	held, release := session.Hold(t.Context())
	defer release()
	bucket := claimBucket(t, s)
	unknown := must(bucket.PutString(within(t), sessionKey(session), session.Name()))
	eventually(t, "the session is renewed after the renewal whose answer was lost", func() bool {
		return must(bucket.Get(within(t), sessionKey(session))).Revision() > unknown
	})
	testcheck.NoError(t, target.Held(held))
}

func TestSession_EndsWhileTheServerIsAway(t *testing.T) {
	s := streamtest.StartParallel(t)
	sessions, conn := sessionsOf(t, s)
	session := must(sessions.Open(within(t)))
	held, release := session.Hold(t.Context())
	defer release()
	began := time.Now()
	s.Shutdown()
	cause := ends(t, held)
	testcheck.AtMost(t, "time until the held context ended, against the session's life", ttl, time.Since(began))
	says(t, cause, session.Name(), "was not renewed for")
	if _, err := sessions.Open(within(t)); err == nil || errors.Is(err, target.ErrConflict) {
		t.Errorf("open without a server: %v", err)
	}
	s.Restart(t)
	waitConnected(t, conn)
	eventually(t, "a new session", func() bool {
		next, err := sessions.Open(within(t))
		return err == nil && next.Name() != session.Name()
	})
}

func TestSession_RetiredIsKeptForWhatIsUnderWay(t *testing.T) {
	s := streamtest.StartParallel(t)
	sessions, _ := sessionsOf(t, s)
	other, _ := sessionsOf(t, s)
	session := must(sessions.Open(within(t)))
	held, release := session.Hold(t.Context())
	session.Retire()
	if next := must(sessions.Open(within(t))); next.Name() == session.Name() {
		t.Error("new work begins under a retired session")
	}
	began := time.Now()
	eventually(t, "a life to be over", func() bool { return time.Since(began) > ttl+ttl/2 })
	if err := other.End(within(t), session.Name()); !errors.Is(err, target.ErrClaimed) || target.Held(held) != nil {
		t.Errorf("what is under way: %v, another process: %v, want ErrClaimed", target.Held(held), err)
	}
	release()
	eventually(t, "the session to be given up", func() bool {
		return !strings.Contains(strings.Join(must(claimKeys(t, s)), " "), session.Name())
	})
	testcheck.ErrorIs(t, "a retired session that nothing holds", nil, other.End(within(t), session.Name()))
}

func claimKeys(t *testing.T, s *streamtest.Server) (names []string, err error) {
	t.Helper()
	listed, err := claimBucket(t, s).ListKeys(within(t))
	if err != nil {
		return nil, err
	}
	for name := range listed.Keys() {
		names = append(names, name)
	}
	return names, nil
}

// The server must refuse to renew what it has expired, or a process that was away could come back to life.
func TestSession_ExpiredIsNeverRenewed(t *testing.T) {
	s := streamtest.StartParallel(t)
	sessionsOf(t, s) // makes the bucket
	bucket := claimBucket(t, s)
	revision := must(bucket.Create(within(t), "target-default.session.x", []byte("x")))
	eventually(t, "the server to expire the key", func() bool {
		_, err := bucket.Get(within(t), "target-default.session.x")
		return errors.Is(err, jetstream.ErrKeyNotFound)
	})
	if _, err := bucket.Update(within(t), "target-default.session.x", []byte("x"), revision); err == nil {
		t.Error("an expired key was renewed")
	}
}

func TestSessions_OpenThoseOfASyncer(t *testing.T) {
	conn := streamtest.Start(t).Conn(t)
	_, err := store.OpenSessions(within(t), conn, "lab")
	says(t, err, "does not exist yet: start a syncer")
	syncers := must(store.EnsureSessions(within(t), conn, "lab"))
	opened := must(store.OpenSessions(within(t), conn, "lab"))
	session := must(syncers.Open(within(t)))
	testcheck.ErrorIs(t, "the session of a syncer", target.ErrClaimed, opened.End(within(t), session.Name()))
	testcheck.NoError(t, syncers.Close(within(t)))
	testcheck.ErrorIs(t, "a session that was closed", nil, opened.End(within(t), session.Name()))
}
