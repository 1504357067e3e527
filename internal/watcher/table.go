package watcher

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"

	"odasync/internal/component"
	"odasync/internal/event"
)

// name is a component's key within the watcher's cluster.
type name struct{ namespace, name string }

// digest stands for a hash or an uid, which are only ever compared, in less memory; zero for an empty text.
type digest [16]byte

func digestOf(text string) (d digest) {
	if text != "" {
		sum := sha256.Sum256([]byte(text))
		copy(d[:], sum[:])
	}
	return d
}

// presence says what comparisons made of a component that the log has.
type presence uint8

const (
	present  presence = iota
	absent            // a round has ended without it, and nothing is decided yet
	pending           // absent, and its deletion waits for an approval
	deleting          // its deletion is decided or was reported
)

// entry is what the watcher remembers of a component: its last message, and when it was last seen. There is one for each
// component, so it is kept small.
type entry struct {
	sequence  uint64 // of the last message; 0 when none was published
	hash      digest // of the last message; zero for a tombstone
	uid       digest
	seenIn    uint32 // the newest round that had begun when the component was last seen; 0 once it is known to be gone
	exists    bool   // the last message is not a tombstone
	inDoubt   bool   // a later message may stand there: the answer to its publish was lost
	rescanned bool   // the scan of the log that is under way has shown it, or it was published since
	presence  presence
}

// table is the published state of a cluster.
type inventory struct {
	mu         sync.Mutex
	generation uint32
	ticket     uint64
	entries    map[name]*entry
	namespaces map[string]string // each once
}

func newInventory() *inventory {
	return &inventory{entries: make(map[name]*entry), namespaces: make(map[string]string)}
}

func (t *inventory) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.entries)
}

// published records a message that stands in the log. One that was known says nothing about whether a later one came.
func (t *inventory) published(h event.Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at(name{h.Key.Namespace, h.Key.Name})
	if h.Sequence > e.sequence {
		e.set(h)
	}
}

// reset makes the table follow a message even where it is older than what was known: the log says so.
func (t *inventory) adopt(h event.Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at(name{h.Key.Namespace, h.Key.Name}).set(h)
}

// unanswered records that a publish failed and may have been stored all the same.
func (t *inventory) markInDoubt(n name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at(n).inDoubt = true
}

func (e *entry) set(h event.Head) {
	e.sequence, e.exists, e.inDoubt, e.rescanned = h.Sequence, !h.Deleted, false, true
	e.hash, e.uid = digestOf(h.Hash), digestOf(h.UID)
	if h.Deleted {
		e.presence = present // nothing is left to decide
	}
}

// at returns the entry, which is created empty. A new one's name is copied: it may be part of a message, which would stay
// in memory whole. The caller holds the lock.
func (t *inventory) at(n name) *entry {
	e := t.entries[n]
	if e == nil {
		namespace, known := t.namespaces[n.namespace]
		if !known {
			namespace = strings.Clone(n.namespace)
			t.namespaces[namespace] = namespace
		}
		e = new(entry)
		t.entries[name{namespace, strings.Clone(n.name)}] = e
	}
	return e
}

// begin opens a round.
func (t *inventory) nextGeneration() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.generation++
	return uint64(t.generation)
}

// see notes that the component exists now. It returns the entry as it was, and a ticket: of two changes of a component, the
// one with the higher ticket is the newer.
func (t *inventory) see(n name) (before entry, ticket uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at(n)
	before = *e
	e.seenIn, e.presence = t.generation, present
	t.ticket++
	return before, t.ticket
}

// lose notes that the component was reported as deleted, which is absence only where now is absent. It returns what see
// returns.
func (t *inventory) reportDeleted(n name, now presence) (before entry, ticket uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[n]; e != nil {
		before = *e
		e.seenIn, e.presence = 0, now
		if now == absent && !e.exists {
			e.presence = present
		}
	}
	t.ticket++
	return before, t.ticket
}

// drop notes that the deletion of an absent component is decided; false where it was seen meanwhile.
func (t *inventory) markDeleting(n name) (ticket uint64, dropped bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	if e == nil || e.presence == present {
		return 0, false
	}
	e.seenIn, e.presence = 0, deleting
	t.ticket++
	return t.ticket, true
}

// get returns a copy of the entry.
func (t *inventory) get(n name) entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[n]; e != nil {
		return *e
	}
	return entry{}
}

// missed marks and lists what the round did not show of its scope, of what exists in the log or is on its way there, as busy
// tells.
func (t *inventory) markAbsent(round uint64, scope component.Scope, busy func(name) bool) (missing []name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n, e := range t.entries {
		switch {
		case !e.exists && e.seenIn == 0 || uint64(e.seenIn) >= round || !scope.Contains(n.namespace):
		case !e.exists && !e.inDoubt && !busy(n):
			e.seenIn, e.presence = 0, present // such as one that could never be read: nothing is to be deleted
		default:
			e.presence = absent
			missing = append(missing, n)
		}
	}
	return missing
}

// tally lists what is absent in the scopes, decided about or not, and counts what exists there, in the log or as seen.
func (t *inventory) tally(listed []component.Scope) (missing []name, existing int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	within := t.within(listed)
	for n, e := range t.entries {
		switch {
		case !within[n.namespace]:
		case e.presence == absent || e.presence == pending:
			missing = append(missing, n)
			existing++
		case e.presence == present && (e.exists || e.seenIn > 0):
			existing++
		}
	}
	return missing, existing
}

// confine notes that nothing is known to be absent but in the scopes.
func (t *inventory) forgetAbsentOutside(listed []component.Scope) {
	t.mu.Lock()
	defer t.mu.Unlock()
	within := t.within(listed)
	for n, e := range t.entries {
		if !within[n.namespace] && (e.presence == absent || e.presence == pending) {
			e.presence = present
		}
	}
}

// within tells of each namespace whether the scopes have it. The caller holds the lock.
func (t *inventory) within(scopes []component.Scope) map[string]bool {
	within := make(map[string]bool, len(t.namespaces))
	for namespace := range t.namespaces {
		for _, scope := range scopes {
			within[namespace] = within[namespace] || scope.Contains(namespace)
		}
	}
	return within
}

// hold notes that the deletion of absent components waits for an approval.
func (t *inventory) markPending(names []name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range names {
		if e := t.entries[n]; e != nil && e.presence == absent {
			e.presence = pending
		}
	}
}

// mark is the round that began last.
func (t *inventory) lastGeneration() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint64(t.generation)
}

// scan begins a scan of the log: nothing is read yet.
func (t *inventory) beginRescan() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.entries {
		e.rescanned = false
	}
}

// scanned takes a head of the scan. It returns false where the head is older than what was known before the scan, as where
// the stream was restored from a backup; a newer one may still come.
func (t *inventory) rescanned(h event.Head) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at(name{h.Key.Namespace, h.Key.Name})
	if h.Sequence > e.sequence {
		e.set(h)
	}
	e.rescanned = e.rescanned || h.Sequence == e.sequence
	return e.rescanned
}

// lost ends a scan: messages that were known and that the scan did not show are no longer in the log, where the older ones
// are then the last. It calls each with what was known.
func (t *inventory) endRescan(older map[name]event.Head, each func(n name, sequence uint64)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n, e := range t.entries {
		if e.sequence == 0 || e.rescanned {
			continue
		}
		each(n, e.sequence)
		e.sequence, e.exists, e.hash, e.uid, e.presence = 0, false, digest{}, digest{}, present
		if h, found := older[n]; found {
			e.set(h)
		}
	}
}

// purgeable says whether the component's last message is still that tombstone, and nobody has seen it since.
func (t *inventory) purgeable(n name, sequence uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	return e != nil && e.sequence == sequence && !e.exists && !e.inDoubt && e.seenIn == 0
}

// forget drops a component whose messages were purged up to the sequence.
func (t *inventory) purged(n name, sequence uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	switch {
	case e == nil || e.sequence != sequence:
	case e.seenIn == 0:
		delete(t.entries, n)
	default: // it came again meanwhile: the next message is the first
		e.sequence = 0
	}
}

// count tells how many components exist in the log.
func (t *inventory) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	count := 0
	for _, e := range t.entries {
		if e.exists {
			count++
		}
	}
	return count
}

// digest sums up what exists: how many, a hash over keys and contents, and the newest sequence. The hash is the sum of one
// for each component, so that it needs no order.
func (t *inventory) digest() (count int, digest string, sequence uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var total [4]uint64
	var line []byte
	for n, e := range t.entries {
		sequence = max(sequence, e.sequence)
		if !e.exists {
			continue
		}
		count++
		line = append(append(append(append(line[:0], n.namespace...), '/'), n.name...), ' ')
		sum := sha256.Sum256(append(line, e.hash[:]...))
		for i := range total {
			total[i] += binary.BigEndian.Uint64(sum[8*i:])
		}
	}
	var text []byte
	for _, part := range total {
		text = binary.BigEndian.AppendUint64(text, part)
	}
	return count, hex.EncodeToString(text), sequence
}

// existing lists the namespace's components that exist in the log; of every namespace where it is empty.
func (t *inventory) existing(namespace string) []name {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []name
	for n, e := range t.entries {
		if e.exists && (namespace == "" || n.namespace == namespace) {
			all = append(all, n)
		}
	}
	return all
}
