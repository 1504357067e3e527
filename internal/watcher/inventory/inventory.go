package inventory

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"sync"

	"odasync/internal/event"
)

// Name is a component's key within the watcher's cluster.
type Name struct{ Namespace, Name string }

// Digest is a short form of a hash or a uid, which are only compared; zero for an empty text.
type Digest [16]byte

// DigestOf shortens a hash or a uid.
func DigestOf(text string) (d Digest) {
	if text != "" {
		sum := sha256.Sum256([]byte(text))
		copy(d[:], sum[:])
	}
	return d
}

// Entry is the last message of a component and its presence in the cluster. There is one for each component, so it is small.
type Entry struct {
	Sequence  uint64 // of the last message; 0 when none was published
	Hash      Digest // of the last message; zero for a tombstone
	UID       Digest
	Source    uint64 // of an observation that has the state of the last message; 0 when none is known
	SeenIn    uint32 // the last generation when the component was seen; 0 when it is deleted
	Exists    bool   // the last message is not a tombstone
	InDoubt   bool   // the answer to a publish was lost: a later message may be stored
	rescanned bool   // seen in the current rescan of the stream, or published since then
	Presence  Presence
}

// Inventory is the published state of a cluster, and the presence of each component in the cluster.
type Inventory struct {
	mu         sync.Mutex
	generation uint32
	ticket     uint64
	entries    map[Name]*Entry
	namespaces map[string]string // each once
}

// New returns an empty inventory.
func New() *Inventory {
	return &Inventory{entries: make(map[Name]*Entry), namespaces: make(map[string]string)}
}

// Len is the number of entries.
func (t *Inventory) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.entries)
}

// Published records a stored message. A message that is already known does not resolve a doubt.
func (t *Inventory) Published(h event.Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at(Name{h.Key.Namespace, h.Key.Name})
	if h.Sequence <= e.Sequence {
		return
	}
	presence := e.Presence
	e.set(h)
	if e.SeenIn > 0 { // seen after the deletion that is published now: it may be absent again
		e.Presence = presence
	}
}

// Adopt records the message that the stream has, even where it is older than the known one.
func (t *Inventory) Adopt(h event.Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at(Name{h.Key.Namespace, h.Key.Name}).set(h)
}

// MarkInDoubt records that a publish failed and may nevertheless be stored.
func (t *Inventory) MarkInDoubt(n Name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at(n).InDoubt = true
}

func (e *Entry) set(h event.Head) {
	e.Sequence, e.Exists, e.InDoubt, e.rescanned = h.Sequence, !h.Deleted, false, true
	e.Hash, e.UID, e.Source = DigestOf(h.Hash), DigestOf(h.UID), 0
	if h.Deleted {
		e.Presence = Present // nothing to decide
	}
}

// at returns the entry, and creates it if needed. The name of a new one is copied: as a part of a message it would keep the
// whole message in memory. The caller holds the lock.
func (t *Inventory) at(n Name) *Entry {
	e := t.entries[n]
	if e == nil {
		namespace, known := t.namespaces[n.Namespace]
		if !known {
			namespace = strings.Clone(n.Namespace)
			t.namespaces[namespace] = namespace
		}
		e = new(Entry)
		t.entries[Name{namespace, strings.Clone(n.Name)}] = e
	}
	return e
}

// SetSource records the source of an observation that has the state of the message, unless there is a later message.
func (t *Inventory) SetSource(n Name, sequence, source uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[n]; e != nil && e.Sequence == sequence && source != 0 {
		e.Source = source
	}
}

// Get returns a copy of the entry.
func (t *Inventory) Get(n Name) Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[n]; e != nil {
		return *e
	}
	return Entry{}
}

// Names returns the names of all entries.
func (t *Inventory) Names() []Name {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.entries))
}

// Count is the number of components that exist in the stream.
func (t *Inventory) Count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	count := 0
	for _, e := range t.entries {
		if e.Exists {
			count++
		}
	}
	return count
}

// Digest returns the number of components that exist, a hash of their keys and contents, and the newest sequence. The hash is
// the sum of the hashes of the components, so that it does not depend on their order.
func (t *Inventory) Digest() (count int, digest string, sequence uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var total [4]uint64
	var line []byte
	for n, e := range t.entries {
		sequence = max(sequence, e.Sequence)
		if !e.Exists {
			continue
		}
		count++
		line = append(append(append(append(line[:0], n.Namespace...), '/'), n.Name...), ' ')
		sum := sha256.Sum256(append(line, e.Hash[:]...))
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
