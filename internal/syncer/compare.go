package syncer

import (
	"context"
	"slices"

	"odasync/internal/component"
	"odasync/internal/event"
)

// comparison is what a reconcile found.
type comparison struct {
	damaged, orphans []found
}

// compare holds what the stream wants, by its heads, against what the registry shows, by its digests. The sync state tells
// which entry is whose and what it should look like. What it cannot decide it lets the applier look at, which writes only
// what differs.
func (r *Reconciler) compare(ctx context.Context, done *Reconciliation) (comparison, error) {
	var c comparison
	// The states first: an outcome that is stored meanwhile makes an entry look damaged at worst, never right.
	states := map[component.Key]State{}
	owners := map[string]component.Key{} // by the registry's id
	err := r.ports.States.All(ctx, func(s State) {
		if s.Key.Cluster != done.Cluster {
			return
		}
		states[s.Key] = s
		if s.Record.ID != "" {
			owners[s.Record.ID] = s.Key
		}
	})
	if err != nil {
		return c, err
	}
	entries := map[string]Entry{} // by the registry's id
	names := map[string]bool{}
	var bare []Entry
	err = r.ports.Inventory.Inventory(ctx, done.Cluster, func(e Entry) {
		names[e.Record.Name] = true
		switch {
		case e.Foreign:
		case e.Record.ID == "":
			bare = append(bare, e)
		default:
			entries[e.Record.ID] = e
		}
	})
	if err != nil {
		return c, err
	}
	heads := map[component.Key]event.Head{}
	if err := r.ports.Snapshot.Heads(ctx, done.Cluster, func(h event.Head) { heads[h.Key] = h }); err != nil {
		return c, err
	}
	var unsettled []found
	for key, head := range heads {
		state := states[key]
		entry, stands := entries[state.Record.ID]
		if !head.Deleted {
			done.Desired++
		}
		switch {
		case state.Sequence < head.Sequence:
			unsettled = append(unsettled, found{key: key, problem: problemUnsettled, record: entry.Record})
		case state.Outcome == OutcomeFailed:
			if done.Failed++; state.Reason == ClassTaken && !names[r.ports.Inventory.Place(key).Name] { // the name is free now
				c.damaged = append(c.damaged, found{key: key, problem: problemMissing})
			}
		case head.Deleted:
		case !stands:
			done.Missing++
			c.damaged = append(c.damaged, found{key: key, problem: problemMissing})
		case entry.Record.Digest != state.Record.Digest || entry.Record.Name != state.Record.Name:
			done.Different++
			c.damaged = append(c.damaged, found{key: key, problem: problemDifferent, record: entry.Record})
		}
	}
	if err := r.settle(ctx, done, &c, unsettled); err != nil {
		return c, err
	}
	for _, f := range unsettled { // what is to be deleted has its place until its message is done
		heads[f.key] = event.Head{Key: f.key}
	}
	r.orphans(done, &c, heads, owners, entries, bare)
	return c, nil
}

// settle decides about components whose newest message has no outcome yet. As long as the consumer has as many messages
// to bring, they are on their way; where there are more, some outcomes were lost with the sync state.
func (r *Reconciler) settle(ctx context.Context, done *Reconciliation, c *comparison, unsettled []found) error {
	if len(unsettled) == 0 {
		return nil
	}
	waiting, err := r.ports.Waiting(ctx)
	if err != nil {
		return err
	}
	if len(unsettled) <= waiting {
		done.Pending = len(unsettled)
		return nil
	}
	done.Unsettled = len(unsettled)
	c.damaged = append(c.damaged, unsettled...)
	return nil
}

// orphans finds entries that are odasync's, by their labels or by the sync state, and that no component stands for.
func (r *Reconciler) orphans(done *Reconciliation, c *comparison, heads map[component.Key]event.Head, owners map[string]component.Key, entries map[string]Entry, bare []Entry) {
	wanted := func(key component.Key) bool {
		head, there := heads[key]
		return there && !head.Deleted
	}
	seen := map[component.Key]bool{}
	add := func(key component.Key, record Record) {
		if !seen[key] {
			seen[key] = true
			done.Orphans++
			c.orphans = append(c.orphans, found{key: key, problem: problemOrphan, record: record})
		}
	}
	for id, entry := range entries {
		key, recorded := owners[id]
		if !recorded {
			key = entry.Key
		}
		if key == (component.Key{}) {
			continue // a person's, or another program's
		}
		done.Entries++
		if !wanted(key) {
			add(key, entry.Record)
		}
	}
	for _, entry := range bare { // APIs whose component is gone; those of a wanted one go when it is mended
		if entry.Key != (component.Key{}) && !wanted(entry.Key) {
			done.Entries++
			add(entry.Key, entry.Record)
		}
	}
	for _, list := range [][]found{c.damaged, c.orphans} {
		slices.SortFunc(list, func(a, b found) int { return a.key.Compare(b.key) })
	}
}
