package syncer

import (
	"context"
	"errors"
	"slices"

	"odasync/internal/component"
	"odasync/internal/event"
)

// comparison is what a reconcile found.
type comparison struct {
	damaged, orphans []found
	// displaced components can be mended once the orphan in their place is gone.
	displaced []found
	// complete says that a full comparison of the cluster stands in the stream: what it does not name does not exist.
	complete bool
}

// compare holds what the stream wants, by its heads, against what the registry shows, by its digests. The sync state tells
// which entry is whose and what it should look like. What it cannot decide it lets the applier look at, which writes only
// what differs.
func (r *Reconciler) compare(ctx context.Context, done *Reconciliation) (comparison, error) {
	var c comparison
	// How far the consumer has come is asked before the states are read: what was done by then has its outcome in them.
	progress, err := r.ports.Progress(ctx)
	if err != nil {
		return c, err
	}
	// The states next: an outcome that is stored meanwhile makes an entry look damaged at worst, never right.
	states := map[component.Key]State{}
	owners := map[string]State{} // by the registry's id
	err = r.ports.States.All(ctx, func(s State) {
		if s.Key.Cluster != done.Cluster {
			return
		}
		states[s.Key] = s
		if s.Record.ID != "" {
			owners[s.Record.ID] = s
		}
	})
	if err != nil {
		return c, err
	}
	entries := map[string]Entry{} // by the registry's id
	names := map[string]bool{}    // of components, and of what is left of them
	taken := map[string]bool{}    // of components
	var bare []Entry
	err = r.ports.Inventory.Inventory(ctx, done.Cluster, func(e Entry) {
		names[e.Record.Name] = true
		taken[e.Record.Name] = taken[e.Record.Name] || e.Record.ID != ""
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
	// After the heads: before the marker stood there, the stream may have been new and only half filled.
	_, c.complete, err = r.ports.Snapshot.LastMark(ctx, done.Cluster)
	if err != nil && !errors.Is(err, event.ErrUnreadable) {
		return c, err
	}
	var unsettled, parked []found
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
			if done.Failed++; state.Reason == ClassTaken && !taken[r.ports.Inventory.Place(key).Name] { // the name is free now
				c.damaged = append(c.damaged, found{key: key, problem: problemMissing})
			}
			parked = append(parked, found{key: key})
		case head.Deleted:
		case !stands:
			done.Missing++
			absent := state.Intent == 0 && !names[r.ports.Inventory.Place(key).Name]
			c.damaged = append(c.damaged, found{key: key, problem: problemMissing, absent: absent})
		case ownerOf(entry, owners) != key && entry.Record.Name == r.ports.Inventory.Place(key).Name:
			done.Different++
			c.displaced = append(c.displaced, found{key: key, problem: problemDifferent, record: entry.Record})
		case entry.Record.Digest != state.Record.Digest || entry.Record.Name != r.ports.Inventory.Place(key).Name:
			done.Different++
			c.damaged = append(c.damaged, found{key: key, problem: problemDifferent, record: entry.Record})
		}
	}
	settle(done, &c, unsettled, heads, progress)
	for _, f := range slices.Concat(unsettled, parked) { // what is to be deleted has its place until that is done
		heads[f.key] = event.Head{Key: f.key}
	}
	r.orphans(done, &c, heads, owners, entries, bare)
	return c, nil
}

// settle decides about components whose newest message has no outcome yet. Up to where everything is done the outcome was
// lost, with the sync state or in part of it. What was not delivered is on its way. In between as many are on their way as
// the consumer has in hand; where there are more, some outcomes were lost, and all of these are looked at.
func settle(done *Reconciliation, c *comparison, unsettled []found, heads map[component.Key]event.Head, progress Progress) {
	var lost, between []found
	for _, f := range unsettled {
		switch sequence := heads[f.key].Sequence; {
		case sequence <= progress.Done:
			lost = append(lost, f)
		case sequence <= progress.Delivered:
			between = append(between, f)
		}
	}
	if len(between) > progress.Unfinished {
		lost = append(lost, between...)
	}
	done.Unsettled, done.Pending = len(lost), len(unsettled)-len(lost)
	c.damaged = append(c.damaged, lost...)
}

// orphans finds entries that are odasync's, by their labels or by the sync state, and that no component stands for.
func (r *Reconciler) orphans(done *Reconciliation, c *comparison, heads map[component.Key]event.Head, owners map[string]State, entries map[string]Entry, bare []Entry) {
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
	for _, entry := range entries {
		key := ownerOf(entry, owners)
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
	for _, list := range [][]found{c.damaged, c.displaced, c.orphans} {
		slices.SortFunc(list, func(a, b found) int { return a.key.Compare(b.key) })
	}
}

// ownerOf tells whose an entry is: the component's that the sync state knows there, unless somebody gave it another one's
// name or namespace.
func ownerOf(entry Entry, owners map[string]State) component.Key {
	known, recorded := owners[entry.Record.ID]
	if !recorded {
		return entry.Key
	}
	if entry.Key != (component.Key{}) && (entry.Key.Namespace != known.Key.Namespace || entry.Record.Name != known.Record.Name) {
		return entry.Key
	}
	return known.Key
}
