package syncer_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/event"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

// silent is a consumer whose answers no longer reach the broker once the process is dead.
type silent struct {
	syncer.Deliveries
	dead func() bool

	expire func() error // lets the broker's wait for an answer be over; valid after Next
}

func (s *silent) Next(ctx context.Context) (event.Delivery, error) {
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

// A replica dies at a point between the registry and the acknowledgement.
func TestCrash(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		at   func(s target.State) bool // dies before this is saved
		dies bool                      // or else after everything is saved, before the acknowledgement
		want []call
	}{
		"between the intent and the registry's answer being stored": {
			func(s target.State) bool { return s.Outcome != "" }, true, []call{{"a", "A", false}, {"a", "A", true}},
		},
		"before the intent is stored": {
			func(s target.State) bool { return true }, true, []call{{"a", "A", false}},
		},
		"before the acknowledgement": {
			func(s target.State) bool { return false }, false, []call{{"a", "A", false}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			var mu sync.Mutex
			dead := !test.dies
			isDead := func() bool {
				mu.Lock()
				defer mu.Unlock()
				return dead
			}
			var dying *replica
			var mute *silent
			started := make(chan struct{})
			dying = b.start(setup{grace: time.Nanosecond, wrap: func(p syncer.Dependencies) syncer.Dependencies {
				mute = &silent{Deliveries: p.Deliveries, dead: isDead}
				p.Deliveries = mute
				p.States = &spoiled{States: p.States, before: func(s target.State) error {
					if !test.at(s) {
						return nil
					}
					mu.Lock()
					dead = true
					mu.Unlock()
					<-started
					dying.stop()
					return context.Canceled
				}}
				return p
			}})
			close(started)
			e := b.put("a", "A")
			if test.dies {
				_ = dying.ended()
			} else {
				eventually(t, "the outcome to be stored", func() bool { return dying.outcome("applied") == 1 })
				_ = dying.end()
			}
			if err := mute.expire(); err != nil {
				t.Fatal(err)
			}
			r := b.start(setup{})
			b.idle()
			if diff := cmp.Diff(test.want, b.registry.got()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if got := b.state("a"); got.Sequence != e.Sequence || got.Intent != 0 || got.Outcome != target.OutcomeApplied {
				t.Errorf("state %+v", got)
			}
			if got := r.outcome("superseded") == 1; got == test.dies {
				t.Errorf("%d superseded", r.outcome("superseded"))
			}
		})
	}
}
