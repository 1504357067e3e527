package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
)

// ReplayPlan is what `ctl replay --dry-run` prints. The shape is stable; see docs/api.md.
type ReplayPlan struct {
	Cluster string `json:"cluster"`
	// Target is empty where Registry is the one of --to.
	Target   string `json:"target"`
	Registry string `json:"registry"` // address, without credentials
	// EveryEvent says that Events counts recorded states; else it counts components.
	EveryEvent bool `json:"everyEvent"`
	Components int  `json:"components"`
	// Upserts, Deletions and Unreadable count the components by their newest message.
	Upserts    int `json:"upserts"`
	Deletions  int `json:"deletions"`
	Unreadable int `json:"malformed"`
	// Events is how many states are to be applied in all, of which Done were before an interruption.
	Events int `json:"events"`
	Done   int `json:"done"`
	// First and Last are the oldest and the newest of the states; null where there are none.
	First *ReplayMark `json:"first"`
	Last  *ReplayMark `json:"last"`
}

// ReplayMark is a state's place in the stream.
type ReplayMark struct {
	Sequence uint64    `json:"sequence"`
	Seen     time.Time `json:"seen"` // by the watcher
}

// replayPlan is a plan with what it is made of.
type replayPlan struct {
	ReplayPlan
	from uint64         // the sequence from which on a change counts
	open []replayedHead // what is still to be applied, oldest first
}

// replayedHead is the newest message of a chosen component.
type replayedHead struct {
	event.Head
	// done is how far an interrupted replay came.
	done replayed
}

var errNotOne = errors.New("choose another component")

// planReplay reads which components are chosen, and what an interrupted replay has left of them.
func planReplay(ctx context.Context, t *replayTarget, chosen choice, journal *replayJournal) (replayPlan, error) {
	plan := replayPlan{ReplayPlan: ReplayPlan{Cluster: t.cluster, Registry: t.address, EveryEvent: chosen.EveryEvent}}
	if t.live {
		plan.Target = t.target
	}
	plan.from = max(chosen.FromSeq, journal.From)
	if !chosen.since.IsZero() && !journal.resumed {
		first, err := t.log.FirstSince(ctx, chosen.since)
		if err != nil {
			return plan, err
		}
		plan.from = max(plan.from, first)
	}
	heads := map[component.Key]replayedHead{}
	err := t.log.Heads(ctx, t.cluster, func(head event.Head) {
		key := head.Key
		if (chosen.Name == "" || key.Name == chosen.Name) && (chosen.Namespace == "" || key.Namespace == chosen.Namespace) {
			heads[key] = replayedHead{Head: head, done: journal.done[key]}
		}
	})
	if err != nil {
		return plan, err
	}
	if err := theOneOf(heads, chosen); err != nil {
		return plan, err
	}
	var all []replayedHead
	for _, head := range heads {
		if head.Sequence >= plan.from {
			all = append(all, head)
		}
	}
	slices.SortFunc(all, func(a, b replayedHead) int { return cmp.Compare(a.Sequence, b.Sequence) })
	plan.count(all)
	if chosen.EveryEvent {
		err = plan.countEvents(ctx, t, all)
	}
	plan.open = slices.DeleteFunc(all, func(head replayedHead) bool { return head.done.sequence >= head.Sequence })
	return plan, err
}

// theOneOf refuses a name that nothing or more than one component has. Deleted ones count: their deletion is replayed.
func theOneOf(heads map[component.Key]replayedHead, chosen choice) error {
	switch {
	case chosen.Name == "" || len(heads) == 1:
		return nil
	case len(heads) > 1:
		return fmt.Errorf("%d components are called %q, deleted ones included: %w with -n NAMESPACE", len(heads), chosen.Name, errNotOne)
	}
	return fmt.Errorf("the stream holds nothing of %q: %w, `ctl list` shows which there are", chosen.Name, errNotOne)
}

func (p *replayPlan) count(all []replayedHead) {
	for _, head := range all {
		p.Components++
		switch {
		case head.Deleted:
			p.Deletions++
		case head.Hash == "":
			p.Unreadable++
		default:
			p.Upserts++
		}
		if head.done.sequence >= head.Sequence {
			p.Done++
		}
	}
	p.Events = p.Components
	if len(all) > 0 {
		oldest, newest := all[0], all[len(all)-1]
		p.First = &ReplayMark{oldest.Sequence, oldest.Time}
		p.Last = &ReplayMark{newest.Sequence, newest.Time}
	}
}

// countEvents counts the recorded states of the components.
func (p *replayPlan) countEvents(ctx context.Context, t *replayTarget, all []replayedHead) error {
	recorded, err := t.log.Recorded(ctx, t.cluster)
	if err != nil {
		return err
	}
	p.Events, p.Done = 0, 0
	oldest := make([]event.Event, len(all))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(16)
	for n, head := range all {
		p.Events += int(recorded[head.Key])
		p.Done += min(head.done.states, int(recorded[head.Key]))
		reading.Go(func() error {
			first, found, err := t.log.After(ctx, head.Key, 0)
			if errors.Is(err, event.ErrMalformed) {
				err = nil
			}
			if found {
				oldest[n] = first
			}
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return err
	}
	for _, e := range oldest {
		if e.Sequence > 0 && e.Sequence < p.First.Sequence {
			p.First = &ReplayMark{e.Sequence, e.Time}
		}
	}
	return nil
}
