package tmf639

import (
	"context"
	"maps"
	"slices"
	"strings"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/target"
)

// Inventory calls each with every entry under the configured prefix: one for each component that documents are marked with,
// and one for each document of another owner. A document without a mark is an entry without a key: where the sync state
// records its id, another program has written over it.
func (a *Adapter) Inventory(ctx context.Context, cluster string, each func(target.Entry)) error {
	prefix := document.Prefix(a.cfg, cluster)
	components := map[component.Key]*target.Entry{}
	digests := map[component.Key]registry.Digest{}
	var others []target.Entry
	strangers := 0
	err := a.listing.view(ctx, a.client.NewSession(), true, func(rows map[string]row) {
		for id, r := range rows {
			name, ok := strings.CutPrefix(id, prefix+":")
			if !ok {
				continue
			}
			m, marked := document.ParseMark(r.version)
			if !marked || m.Key.Cluster != cluster {
				others = append(others, target.Entry{Ref: target.Ref{Registry: prefix, Name: name, ID: id}, Foreign: marked})
				if !marked {
					strangers++
				}
				continue
			}
			entry, known := components[m.Key]
			if !known {
				entry = &target.Entry{Key: m.Key, Ref: a.Place(m.Key)}
				components[m.Key], digests[m.Key] = entry, document.ConfigDigest(a.cfg)
			}
			digests[m.Key] = digests[m.Key].Plus(partDigest(id, m.Digest))
			// While an entry moves there are two Components; the one that stays counts.
			if document.IsComponentID(name, m.Key) && entry.Ref.ID != document.ComponentID(a.cfg, m.Key) {
				entry.Ref.Name, entry.Ref.ID = name, id
			}
		}
	})
	if err != nil {
		return err
	}
	if strangers == 0 {
		a.secondWriter.Set(nil)
	}
	for _, other := range others {
		each(other)
	}
	for _, key := range slices.SortedFunc(maps.Keys(components), component.Key.Compare) {
		entry := components[key]
		if entry.Ref.ID != "" { // else only APIs are left
			entry.Ref.Digest = digests[key].String()
		}
		each(*entry)
	}
	return nil
}
