package watcher

import (
	"context"
	"strings"
	"time"

	"odasync/internal/event"
)

// beginRescan begins a rescan of the stream.
func (t *inventory) beginRescan() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.entries {
		e.rescanned = false
	}
}

// rescanned records a head of the rescan. It returns false for a head that is older than the known message, as in a stream
// that was restored from a backup; a newer head may follow.
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

// endRescan ends a rescan. Known messages that it did not find are no longer in the stream; the older heads take their
// place. It calls each with the known sequences.
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

// purgeable reports whether the component's last message is still the tombstone and the component was not seen since.
func (t *inventory) purgeable(n name, sequence uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	return e != nil && e.sequence == sequence && !e.exists && !e.inDoubt && e.seenIn == 0
}

// purged removes a component whose messages were purged up to the sequence.
func (t *inventory) purged(n name, sequence uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	switch {
	case e == nil || e.sequence != sequence:
	case e.seenIn == 0:
		delete(t.entries, n)
	default: // seen again in the meantime: its next message is the first
		e.sequence = 0
	}
}

// tombstone is a tombstone that is old enough to be purged.
type tombstone struct {
	name
	sequence uint64
}

// rescan compares the inventory with the stream, where messages may have been added or removed by other clients. It returns
// the expired tombstones.
func (p *publisher) rescan(ctx context.Context) (expired []tombstone, err error) {
	older := make(map[name]event.Head)
	p.inventory.beginRescan()
	err = p.stream.Heads(ctx, p.watcher.cluster, func(h event.Head) {
		n := name{h.Key.Namespace, h.Key.Name}
		if !p.inventory.rescanned(h) {
			older[n] = h
		}
		if h.Deleted && !h.Time.IsZero() && time.Since(h.Time) > p.watcher.retention {
			expired = append(expired, tombstone{name{strings.Clone(n.namespace), strings.Clone(n.name)}, h.Sequence})
		}
	})
	if err != nil {
		return nil, err
	}
	p.inventory.endRescan(older, func(n name, sequence uint64) {
		p.watcher.log.Warn().Str("namespace", n.namespace).Str("component", n.name).Uint64("seq", sequence).Msg("messages of a component were removed from the stream")
	})
	return expired, nil
}
