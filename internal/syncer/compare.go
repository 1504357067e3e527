package syncer

import (
	"context"
	"slices"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/fingerprint"
	"odasync/internal/target"
)

// comparison is what a reconcile found.
type comparison struct {
	damaged, orphans []found
	// displaced components can be mended once the orphan in their place is gone.
	displaced []found
	// unlisted orphans stand in namespaces of which the last full sync knows nothing.
	unlisted []found
	// expired are states of deleted components whose tombstones were purged from the stream.
	expired []target.State
	// complete says that a full comparison of the cluster stands in the stream: what it does not name does not exist.
	complete bool
}

// row is what a comparison keeps of a component: a few dozen bytes, since there are as many rows as components. Where only
// equality counts, a hash stands for the text.
type row struct {
	sequence     uint64
	hash, digest uint64 // of the newest outcome's content, and of the entry as the apply left it
	// name is the entry's recorded one, place the one that it should have; namespace is the component's.
	name, place, namespace uint64
	flags                  flags
}

type flags uint16

const (
	// deleted and failed are outcomes; without one the component was applied, or nothing is known of it.
	deleted flags = 1 << iota
	failed
	// inDoubt: writing began and its end is not recorded; abandoned: and it is long ago.
	inDoubt
	abandoned
	// retryDue: it failed without a judgement of its content, or was left in doubt since, and may be tried again. nameTaken:
	// it failed since the name belongs to another owner.
	retryDue
	nameTaken
	// present: the registry lists the recorded entry; asRecorded: it shows what it should; atPlace: under the right name;
	// alien: its labels tell of another component.
	present
	asRecorded
	atPlace
	alien
	// headed: the stream has messages of the component; wanted: it is to stand in the registry, or will be looked at.
	headed
	wanted
)

func (r *row) is(f flags) bool { return r.flags&f != 0 }

func (r *row) set(f flags, on bool) {
	r.flags &^= f
	if on {
		r.flags |= f
	}
}

// comparing is the memory of a comparison.
type comparing struct {
	*Reconciler
	began time.Time
	asked bool
	done  *target.Reconciliation
	found comparison

	rows   []row
	byKey  map[fingerprint.Print]uint32
	byID   map[uint64]uint32 // the registry's id of the recorded entry
	names  map[uint64]bool   // of all entries; true where a component stands there, not only what is left of one
	strays []found           // entries that their labels tell about, and no sync state
	bare   []found           // APIs whose component is gone
}

func hash(text string) uint64 { return fingerprint.Short(text) }

// compare holds what the stream wants, by its heads, against what the registry shows, by its digests. The sync state tells
// which entry is whose and what it should look like. What it cannot decide it lets the applier look at, which reads
// everything again under its claim and writes only what differs.
//
// The order of the reads matters. The states come first: an outcome that is stored meanwhile makes an entry look damaged
// at worst, never right. The heads come after the entries: what was created meanwhile is wanted by then. The marker comes
// last: before it stood there, the stream may have been new and only half filled.
func (r *Reconciler) compare(ctx context.Context, done *target.Reconciliation, asked bool) (comparison, error) {
	c := &comparing{
		Reconciler: r, began: time.Now(), asked: asked, done: done,
		byKey: map[fingerprint.Print]uint32{}, byID: map[uint64]uint32{}, names: map[uint64]bool{},
	}
	if err := r.ports.States.All(ctx, done.Cluster, c.state); err != nil {
		return c.found, err
	}
	if err := r.ports.Inventory.Inventory(ctx, done.Cluster, c.entry); err != nil {
		return c.found, err
	}
	if err := r.ports.Snapshot.Heads(ctx, done.Cluster, c.head); err != nil {
		return c.found, err
	}
	marker, complete, err := r.ports.Snapshot.Complete(ctx, done.Cluster)
	if err != nil {
		return c.found, err
	}
	c.found.complete = complete
	done.ID = marker.ID
	if err := c.unwanted(ctx, &marker); err != nil {
		return c.found, err
	}
	// Of what the sync state and the labels both tell, and of a head that came twice, once is enough.
	for _, list := range []*[]found{&c.found.damaged, &c.found.displaced, &c.found.orphans, &c.found.unlisted} {
		slices.SortFunc(*list, func(a, b found) int { return a.key.Compare(b.key) })
		*list = slices.CompactFunc(*list, func(a, b found) bool { return a.key == b.key })
	}
	done.Orphans = len(c.found.orphans) + len(c.found.unlisted)
	return c.found, nil
}

// at returns the key's row; nil where there is none.
func (c *comparing) at(key component.Key) *row {
	if n, ok := c.byKey[fingerprint.Of(key)]; ok {
		return &c.rows[n]
	}
	return nil
}

// add makes a row for the key, unless it has one.
func (c *comparing) add(key component.Key) (*row, uint32) {
	print := fingerprint.Of(key)
	n, ok := c.byKey[print]
	if !ok {
		n = uint32(len(c.rows))
		c.byKey[print] = n
		c.rows = append(c.rows, row{})
	}
	return &c.rows[n], n
}

// state takes in what is known of a component.
func (c *comparing) state(s target.State) {
	r, n := c.add(s.Key)
	*r = row{
		sequence: s.Sequence, hash: hash(s.Hash), digest: hash(s.Ref.Digest),
		name: hash(s.Ref.Name), place: hash(c.ports.Inventory.Place(s.Key).Name), namespace: hash(s.Key.Namespace),
	}
	r.set(deleted, s.Outcome == target.OutcomeDeleted)
	r.set(failed, s.Outcome == target.OutcomeFailed)
	r.set(inDoubt, s.Intent != 0)
	r.set(abandoned, s.Intent != 0 && (s.Owner == "" || c.began.Sub(s.Updated) > c.lostAfter())) // a noted race has no owner
	r.set(retryDue, r.is(abandoned) || !s.Reason.Permanent() && c.began.Sub(s.Updated) >= retryPause(&s))
	r.set(nameTaken, s.Reason == target.ClassNameConflict)
	if s.Ref.ID != "" {
		c.byID[hash(s.Ref.ID)] = n
	}
}

// lostAfter is how long a newest message may be without an outcome until that counts as lost. A syncer that is behind
// brings it later than that, too: then the component is looked at twice.
// Who asked for a reconcile wants it all compared now, but for what has only just come.
func (c *comparing) lostAfter() time.Duration {
	if c.asked {
		return lostWhenAsked
	}
	return max(lostIntervals*c.interval, lostAtLeast)
}

const (
	lostWhenAsked = 5 * time.Second
	lostIntervals = 3
	lostAtLeast   = 5 * time.Minute
)

// retryPause is how long a failure that does not judge the content is left alone: half of the time since it began, so
// that the tries become rare where they are in vain.
func retryPause(s *target.State) time.Duration {
	return min(max(s.Updated.Sub(s.FailedSince)/2, retryAtLeast), retryAtMost)
}

const (
	retryAtLeast = 30 * time.Second
	retryAtMost  = time.Hour
)

// entry takes in what stands in the registry. One may come twice; the later word counts.
func (c *comparing) entry(e target.Entry) {
	name := hash(e.Ref.Name)
	c.names[name] = c.names[name] || e.Ref.ID != ""
	if e.Foreign {
		return
	}
	if e.Ref.ID == "" {
		if e.Key != (component.Key{}) {
			c.add(e.Key) // so that its head is noticed
			c.bare = append(c.bare, found{key: e.Key, problem: problemOrphan, record: e.Ref})
		}
		return
	}
	n, recorded := c.byID[hash(e.Ref.ID)]
	if recorded {
		r := &c.rows[n]
		// The entry is the component's that the sync state knows there, unless somebody gave it another one's name or namespace.
		others := e.Key != (component.Key{}) && (hash(e.Key.Namespace) != r.namespace || name != r.name)
		r.set(present, true)
		r.set(asRecorded, hash(e.Ref.Digest) == r.digest)
		r.set(atPlace, name == r.place)
		r.set(alien, others)
		recorded = !others
	}
	if !recorded && e.Key != (component.Key{}) { // else it is a person's, or another program's
		c.add(e.Key)
		c.strays = append(c.strays, found{key: e.Key, problem: problemOrphan, record: e.Ref})
	}
}

// head takes in what the stream wants, and decides about the component.
func (c *comparing) head(h event.Head) {
	r := c.at(h.Key)
	if r == nil {
		r = &row{}
	}
	if r.is(headed) { // a newer message came meanwhile: its own outcome is still to come
		r.set(wanted, r.is(wanted) || !h.Deleted)
		return
	}
	r.set(headed|wanted, true)
	if !h.Deleted {
		c.done.Desired++
	}
	switch {
	case r.sequence != h.Sequence:
		// Behind its head the component waits for its message, or has lost the outcome. Ahead of it, the stream is older than
		// the sync state.
		lost := r.sequence > h.Sequence || c.began.Sub(h.Time) > c.lostAfter()
		c.unsettled(h.Key, lost)
	case r.is(failed):
		c.done.Failed++
		other := h.Hash != "" && r.hash != hash("") && r.hash != hash(h.Hash) // content has its sequence by now
		if free := !c.names[hash(c.ports.Inventory.Place(h.Key).Name)]; other || r.is(retryDue) || r.is(nameTaken) && free {
			c.damage(found{key: h.Key, problem: problemFailed})
		}
	case r.is(inDoubt):
		c.unsettled(h.Key, r.is(abandoned))
	case h.Deleted != r.is(deleted), h.Hash != "" && hash(h.Hash) != r.hash:
		c.unsettled(h.Key, true) // the sequence stood for another message when it was applied
	case h.Deleted:
		r.set(wanted, false)
	case !r.is(present):
		c.done.Missing++
		_, there := c.names[hash(c.ports.Inventory.Place(h.Key).Name)]
		c.damage(found{key: h.Key, problem: problemMissing, absent: !there})
	case r.is(alien) && r.is(atPlace):
		c.done.Different++
		c.found.displaced = append(c.found.displaced, found{key: h.Key, problem: problemDifferent})
	case !r.is(asRecorded) || !r.is(atPlace):
		c.done.Different++
		c.damage(found{key: h.Key, problem: problemDifferent})
	}
}

func (c *comparing) damage(f found) { c.found.damaged = append(c.found.damaged, f) }

// unsettled counts a component whose newest message has no outcome; where that was lost, it is looked at.
func (c *comparing) unsettled(key component.Key, lost bool) {
	if !lost {
		c.done.Pending++
		return
	}
	c.done.Unacknowledged++
	c.damage(found{key: key, problem: problemUnacknowledged})
}

// unwanted finds entries that are odasync's, by their labels or by the sync state, and that no component stands for.
func (c *comparing) unwanted(ctx context.Context, marker *event.Snapshot) error {
	c.orphans(marker, c.strays, true)
	c.orphans(marker, c.bare, false)
	// Which ones they are by the sync state is read once more, rather than to keep every name for what is rare.
	unwanted, expired := false, false
	for i := range c.rows {
		r := &c.rows[i]
		if r.is(present) && !r.is(alien) {
			c.done.Entries++
			unwanted = unwanted || !r.is(wanted)
		}
		expired = expired || r.expired()
	}
	if !unwanted && !(expired && c.found.complete) {
		return nil
	}
	var orphans []found
	err := c.ports.States.All(ctx, c.done.Cluster, func(s target.State) {
		r := c.at(s.Key)
		switch {
		case r == nil || r.sequence != s.Sequence: // new, or another one by now
		case r.is(present) && !r.is(alien) && !r.is(wanted) && s.Ref.ID != "":
			orphans = append(orphans, found{key: s.Key, problem: problemOrphan, record: s.Ref})
		case r.expired() && s.Outcome == target.OutcomeDeleted && s.Intent == 0 && c.found.complete:
			c.found.expired = append(c.found.expired, s)
		}
	})
	c.orphans(marker, orphans, false)
	return err
}

// expired says whether the row is of a deleted component of which the stream knows nothing any more.
func (r *row) expired() bool {
	return r.is(deleted) && !r.is(headed) && !r.is(inDoubt) && !r.is(present)
}

// orphans adds those of the entries that no component stands for. Where they are components, all of them are counted.
func (c *comparing) orphans(marker *event.Snapshot, entries []found, components bool) {
	seen := map[fingerprint.Print]bool{}
	for _, f := range entries {
		entry := fingerprint.Of(f.record)
		if seen[entry] {
			continue
		}
		seen[entry] = true
		r := c.at(f.key)
		unwanted := r == nil || !r.is(wanted)
		if components || unwanted && f.record.ID == "" { // the APIs of a wanted component go when it is mended
			c.done.Entries++
		}
		switch {
		case !unwanted:
		case !marker.Lists(f.key.Namespace):
			c.found.unlisted = append(c.found.unlisted, f)
		default:
			c.found.orphans = append(c.found.orphans, f)
		}
	}
}
