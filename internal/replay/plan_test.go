package replay_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"odasync/internal/replay"
	"odasync/internal/testcheck"
)

func TestReplay_Plan(t *testing.T) {
	h := newHarness(t)
	h.publish(t, "shop", "catalog", "1")  // 1
	h.publish(t, "other", "catalog", "1") // 2
	h.publish(t, "shop", "orders", "1")   // 3
	h.publish(t, "shop", "gone", "1")     // 4
	h.publish(t, "shop", "gone", "")      // 5
	h.publish(t, "shop", "catalog", "2")  // 6
	now := time.Now()
	h.publish(t, "other", "ledger", "1") // 7
	type choice = replay.Choice
	tests := map[string]struct {
		choice                     choice
		upserts, deletions, events int
		first, last                uint64
	}{
		"all":                                {choice{All: true}, 4, 1, 5, 2, 7},
		"a name":                             {choice{Name: "orders"}, 1, 0, 1, 3, 3},
		"a name and a namespace":             {choice{Name: "catalog", Namespace: "shop"}, 1, 0, 1, 6, 6},
		"a deleted component":                {choice{Name: "gone"}, 0, 1, 1, 5, 5},
		"a namespace":                        {choice{Namespace: "shop"}, 2, 1, 3, 3, 6},
		"all of a namespace":                 {choice{All: true, Namespace: "other"}, 2, 0, 2, 2, 7},
		"a list of globs":                    {choice{Namespace: "oth*,nowhere"}, 2, 0, 2, 2, 7},
		"since an hour ago":                  {choice{SinceTime: now.Add(-time.Hour)}, 4, 1, 5, 2, 7},
		"since a time":                       {choice{SinceTime: now}, 1, 0, 1, 7, 7},
		"from a sequence":                    {choice{FromSeq: 5}, 2, 1, 3, 5, 7},
		"from a sequence, in a namespace":    {choice{FromSeq: 5, Namespace: "shop"}, 1, 1, 2, 5, 6},
		"from a sequence, since a time":      {choice{FromSeq: 5, SinceTime: now}, 1, 0, 1, 7, 7},
		"an empty namespace":                 {choice{Namespace: "nowhere"}, 0, 0, 0, 0, 0},
		"a name without newer messages":      {choice{Name: "orders", FromSeq: 5}, 0, 0, 0, 0, 0},
		"every event":                        {choice{All: true, EveryEvent: true}, 4, 1, 7, 1, 7},
		"every event, from a sequence":       {choice{FromSeq: 5, EveryEvent: true}, 2, 1, 5, 1, 7},
		"every event of a deleted component": {choice{Name: "gone", EveryEvent: true}, 0, 1, 2, 4, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, _ := h.replay(t, test.choice, options{})
			journal, err := r.ReadJournal(h.dir, false)
			testcheck.NoError(t, err)
			plan, err := r.Plan(t.Context(), journal)
			testcheck.NoError(t, err)
			want := &replay.Plan{
				Cluster: "default", Registry: h.url, EveryEvent: test.choice.EveryEvent, Components: test.upserts + test.deletions,
				Upserts: test.upserts, Deletions: test.deletions, Events: test.events,
			}
			if test.first != 0 {
				want.First, want.Last = &replay.Position{Sequence: test.first, Seen: plan.First.Seen}, &replay.Position{Sequence: test.last, Seen: plan.Last.Seen}
				if age := time.Since(plan.First.Seen); age < 0 || age > time.Hour || plan.Last.Seen.Before(plan.First.Seen) {
					t.Errorf("seen %s and %s", plan.First.Seen, plan.Last.Seen)
				}
			}
			testcheck.Equal(t, "plan", want, plan, cmpopts.IgnoreUnexported(replay.Plan{}))
		})
	}
	for name, want := range map[string]string{
		"unknown": `the stream has no component "unknown": `,
		"catalog": `2 components have the name "catalog", deleted ones included: `,
	} {
		r, _ := h.replay(t, choice{Name: name}, options{})
		journal, err := r.ReadJournal(h.dir, false)
		testcheck.NoError(t, err)
		_, err = r.Plan(t.Context(), journal)
		if selection := new(replay.SelectionError); !errors.As(err, &selection) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	h.expectNoJournals(t)
}
