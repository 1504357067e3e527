package syncer_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"odasync/internal/event"
	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// deadDeliveries sends no more answers to the broker once the process is dead.
type deadDeliveries struct {
	syncer.Deliveries
	dead func() bool

	expire func() error // ends the acknowledgement wait; valid after Next
}

func (s *deadDeliveries) Next(ctx context.Context) (event.Delivery, error) {
	d, err := s.Deliveries.Next(ctx)
	if err == nil {
		retry := d.Retry
		s.expire = func() error { return retry(0) }
	}
	answer, again, end, progress := d.Ack, d.Retry, d.Drop, d.Progress
	say := func(f func() error) error {
		if s.dead() {
			return nil
		}
		return f()
	}
	d.Ack = func() error { return say(answer) }
	d.Retry = func(delay time.Duration) error { return say(func() error { return again(delay) }) }
	d.Drop = func(reason string) error { return say(func() error { return end(reason) }) }
	d.Progress = func() error { return say(progress) }
	return d, err
}

// A replica dies between the registry and the acknowledgement.
func TestCrash_IsResumed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		at   func(s target.State) bool // dies before this is saved
		dies bool                      // or else after everything is saved, before the acknowledgement
		want []syncertest.Call
	}{
		"when it ends before the outcome is stored": {
			func(s target.State) bool { return s.Outcome != "" }, true, []syncertest.Call{{"a", "A", false}, {"a", "A", true}},
		},
		"when it ends before the intent is stored": {
			func(s target.State) bool { return true }, true, []syncertest.Call{{"a", "A", false}},
		},
		"when it ends before the acknowledgement": {
			func(s target.State) bool { return false }, false, []syncertest.Call{{"a", "A", false}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := syncertest.NewParallel(t)
			var mu sync.Mutex
			dead := !test.dies
			isDead := func() bool {
				mu.Lock()
				defer mu.Unlock()
				return dead
			}
			var dying *syncertest.Replica
			var deliveries *deadDeliveries
			started := make(chan struct{})
			dying = b.Start(syncertest.Setup{Grace: time.Nanosecond, Wrap: func(p *syncer.Dependencies) {
				deliveries = &deadDeliveries{Deliveries: p.Deliveries, dead: isDead}
				p.Deliveries = deliveries
				p.States = &modifiedStates{States: p.States, before: func(s target.State) error {
					if !test.at(s) {
						return nil
					}
					mu.Lock()
					dead = true
					mu.Unlock()
					<-started
					dying.Stop()
					return context.Canceled
				}}
			}})
			close(started)
			e := b.Put("a", "A")
			if test.dies {
				_ = dying.Ended()
			} else {
				syncertest.Eventually(t, "the outcome to be stored", func() bool { return dying.Outcome("applied") == 1 })
				_ = dying.End()
			}
			testcheck.NoError(t, deliveries.expire())
			r := b.Start(syncertest.Setup{})
			b.Idle()
			testcheck.Equal(t, "calls", test.want, b.Registry.Calls())
			if got := b.State("a"); got.Sequence != e.Sequence || got.Intent != 0 || got.Outcome != target.OutcomeApplied {
				t.Errorf("state %+v", got)
			}
			if got := r.Outcome("superseded") == 1; got == test.dies {
				t.Errorf("%d superseded", r.Outcome("superseded"))
			}
		})
	}
}
