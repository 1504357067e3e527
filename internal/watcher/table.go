package watcher

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"odasync/internal/component"
	"odasync/internal/event"
)

// name is a component's key within the watcher's cluster.
type name struct{ namespace, name string }

// entry is what the watcher remembers of a component: its last message, and when it was last seen.
type entry struct {
	sequence uint64 // of the last message; 0 when none was published
	hash     string // of the last message; empty for a tombstone
	uid      string
	exists   bool   // the last message is not a tombstone
	doubt    bool   // a later message may stand there: the answer to its publish was lost
	seen     uint64 // the newest round that had begun when the component was last seen; 0 once it is known to be gone
}

// table is the published state of a cluster.
type table struct {
	mu      sync.Mutex
	round   uint64
	entries map[name]*entry
}

func newTable() *table { return &table{entries: make(map[name]*entry)} }

func (t *table) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.entries)
}

// published records a message that stands in the log. One that was known says nothing about whether a later one came.
func (t *table) published(h event.Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at(name{h.Key.Namespace, h.Key.Name})
	if h.Sequence > e.sequence {
		e.follow(h)
	}
}

// reset makes the table follow a message even where it is older than what was known: the log says so.
func (t *table) reset(h event.Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at(name{h.Key.Namespace, h.Key.Name}).follow(h)
}

// unanswered records that a publish failed and may have been stored all the same.
func (t *table) unanswered(n name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at(n).doubt = true
}

// follow copies the strings: they are parts of a message's headers, which would stay in memory whole.
func (e *entry) follow(h event.Head) {
	e.sequence, e.exists, e.doubt = h.Sequence, !h.Deleted, false
	e.hash, e.uid = strings.Clone(h.Hash), strings.Clone(h.UID)
}

// at returns the entry, which is created empty. The caller holds the lock.
func (t *table) at(n name) *entry {
	e := t.entries[n]
	if e == nil {
		e = new(entry)
		t.entries[n] = e
	}
	return e
}

// begin opens a round.
func (t *table) begin() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.round++
	return t.round
}

// see notes that the component exists now and returns a copy of its entry.
func (t *table) see(n name) entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at(n)
	e.seen = t.round
	return *e
}

// lose notes that the component is gone.
func (t *table) lose(n name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[n]; e != nil {
		e.seen = 0
	}
}

// get returns a copy of the entry.
func (t *table) get(n name) entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[n]; e != nil {
		return *e
	}
	return entry{}
}

// absent lists the scope's components that exist in the log or were to be published, and were not seen since the
// round began.
func (t *table) absent(round uint64, scope component.Scope) []name {
	t.mu.Lock()
	defer t.mu.Unlock()
	var gone []name
	for n, e := range t.entries {
		if (e.exists || e.seen > 0) && e.seen < round && scope.Contains(n.namespace) {
			gone = append(gone, n)
		}
	}
	return gone
}

// mark is the round that began last.
func (t *table) mark() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.round
}

// sequences lists the newest message of each component.
func (t *table) sequences() map[name]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[name]uint64, len(t.entries))
	for n, e := range t.entries {
		if e.sequence > 0 {
			all[n] = e.sequence
		}
	}
	return all
}

// missing notes that the log no longer holds the message, unless a newer one is known.
func (t *table) missing(n name, sequence uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	if e == nil || e.sequence != sequence {
		return false
	}
	e.sequence, e.exists, e.hash, e.uid = 0, false, "", ""
	return true
}

// purgeable says whether the component's last message is still that tombstone, and nobody has seen it since.
func (t *table) purgeable(n name, sequence uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	return e != nil && e.sequence == sequence && !e.exists && !e.doubt && e.seen == 0
}

// forget drops a component whose messages were purged up to the sequence.
func (t *table) forget(n name, sequence uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	switch {
	case e == nil || e.sequence != sequence:
	case e.seen == 0:
		delete(t.entries, n)
	default: // it came again meanwhile: the next message is the first
		e.sequence = 0
	}
}

// count tells how many components exist in the log.
func (t *table) count() int {
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

// digest sums up what exists: how many, a hash over keys and contents, and the newest sequence.
func (t *table) digest() (count int, digest string, sequence uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := make([]string, 0, len(t.entries))
	for n, e := range t.entries {
		sequence = max(sequence, e.sequence)
		if e.exists {
			lines = append(lines, n.namespace+"/"+n.name+" "+e.hash+"\n")
		}
	}
	slices.Sort(lines)
	hash := sha256.New()
	for _, line := range lines {
		hash.Write([]byte(line))
	}
	return len(lines), hex.EncodeToString(hash.Sum(nil)), sequence
}

// existing lists the namespace's components that exist in the log; of every namespace where it is empty.
func (t *table) existing(namespace string) []name {
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
