package syncer_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestApply_LostAnswerToASave(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		of   func(s target.State) bool // whose answer is lost, once
		want []syncertest.Call
	}{
		"of the intent":  {func(s target.State) bool { return s.Intent != 0 }, []syncertest.Call{{"a", "A", true}}},
		"of the outcome": {func(s target.State) bool { return s.Intent == 0 }, []syncertest.Call{{"a", "A", false}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := syncertest.NewParallel(t)
			var once sync.Once
			r := b.Start(syncertest.Setup{Wrap: func(p *syncer.Dependencies) {
				p.States = &modifiedStates{States: p.States, after: func(s target.State) (err error) {
					if test.of(s) {
						once.Do(func() { err = context.DeadlineExceeded })
					}
					return err
				}}
			}})
			e := b.Apply("a", "A")
			testcheck.Equal(t, "calls", test.want, b.Registry.Calls())
			if got := b.State("a"); got.Sequence != e.Sequence || got.Intent != 0 || got.Outcome != target.OutcomeApplied {
				t.Errorf("state %+v", got)
			}
			if got := r.Outcome("retried"); got != 1 || r.Conflicts() != 0 {
				t.Errorf("%d retried, %d conflicts", got, r.Conflicts())
			}
		})
	}
}

// Another replica wrote the state under a lost claim.
func TestConflict_CommitOfAnotherReplica(t *testing.T) {
	b := syncertest.NewParallel(t)
	var once sync.Once
	r := b.Start(syncertest.Setup{Wrap: func(p *syncer.Dependencies) {
		p.States = &modifiedStates{States: p.States, before: func(state target.State) error {
			if state.Outcome == "" { // the intent
				return nil
			}
			once.Do(func() {
				foreign := b.State("a")
				foreign.Updated = time.Now()
				if _, err := b.States.Save(context.Background(), foreign); err != nil {
					t.Error(err)
				}
			})
			return nil
		}}
	}})
	e := b.Apply("a", "1")
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "1", false}, {"a", "1", true}}, b.Registry.Calls())
	if got := b.State("a"); got.Sequence != e.Sequence || got.Intent != 0 || got.Outcome != target.OutcomeApplied {
		t.Errorf("state %+v", got)
	}
	testcheck.Equal(t, "conflicts counted", 1, r.Conflicts())
}
