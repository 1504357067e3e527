package inventory

import "odasync/internal/event"

// BeginRescan begins a rescan of the stream.
func (t *Inventory) BeginRescan() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.entries {
		e.rescanned = false
	}
}

// Rescanned records a head of the rescan. It returns false for a head that is older than the known message, as in a stream
// that was restored from a backup; a newer head may follow.
func (t *Inventory) Rescanned(h event.Head) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at(Name{h.Key.Namespace, h.Key.Name})
	if h.Sequence > e.Sequence {
		e.set(h)
	}
	e.rescanned = e.rescanned || h.Sequence == e.Sequence
	return e.rescanned
}

// EndRescan ends a rescan. Known messages that it did not find are no longer in the stream; the older heads take their
// place. It calls each with the known sequences.
func (t *Inventory) EndRescan(older map[Name]event.Head, each func(n Name, sequence uint64)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n, e := range t.entries {
		if e.Sequence == 0 || e.rescanned {
			continue
		}
		each(n, e.Sequence)
		e.Sequence, e.Exists, e.Hash, e.UID, e.Source, e.Presence = 0, false, Digest{}, Digest{}, 0, Present
		if h, found := older[n]; found {
			e.set(h)
		}
	}
}

// Purgeable reports whether the component's last message is still the tombstone and the component was not seen since.
func (t *Inventory) Purgeable(n Name, sequence uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	return e != nil && e.Sequence == sequence && !e.Exists && !e.InDoubt && e.SeenIn == 0
}

// Purged removes a component whose messages were purged up to the sequence.
func (t *Inventory) Purged(n Name, sequence uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	switch {
	case e == nil || e.Sequence != sequence:
	case e.SeenIn == 0:
		delete(t.entries, n)
	default: // seen again in the meantime: its next message is the first
		e.Sequence = 0
	}
}
