package replay

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
)

// Plan is what a replay is going to apply, as `ctl replay --dry-run` prints it. The shape is stable; see docs/api.md.
type Plan struct {
	Cluster string `json:"cluster"`
	// Target is empty where Registry is the one of --to.
	Target   string `json:"target"`
	Registry string `json:"registry"` // address, without credentials
	// EveryEvent means that Events counts recorded states; else it counts components.
	EveryEvent bool `json:"everyEvent"`
	Components int  `json:"components"`
	// Upserts, Deletions and Malformed count the components by their newest message.
	Upserts   int `json:"upserts"`
	Deletions int `json:"deletions"`
	Malformed int `json:"malformed"`
	// Events is the number of states to apply in all, of which Done were applied before an interruption.
	Events int `json:"events"`
	Done   int `json:"done"`
	// First and Last are the oldest and the newest of the states; null where there are none.
	First *Position `json:"first"`
	Last  *Position `json:"last"`

	from      uint64 // a change counts from this sequence on
	remaining []head // oldest first
}

// Position is a state's place in the stream.
type Position struct {
	Sequence uint64    `json:"sequence"`
	Seen     time.Time `json:"seen"` // by the watcher
}

// head is the newest message of a selected component.
type head struct {
	event.Head
	done progress // of an earlier run
}

func (h *head) applied() bool { return h.done.sequence >= h.Sequence }

// Plan reads which components are selected, and what an interrupted run has left of them. A name that does not select
// exactly one component is a *SelectionError.
func (r *Replay) Plan(ctx context.Context, journal *Journal) (*Plan, error) {
	plan := &Plan{Cluster: r.Cluster, Target: r.Destination.Target, Registry: r.Destination.Address, EveryEvent: r.Choice.EveryEvent}
	plan.from = max(r.Choice.FromSeq, journal.from)
	if !r.Choice.SinceTime.IsZero() && !journal.resumed {
		first, err := r.Source.FirstSince(ctx, r.Choice.SinceTime)
		if err != nil {
			return nil, err
		}
		plan.from = max(plan.from, first)
	}
	matches, err := r.Choice.matches()
	if err != nil {
		return nil, err
	}
	heads := map[component.Key]head{} // a key may come twice
	err = r.Source.Heads(ctx, r.Cluster, func(h event.Head) {
		if matches(h.Key) {
			heads[h.Key] = head{Head: h, done: journal.done[h.Key]}
		}
	})
	if err != nil {
		return nil, err
	}
	if r.Choice.Name != "" && len(heads) != 1 {
		return nil, &SelectionError{Name: r.Choice.Name, Matches: len(heads)}
	}
	var selected []head
	for _, h := range heads {
		if h.Sequence >= plan.from {
			selected = append(selected, h)
		}
	}
	slices.SortFunc(selected, func(a, b head) int { return cmp.Compare(a.Sequence, b.Sequence) })
	plan.count(selected)
	if r.Choice.EveryEvent {
		if err := plan.countEvents(ctx, r.Source, selected); err != nil {
			return nil, err
		}
	}
	plan.remaining = slices.DeleteFunc(selected, func(h head) bool { return h.applied() })
	return plan, nil
}

func (p *Plan) count(selected []head) {
	for _, h := range selected {
		p.Components++
		switch {
		case h.Deleted:
			p.Deletions++
		case h.Hash == "":
			p.Malformed++
		default:
			p.Upserts++
		}
		if h.applied() {
			p.Done++
		}
	}
	p.Events = p.Components
	if len(selected) > 0 {
		oldest, newest := selected[0], selected[len(selected)-1]
		p.First = &Position{oldest.Sequence, oldest.Time}
		p.Last = &Position{newest.Sequence, newest.Time}
	}
}

// countEvents counts the recorded states of the components.
func (p *Plan) countEvents(ctx context.Context, source Source, selected []head) error {
	recorded, err := source.MessageCounts(ctx, p.Cluster)
	if err != nil {
		return err
	}
	p.Events, p.Done = 0, 0
	oldest := make([]event.Event, len(selected))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(16)
	for n, h := range selected {
		p.Events += int(recorded[h.Key])
		p.Done += min(h.done.states, int(recorded[h.Key]))
		reading.Go(func() error {
			first, found, err := source.After(ctx, h.Key, 0)
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
			p.First = &Position{e.Sequence, e.Time}
		}
	}
	return nil
}
