package watcher

import (
	"context"
	"strings"
	"time"

	"odasync/internal/event"
	"odasync/internal/watcher/inventory"
)

// tombstone is a tombstone that is old enough to be purged.
type tombstone struct {
	name     inventory.Name
	sequence uint64
}

// rescan compares the inventory with the stream, where messages may have been added or removed by other clients. It returns
// the expired tombstones.
func (p *publisher) rescan(ctx context.Context) (expired []tombstone, err error) {
	older := make(map[inventory.Name]event.Head)
	p.inventory.BeginRescan()
	err = p.stream.Heads(ctx, p.watcher.cluster, func(h event.Head) {
		n := inventory.Name{Namespace: h.Key.Namespace, Name: h.Key.Name}
		if !p.inventory.Rescanned(h) {
			older[n] = h
		}
		if h.Deleted && !h.Time.IsZero() && time.Since(h.Time) > p.watcher.retention {
			expired = append(expired, tombstone{inventory.Name{Namespace: strings.Clone(n.Namespace), Name: strings.Clone(n.Name)}, h.Sequence})
		}
	})
	if err != nil {
		return nil, err
	}
	p.inventory.EndRescan(older, func(n inventory.Name, sequence uint64) {
		p.watcher.log.Warn().Str("namespace", n.Namespace).Str("component", n.Name).Uint64("seq", sequence).Msg("messages of a component were removed from the stream")
	})
	return expired, nil
}
