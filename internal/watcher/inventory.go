package watcher

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"

	"odasync/internal/event"
)

// name is a component's key within the watcher's cluster.
type name struct{ namespace, name string }

// digest is a short form of a hash or a uid, which are only compared; zero for an empty text.
type digest [16]byte

func digestOf(text string) (d digest) {
	if text != "" {
		sum := sha256.Sum256([]byte(text))
		copy(d[:], sum[:])
	}
	return d
}

// entry is the last message of a component and its presence in the cluster. There is one for each component, so it is small.
type entry struct {
	sequence  uint64 // of the last message; 0 when none was published
	hash      digest // of the last message; zero for a tombstone
	uid       digest
	seenIn    uint32 // the last generation when the component was seen; 0 when it is deleted
	exists    bool   // the last message is not a tombstone
	inDoubt   bool   // the answer to a publish was lost: a later message may be stored
	rescanned bool   // seen in the current rescan of the stream, or published since then
	presence  presence
}

// inventory is the published state of a cluster, and the presence of each component in the cluster.
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

// published records a stored message. A message that is already known does not resolve a doubt.
func (t *inventory) published(h event.Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at(name{h.Key.Namespace, h.Key.Name})
	if h.Sequence > e.sequence {
		e.set(h)
	}
}

// adopt records the message that the stream has, even where it is older than the known one.
func (t *inventory) adopt(h event.Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at(name{h.Key.Namespace, h.Key.Name}).set(h)
}

// markInDoubt records that a publish failed and may nevertheless be stored.
func (t *inventory) markInDoubt(n name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at(n).inDoubt = true
}

func (e *entry) set(h event.Head) {
	e.sequence, e.exists, e.inDoubt, e.rescanned = h.Sequence, !h.Deleted, false, true
	e.hash, e.uid = digestOf(h.Hash), digestOf(h.UID)
	if h.Deleted {
		e.presence = present // nothing to decide
	}
}

// at returns the entry, and creates it if needed. The name of a new one is copied: as a part of a message it would keep the
// whole message in memory. The caller holds the lock.
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

// get returns a copy of the entry.
func (t *inventory) get(n name) entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[n]; e != nil {
		return *e
	}
	return entry{}
}

// count is the number of components that exist in the stream.
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

// digest returns the number of components that exist, a hash of their keys and contents, and the newest sequence. The hash is
// the sum of the hashes of the components, so that it does not depend on their order.
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
