package syncer_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/syncer"
	"odasync/internal/target"
)

// spoiled are sync states whose saving the test disturbs.
type spoiled struct {
	syncer.States
	before func(s target.State) error // its error keeps the state from being saved
	after  func(s target.State) error // its error takes the answer away
}

func (s *spoiled) Save(ctx context.Context, state target.State) (uint64, error) {
	if s.before != nil {
		if err := s.before(state); err != nil {
			return 0, err
		}
	}
	revision, err := s.States.Save(ctx, state)
	if s.after != nil && err == nil {
		err = s.after(state)
	}
	return revision, err
}

func TestLostAnswerToASave(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		of   func(s target.State) bool // whose answer is lost, once
		want []call
	}{
		"of the intent":  {func(s target.State) bool { return s.Intent != 0 }, []call{{"a", "A", true}}},
		"of the outcome": {func(s target.State) bool { return s.Intent == 0 }, []call{{"a", "A", false}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			var once sync.Once
			r := b.start(setup{wrap: func(p syncer.Dependencies) syncer.Dependencies {
				p.States = &spoiled{States: p.States, after: func(s target.State) (err error) {
					if test.of(s) {
						once.Do(func() { err = context.DeadlineExceeded })
					}
					return err
				}}
				return p
			}})
			e := b.put("a", "A")
			b.idle()
			if diff := cmp.Diff(test.want, b.registry.got()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if got := b.state("a"); got.Sequence != e.Sequence || got.Intent != 0 || got.Outcome != target.OutcomeApplied {
				t.Errorf("state %+v", got)
			}
			if got := r.outcome("retried"); got != 1 || r.races() != 0 {
				t.Errorf("%d retried, %d races", got, r.races())
			}
		})
	}
}

// Another replica wrote the entry although the claim is ours: one of the two claims was lost.
func TestForeignCommitIsARace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var once sync.Once
	r := b.start(setup{wrap: func(p syncer.Dependencies) syncer.Dependencies {
		p.States = &spoiled{States: p.States, before: func(state target.State) error {
			if state.Outcome == "" { // the intent
				return nil
			}
			once.Do(func() {
				foreign := b.state("a")
				foreign.Updated = time.Now()
				if _, err := b.states.Save(context.Background(), foreign); err != nil {
					t.Error(err)
				}
			})
			return nil
		}}
		return p
	}})
	e := b.put("a", "1")
	b.idle()
	if diff := cmp.Diff([]call{{"a", "1", false}, {"a", "1", true}}, b.registry.got()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := b.state("a"); got.Sequence != e.Sequence || got.Intent != 0 || got.Outcome != target.OutcomeApplied {
		t.Errorf("state %+v", got)
	}
	if got := r.races(); got != 1 {
		t.Errorf("%d races counted", got)
	}
}
