package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// ttl is the claims' life in these tests: long enough for a busy machine to renew in time.
const ttl = 2 * time.Second

// claimsOf returns the claims of a process with its own connection.
func claimsOf(t testing.TB, s *streamtest.Server, owner string) *store.Claims {
	t.Helper()
	claims, _ := claimsConn(t, s, owner)
	return claims
}

func claimsConn(t testing.TB, s *streamtest.Server, owner string) (*store.Claims, *natsconn.Conn) {
	t.Helper()
	conn := s.Conn(t)
	waitConnected(t, conn)
	claims := must(store.EnsureClaimsFor(within(t), conn, "target-default", owner, ttl))
	return claims, conn
}

// acquire fails the test where the claim is refused.
func acquire(t testing.TB, ctx context.Context, claims *store.Claims, name string) (context.Context, func(context.Context) error) {
	t.Helper()
	held, release, err := claims.Acquire(ctx, name)
	if err != nil {
		t.Fatalf("acquire %s: %v", name, err)
	}
	return held, release
}

const claimName = "target-default.a"

func TestClaims_AreExclusive(t *testing.T) {
	s := streamtest.StartParallel(t)
	one, two := claimsOf(t, s, "one"), claimsOf(t, s, "two")
	held, release := acquire(t, t.Context(), one, "a")
	for name, claims := range map[string]*store.Claims{"another process": two, "the same process": one} {
		if _, _, err := claims.Acquire(within(t), "a"); !errors.Is(err, target.ErrClaimed) {
			t.Errorf("%s: %v, want ErrClaimed", name, err)
		}
	}
	_, releaseB := acquire(t, t.Context(), two, "b")
	testcheck.ErrorIs(t, "held", nil, target.Held(held))
	testcheck.ErrorIs(t, "release", nil, release(within(t)))
	if target.Held(held) == nil {
		t.Error("the held context goes on after the release")
	}
	_, release = acquire(t, t.Context(), two, "a") // at once
	testcheck.ErrorIs(t, "release", nil, errors.Join(release(within(t)), releaseB(within(t))))
}

func TestClaims_ScopesAreSeparate(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	waitConnected(t, conn)
	for _, scope := range []string{"target-a", "target-b", "target-a.b", "watchers"} {
		claims := must(store.EnsureClaims(within(t), conn, scope, "me"))
		_, release := acquire(t, t.Context(), claims, "a")
		defer func() {
			testcheck.ErrorIs(t, "release", nil, release(within(t)))
		}()
	}
}

func TestClaims_Owner(t *testing.T) {
	s := streamtest.StartParallel(t)
	claims := claimsOf(t, s, "watcher-1")
	if owner, err := claims.Owner(within(t), "edge.1"); owner != "" || err != nil {
		t.Errorf("owner of a free claim: %q, %v", owner, err)
	}
	_, release, err := claims.Acquire(t.Context(), "edge.1")
	testcheck.NoError(t, err)
	if owner, err := claimsOf(t, s, "watcher-2").Owner(within(t), "edge.1"); owner != "watcher-1" || err != nil {
		t.Errorf("owner: %q, %v", owner, err)
	}
	if _, _, err := claims.Acquire(t.Context(), "edge.1"); !errors.Is(err, target.ErrClaimed) {
		t.Errorf("acquired twice: %v", err)
	}
	testcheck.ErrorIs(t, "release", nil, release(within(t)))
	if owner, err := claims.Owner(within(t), "edge.1"); owner != "" || err != nil {
		t.Errorf("owner after the release: %q, %v", owner, err)
	}
}

// TestClaims_OneHolderAtATime has many processes want one key all the time.
func TestClaims_OneHolderAtATime(t *testing.T) {
	s := streamtest.StartParallel(t)
	var holders, turns atomic.Int32
	ctx := within(t)
	var group errgroup.Group
	for i := range 6 {
		claims := claimsOf(t, s, fmt.Sprint("p", i))
		group.Go(func() error {
			for turns.Load() < 60 {
				_, release, err := claims.Acquire(ctx, "hot")
				if errors.Is(err, target.ErrClaimed) {
					continue
				}
				if err != nil {
					return err
				}
				testcheck.Equal(t, "holders of the claim", 1, holders.Add(1))
				turns.Add(1)
				holders.Add(-1)
				if err := release(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	testcheck.NoError(t, group.Wait())
}

func TestClaims_AreRenewed(t *testing.T) {
	s := streamtest.StartParallel(t)
	held, release := acquire(t, t.Context(), claimsOf(t, s, "one"), "a")
	bucket, other, began := claimBucket(t, s), claimsOf(t, s, "two"), time.Now()
	revisions := make(map[uint64]bool)
	eventually(t, "the claim is older than two lives", func() bool {
		if entry, err := bucket.Get(within(t), claimName); err == nil {
			revisions[entry.Revision()] = true
		} else {
			t.Errorf("after %s the claim is gone: %v", time.Since(began), err)
		}
		return time.Since(began) > 2*ttl
	})
	if _, _, err := other.Acquire(within(t), "a"); !errors.Is(err, target.ErrClaimed) {
		t.Errorf("another process: %v, want ErrClaimed", err)
	}
	if n := len(revisions); n < 3 || n > 14 { // every sixth of a life
		t.Errorf("renewed %d times in two lives", n-1)
	}
	testcheck.NoError(t, errors.Join(target.Held(held), release(within(t))))
}
