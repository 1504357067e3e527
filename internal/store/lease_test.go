package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// leaseOf returns a lease that nothing renews.
func leaseOf(t *testing.T, ttl time.Duration) *lease {
	life, end := context.WithCancelCause(t.Context())
	l := &lease{key: "target-default.a", ttl: ttl, life: life, end: end}
	asked := time.Now()
	l.renewed.Store(&asked)
	return l
}

// TestLease_OverdueIsNoticedWithoutATimer lets a claim become overdue while no renewal runs and no timer fires, as in a
// process that goes on after it was frozen: [target.Held] must report the loss at once.
func TestLease_OverdueIsNoticedWithoutATimer(t *testing.T) {
	const life = 6 * time.Second
	overdue := map[string]func(t *testing.T, c context.Context) error{
		"of the context itself": func(_ *testing.T, c context.Context) error { return target.Held(c) },
		"of a child": func(t *testing.T, c context.Context) error {
			child, cancel := context.WithTimeout(c, time.Hour)
			defer cancel()
			return errors.Join(target.Held(child), child.Err())
		},
		"of a claim inside": func(t *testing.T, c context.Context) error {
			inner, release := leaseOf(t, 10*life).hold(c)
			defer release()
			return target.Held(inner)
		},
		"and a child ends": func(t *testing.T, c context.Context) error {
			child, cancel := context.WithCancel(c)
			defer cancel()
			_ = target.Held(c)
			<-child.Done()
			return child.Err()
		},
	}
	for name, ask := range overdue {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := leaseOf(t, life)
				c, release := l.hold(t.Context())
				defer release()
				time.Sleep(life * 2 / 3)
				testcheck.ErrorIs(t, "while it may be relied on", nil, target.Held(c))
				time.Sleep(time.Nanosecond)
				testcheck.ErrorIs(t, "overdue", context.Canceled, ask(t, c))
				cause := context.Cause(c)
				if !errors.Is(cause, target.ErrConflict) || !strings.Contains(cause.Error(), "claim target-default.a was not renewed for 4s") {
					t.Errorf("the cause is %v", cause)
				}
				select {
				case <-c.Done():
				default:
					t.Error("who waits for the end of the claim goes on")
				}
				now := time.Now()
				l.renewed.Store(&now) // an answer that comes too late
				if again, release := l.hold(t.Context()); target.Held(c) == nil || target.Held(again) == nil {
					t.Error("a lost claim came back")
				} else {
					release()
				}
			})
		})
	}
}

// TestLease_EndOfTheWorkIsNoLoss keeps the two apart: after a release, and after the caller's own end.
func TestLease_EndOfTheWorkIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		c, release := leaseOf(t, time.Second).hold(ctx)
		defer release()
		stop()
		time.Sleep(time.Hour)
		if err := target.Held(c); !errors.Is(err, context.Canceled) || errors.Is(context.Cause(c), target.ErrConflict) {
			t.Errorf("%v, because of %v", err, context.Cause(c))
		}
	})
}
