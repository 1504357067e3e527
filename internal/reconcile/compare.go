package reconcile

import (
	"context"
	"slices"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/fingerprint"
	"odasync/internal/target"
)

// comparison is a comparison in progress.
type comparison struct {
	deps     Dependencies
	interval time.Duration
	began    time.Time
	onDemand bool
	done     *target.Reconciliation
	plan     plan

	rows    []row
	byKey   map[fingerprint.Print]uint32
	byID    map[uint64]uint32 // by the registry's id of the recorded entry
	names   map[uint64]bool   // of all entries; false if only APIs of a component have the name
	unknown []finding         // entries with labels of a component whose state does not record them
	apis    []finding         // APIs whose component is gone
}

// compare compares the desired state, the heads of the stream, with the actual state, the digests of the registry's
// entries. The sync state maps components to entries and records their digests. What the comparison cannot decide becomes
// a repair: the Repairer reads everything again as the only writer of the component, and writes only what differs.
//
// The order of the reads matters. The states come first: an outcome stored during the comparison makes an entry look
// different at worst, never equal. The heads come after the entries: components created meanwhile are wanted by then. The
// marker comes last: before it was published, the stream may have been new and incomplete.
func (r *Reconciler) compare(ctx context.Context, done *target.Reconciliation, onDemand bool) (plan, error) {
	c := &comparison{
		deps: r.deps, interval: r.interval, began: time.Now(), onDemand: onDemand, done: done,
		byKey: map[fingerprint.Print]uint32{}, byID: map[uint64]uint32{}, names: map[uint64]bool{},
	}
	if err := r.deps.States.All(ctx, done.Cluster, c.state); err != nil {
		return c.plan, err
	}
	if err := r.deps.Inventory.Inventory(ctx, done.Cluster, c.entry); err != nil {
		return c.plan, err
	}
	if err := r.deps.Snapshot.Heads(ctx, done.Cluster, c.head); err != nil {
		return c.plan, err
	}
	marker, complete, err := r.deps.Snapshot.Complete(ctx, done.Cluster)
	if err != nil {
		return c.plan, err
	}
	c.plan.complete = complete
	done.ID = marker.ID
	if err := c.unwanted(ctx, &marker); err != nil {
		return c.plan, err
	}
	// A component is found twice where both its state and its labels match, or where its head was listed twice.
	for _, list := range []*[]finding{&c.plan.repairs, &c.plan.lateRepairs, &c.plan.orphans, &c.plan.unlisted} {
		slices.SortFunc(*list, func(a, b finding) int { return a.key.Compare(b.key) })
		*list = slices.CompactFunc(*list, func(a, b finding) bool { return a.key == b.key })
	}
	done.Orphans = len(c.plan.orphans) + len(c.plan.unlisted)
	return c.plan, nil
}

// at returns the row of the key; nil if there is none.
func (c *comparison) at(key component.Key) *row {
	if n, ok := c.byKey[fingerprint.Of(key)]; ok {
		return &c.rows[n]
	}
	return nil
}

// add returns the row of the key and its number, and creates it if necessary.
func (c *comparison) add(key component.Key) (*row, uint32) {
	print := fingerprint.Of(key)
	n, ok := c.byKey[print]
	if !ok {
		n = uint32(len(c.rows))
		c.byKey[print] = n
		c.rows = append(c.rows, row{})
	}
	return &c.rows[n], n
}

// state adds the sync state of a component.
func (c *comparison) state(s target.State) {
	r, n := c.add(s.Key)
	*r = row{
		sequence: s.Sequence, hash: hash(s.Hash), digest: hash(s.Ref.Digest),
		name: hash(s.Ref.Name), place: hash(c.deps.Inventory.Place(s.Key).Name), namespace: hash(s.Key.Namespace),
	}
	r.set(deleted, s.Outcome == target.OutcomeDeleted)
	r.set(failed, s.Outcome == target.OutcomeFailed)
	r.set(inDoubt, s.Intent != 0)
	r.set(abandoned, s.Intent != 0 && (s.Owner == "" || c.began.Sub(s.Updated) > c.lostAfter())) // the state of a conflict has no owner
	r.set(retryDue, r.is(abandoned) || !s.Reason.Permanent() && c.began.Sub(s.Updated) >= retryPause(&s))
	r.set(nameTaken, s.Reason == target.ClassNameConflict)
	r.set(contested, isContested(&s, c.began))
	if s.Ref.ID != "" {
		c.byID[hash(s.Ref.ID)] = n
	}
}

// lostAfter is how long a newest message may be without an outcome until the outcome counts as lost. If a syncer is only
// behind, the component is compared twice. A reconcile on demand leaves out only what has just been published.
func (c *comparison) lostAfter() time.Duration {
	if c.onDemand {
		return lostOnDemand
	}
	return max(lostIntervals*c.interval, lostAtLeast)
}

const (
	lostOnDemand  = 5 * time.Second
	lostIntervals = 3
	lostAtLeast   = 5 * time.Minute
)

// entry adds an entry of the registry. If it is listed twice, the later one counts.
func (c *comparison) entry(e target.Entry) {
	name := hash(e.Ref.Name)
	c.names[name] = c.names[name] || e.Ref.ID != ""
	if e.Foreign {
		return
	}
	if e.Ref.ID == "" {
		if e.Key != (component.Key{}) {
			c.add(e.Key) // so that its head is recorded
			c.apis = append(c.apis, finding{key: e.Key, problem: problemOrphan, ref: e.Ref})
		}
		return
	}
	n, recorded := c.byID[hash(e.Ref.ID)]
	if recorded {
		r := &c.rows[n]
		// The entry belongs to the component whose state records it, unless it was given the name or namespace of another one.
		others := e.Key != (component.Key{}) && (hash(e.Key.Namespace) != r.namespace || name != r.name)
		r.set(present, true)
		r.set(asRecorded, hash(e.Ref.Digest) == r.digest)
		r.set(atPlace, name == r.place)
		r.set(relabelled, others)
		recorded = !others
	}
	if !recorded && e.Key != (component.Key{}) { // else it is not odasync's
		c.add(e.Key)
		c.unknown = append(c.unknown, finding{key: e.Key, problem: problemOrphan, ref: e.Ref})
	}
}

// head adds the newest message of a component, and decides about the component.
func (c *comparison) head(h event.Head) {
	r := c.at(h.Key)
	if r == nil {
		r = &row{}
	}
	if r.is(headed) { // a newer message was published meanwhile, whose outcome is still to come
		r.set(wanted, r.is(wanted) || !h.Deleted)
		return
	}
	r.set(headed|wanted, true)
	if !h.Deleted {
		c.done.Desired++
	}
	switch {
	case r.sequence != h.Sequence:
		// A state behind the head waits for the message, or its outcome was lost. A state ahead of it means that the stream is
		// older than the sync state.
		lost := r.sequence > h.Sequence || c.began.Sub(h.Time) > c.lostAfter()
		c.unacknowledged(h.Key, lost)
	case r.is(failed):
		c.done.Failed++
		other := h.Hash != "" && r.hash != hash("") && r.hash != hash(h.Hash) // the sequence belongs to another message by now
		if free := !c.names[hash(c.deps.Inventory.Place(h.Key).Name)]; other || r.is(retryDue) || r.is(nameTaken) && free {
			c.repair(finding{key: h.Key, problem: problemFailed})
		}
	case r.is(inDoubt):
		c.unacknowledged(h.Key, r.is(abandoned))
	case h.Deleted != r.is(deleted), h.Hash != "" && hash(h.Hash) != r.hash:
		c.unacknowledged(h.Key, true) // the sequence belonged to another message when it was applied
	case h.Deleted:
		r.set(wanted, false)
	case !r.is(present):
		c.done.Missing++
		_, there := c.names[hash(c.deps.Inventory.Place(h.Key).Name)]
		c.repair(finding{key: h.Key, problem: problemMissing, nameFree: !there})
	case r.is(relabelled) && r.is(atPlace):
		c.done.Different++
		c.plan.lateRepairs = append(c.plan.lateRepairs, finding{key: h.Key, problem: problemDifferent})
	case !r.is(asRecorded) && r.is(contested):
		c.done.Overwritten++
		c.plan.contested = append(c.plan.contested, finding{key: h.Key, problem: problemOverwritten})
	case !r.is(asRecorded) || !r.is(atPlace):
		c.done.Different++
		c.repair(finding{key: h.Key, problem: problemDifferent})
	}
}

func (c *comparison) repair(f finding) { c.plan.repairs = append(c.plan.repairs, f) }

// unacknowledged counts a component whose newest message has no outcome, and repairs it if the outcome is lost.
func (c *comparison) unacknowledged(key component.Key, lost bool) {
	if !lost {
		c.done.Pending++
		return
	}
	c.done.Unacknowledged++
	c.repair(finding{key: key, problem: problemUnacknowledged})
}

// unwanted finds the orphans: entries that belong to odasync by their labels or by the sync state, and whose component does
// not exist.
func (c *comparison) unwanted(ctx context.Context, marker *event.Snapshot) error {
	c.addOrphans(marker, c.unknown, true)
	c.addOrphans(marker, c.apis, false)
	// Orphans by the sync state are rare, so the states are read again instead of keeping every name.
	unwanted, expired := false, false
	for i := range c.rows {
		r := &c.rows[i]
		if r.is(present) && !r.is(relabelled) {
			c.done.Entries++
			unwanted = unwanted || !r.is(wanted)
		}
		expired = expired || r.expired()
	}
	if !unwanted && !(expired && c.plan.complete) {
		return nil
	}
	var orphans []finding
	err := c.deps.States.All(ctx, c.done.Cluster, func(s target.State) {
		r := c.at(s.Key)
		switch {
		case r == nil || r.sequence != s.Sequence: // new, or changed meanwhile
		case r.is(present) && !r.is(relabelled) && !r.is(wanted) && s.Ref.ID != "":
			orphans = append(orphans, finding{key: s.Key, problem: problemOrphan, ref: s.Ref})
		case r.expired() && s.Outcome == target.OutcomeDeleted && s.Intent == 0 && c.plan.complete:
			c.plan.expired = append(c.plan.expired, s)
		}
	})
	c.addOrphans(marker, orphans, false)
	return err
}

// addOrphans adds those of the entries whose component does not exist, and counts entries: all of them if they are
// components, else only orphans.
func (c *comparison) addOrphans(marker *event.Snapshot, entries []finding, components bool) {
	seen := map[fingerprint.Print]bool{}
	for _, f := range entries {
		entry := fingerprint.Of(f.ref)
		if seen[entry] {
			continue
		}
		seen[entry] = true
		r := c.at(f.key)
		unwanted := r == nil || !r.is(wanted)
		if components || unwanted && f.ref.ID == "" { // the APIs of a wanted component are removed when it is repaired
			c.done.Entries++
		}
		switch {
		case !unwanted:
		case !marker.Lists(f.key.Namespace):
			c.plan.unlisted = append(c.plan.unlisted, f)
		default:
			c.plan.orphans = append(c.plan.orphans, f)
		}
	}
}
