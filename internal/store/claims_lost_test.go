package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// ends waits until the held context ends and returns its cause.
func ends(t *testing.T, held context.Context) error {
	t.Helper()
	select {
	case <-held.Done():
		return context.Cause(held)
	case <-time.After(patience):
		t.Fatalf("the held context goes on after %s", patience)
		return nil
	}
}

// claimBucket is the bucket, to look at claims and to disturb them.
func claimBucket(t *testing.T, s *streamtest.Server) jetstream.KeyValue {
	t.Helper()
	return must(js(t, s).KeyValue(within(t), store.ClaimsBucket))
}

// TestClaims_ExpireWithTheirOwner has owners that neither renew nor release.
func TestClaims_ExpireWithTheirOwner(t *testing.T) {
	t.Parallel()
	tests := map[string]func(claims *store.Claims, conn *natsconn.Conn){
		"the work was cut off":     func(*store.Claims, *natsconn.Conn) {},
		"the connection is closed": func(_ *store.Claims, conn *natsconn.Conn) { conn.Close() },
	}
	for name, die := range tests {
		t.Run(name, func(t *testing.T) {
			s := streamtest.StartParallel(t)
			claims, conn := claimsConn(t, s, "dead")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			held, release := acquire(t, ctx, claims, "a")
			if name == "the work was cut off" {
				cancel()
			}
			die(claims, conn)
			other := claimsOf(t, s, "two")
			if _, _, err := other.Acquire(within(t), "a"); !errors.Is(err, target.ErrClaimed) {
				t.Errorf("before it expires: %v, want ErrClaimed", err)
			}
			var next func(context.Context) error
			eventually(t, "the claim expires", func() bool {
				var err error
				if _, next, err = other.Acquire(t.Context(), "a"); err != nil && !errors.Is(err, target.ErrClaimed) {
					t.Fatal(err)
				}
				return err == nil
			})
			if target.Held(held) == nil {
				t.Error("the dead owner's context goes on after another took the claim")
			}
			if err := release(within(t)); err == nil {
				t.Error("the dead owner released the claim of another")
			}
			testcheck.ErrorIs(t, "the new owner's release", nil, next(within(t)))
		})
	}
}

func TestClaims_ContextEndsWhenLost(t *testing.T) {
	t.Parallel()
	tests := map[string]func(ctx context.Context, bucket jetstream.KeyValue) error{
		"taken by another": func(ctx context.Context, bucket jetstream.KeyValue) error {
			_, err := bucket.Put(ctx, claimName, []byte("two"))
			return err
		},
		"deleted": func(ctx context.Context, bucket jetstream.KeyValue) error { return bucket.Delete(ctx, claimName) },
		"purged":  func(ctx context.Context, bucket jetstream.KeyValue) error { return bucket.Purge(ctx, claimName) },
	}
	for name, lose := range tests {
		t.Run(name, func(t *testing.T) {
			s := streamtest.StartParallel(t)
			held, release := acquire(t, t.Context(), claimsOf(t, s, "one"), "a")
			testcheck.NoError(t, lose(within(t), claimBucket(t, s)))
			testcheck.ErrorIs(t, "the end of the held context", target.ErrConflict, ends(t, held))
			testcheck.ErrorIs(t, "release", target.ErrConflict, release(within(t)))
		})
	}
}

// TestClaims_RenewalWithALostAnswer writes the entry in the owner's name, which is what the server does when only the
// answer is lost.
func TestClaims_RenewalWithALostAnswer(t *testing.T) {
	s := streamtest.StartParallel(t)
	held, release := acquire(t, t.Context(), claimsOf(t, s, "one"), "a")
	bucket := claimBucket(t, s)
	unknown := must(bucket.Put(within(t), claimName, must(bucket.Get(within(t), claimName)).Value()))
	eventually(t, "the claim is renewed after the renewal without an answer", func() bool {
		return must(bucket.Get(within(t), claimName)).Revision() > unknown
	})
	testcheck.NoError(t, errors.Join(target.Held(held), release(within(t))))
}

// TestClaims_ContextEndsWithoutServer must see the end before the server, had it gone on, would give the claim to
// another.
func TestClaims_ContextEndsWithoutServer(t *testing.T) {
	s := streamtest.StartParallel(t)
	claims, conn := claimsConn(t, s, "one")
	began := time.Now()
	held, release := acquire(t, t.Context(), claims, "a")
	s.Shutdown()
	cause := ends(t, held)
	testcheck.AtMost(t, "time until the held context ended, against the claim's life", ttl, time.Since(began))
	says(t, cause, claimName, "was not renewed for")
	testcheck.ErrorIs(t, "the cause", target.ErrConflict, cause)
	if err := release(within(t)); err == nil || errors.Is(err, target.ErrConflict) {
		t.Errorf("release without a server: %v, want another error than ErrConflict", err)
	}
	if _, _, err := claims.Acquire(within(t), "b"); err == nil || errors.Is(err, target.ErrClaimed) {
		t.Errorf("acquire without a server: %v, want another error than ErrClaimed", err)
	}
	s.Restart(t)
	waitConnected(t, conn)
	eventually(t, "the claim can be acquired again", func() bool {
		var err error
		if _, release, err = claims.Acquire(t.Context(), "a"); err != nil && !errors.Is(err, target.ErrClaimed) {
			t.Logf("acquire: %v", err) // the server may still be on its way
		}
		return err == nil
	})
	testcheck.NoError(t, release(within(t)))
}

func TestClaims_SurviveAShortRestart(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	waitConnected(t, conn)
	claims := must(store.EnsureClaimsFor(within(t), conn, "target-default", "one", 3*ttl))
	held, release := acquire(t, t.Context(), claims, "a")
	s.Restart(t)
	waitConnected(t, conn)
	if _, _, err := claims.Acquire(within(t), "a"); !errors.Is(err, target.ErrClaimed) {
		t.Errorf("after the restart: %v, want ErrClaimed", err)
	}
	testcheck.NoError(t, errors.Join(target.Held(held), release(within(t))))
}
