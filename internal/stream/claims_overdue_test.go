package stream

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"odasync/internal/syncer"
)

// TestOverdueClaimIsNoticedWithoutATimer has nobody renew a claim and no timer fire, as in a process that goes on after
// it was frozen: whoever asks the held context must hear at once that the claim is lost.
func TestOverdueClaimIsNoticedWithoutATimer(t *testing.T) {
	const life = 6 * time.Second
	overdue := map[string]func(c *claim) error{
		"asked itself": func(c *claim) error { return c.Err() },
		"asked before its child": func(c *claim) error {
			child, cancel := context.WithTimeout(c, time.Hour)
			defer cancel()
			_ = c.Err()
			return child.Err()
		},
		"waited for by a child": func(c *claim) error {
			child, cancel := context.WithCancel(c)
			defer cancel()
			_ = c.Err()
			<-child.Done()
			return child.Err()
		},
	}
	for name, ask := range overdue {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				held, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				c := &claim{Context: held, claims: &Claims{ttl: life}, key: "target-default.a", cancel: cancel, done: make(chan struct{})}
				asked := time.Now()
				c.renewed.Store(&asked)
				time.Sleep(life * 2 / 3)
				if err := c.Err(); err != nil {
					t.Errorf("while it may be relied on: %v", err)
				}
				time.Sleep(time.Nanosecond)
				if err := ask(c); !errors.Is(err, context.Canceled) {
					t.Errorf("overdue: %v", err)
				}
				cause := context.Cause(c)
				if !errors.Is(cause, syncer.ErrConflict) || !strings.Contains(cause.Error(), "claim target-default.a was not renewed for 4s") {
					t.Errorf("the cause is %v", cause)
				}
				select {
				case <-c.Done():
				default:
					t.Error("who waits for the end of the claim goes on")
				}
				now := time.Now()
				c.renewed.Store(&now) // an answer that comes too late
				if c.Err() == nil {
					t.Error("a lost claim came back")
				}
			})
		})
	}
}

// TestOverdueSessionIsNoticedWithoutATimer is the same for what is held under a session.
func TestOverdueSessionIsNoticedWithoutATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancelCause(t.Context())
		s := &session{sessions: &Sessions{ttl: 6 * time.Second}, name: "x", life: life, end: end}
		asked := time.Now()
		s.renewed.Store(&asked)
		held, release := s.Hold(t.Context())
		defer release()
		time.Sleep(4 * time.Second)
		if err := held.Err(); err != nil {
			t.Errorf("while it may be relied on: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if err := held.Err(); !errors.Is(err, context.Canceled) || !errors.Is(context.Cause(held), syncer.ErrConflict) {
			t.Errorf("overdue: %v, because of %v", err, context.Cause(held))
		}
		now := time.Now()
		s.renewed.Store(&now) // an answer that comes too late
		if late, release := s.Hold(t.Context()); late.Err() == nil {
			t.Error("a lost session came back")
		} else {
			release()
		}
	})
}

// TestEndOfTheWorkIsNoLostClaim keeps the two apart: after a release, and after the caller's own end.
func TestEndOfTheWorkIsNoLostClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		held, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		c := &claim{Context: held, claims: &Claims{ttl: time.Second}, key: "x", cancel: cancel, done: make(chan struct{})}
		asked := time.Now()
		c.renewed.Store(&asked)
		stop()
		time.Sleep(time.Hour)
		if err := c.Err(); !errors.Is(err, context.Canceled) || errors.Is(context.Cause(c), syncer.ErrConflict) {
			t.Errorf("%v, because of %v", err, context.Cause(c))
		}
	})
}
