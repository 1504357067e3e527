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

// actual implements [registry.Actual].
type actual struct {
	cfg       registry.Config
	documents map[string]document.Stored // by their ids
}

// Actual reads all documents, in pages. It changes nothing.
func (a *Adapter) Actual(ctx context.Context) (registry.Actual, error) {
	all := &actual{cfg: a.cfg}
	steady, err := fullList.Read(ctx, a.client.NewSession(), registry.Rows[document.Stored]{
		Begin: func() { all.documents = map[string]document.Stored{} },
		Row:   func(d *document.Stored) { all.documents[d.ID()] = *d },
	})
	if err == nil && !steady {
		err = registry.Conflict("GET "+document.Path, "the documents change while they are read: try again")
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// ActualOf reads the documents that are recorded, those that have the component's mark, and others whose ids begin like those
// of the component. It changes nothing.
func (a *Adapter) ActualOf(ctx context.Context, key component.Key, ref target.Ref) (registry.Actual, error) {
	s, id := a.client.NewSession(), document.ComponentID(a.cfg, key)
	recorded := parseParts(ref.Parts)
	var ids []string
	err := a.listing.view(ctx, s, true, func(rows map[string]row) {
		ids = nil
		for other, r := range rows {
			_, isRecorded := recorded[other]
			m, marked := document.ParseMark(r.version)
			if isRecorded || marked && m.Key == key || other == id || !marked && strings.HasPrefix(other, id+"-") {
				ids = append(ids, other)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	one := &actual{cfg: a.cfg, documents: map[string]document.Stored{}}
	for _, id := range ids {
		d, err := a.listing.find(ctx, s, id)
		if err != nil {
			return nil, err
		}
		if d != nil {
			one.documents[id] = d
		}
	}
	return one, nil
}

// Orphans implements [registry.Actual]. The mark of a document says whose it is.
func (s *actual) Orphans(cluster string, desired func(component.Key) bool) []registry.Orphan {
	found := map[registry.Orphan]bool{}
	prefix := document.Prefix(s.cfg, cluster) + ":"
	for id, d := range s.documents {
		m, _ := d.Mark()
		name, ok := strings.CutPrefix(id, prefix)
		if !ok || m.Key.Cluster != cluster {
			continue
		}
		switch moved := document.IsComponentID(name, m.Key) && name != document.EntryName(s.cfg, m.Key); {
		case moved:
			found[registry.Orphan{Key: m.Key, Entry: name}] = true
		case !desired(m.Key):
			found[registry.Orphan{Key: m.Key, Entry: document.EntryName(s.cfg, m.Key)}] = true
		}
	}
	return slices.Collect(maps.Keys(found))
}

// Compare implements [registry.Actual]. Beyond what an apply would write it reports content that was changed while the mark
// was not: an apply relies on the mark.
func (s *actual) Compare(key component.Key, c *component.Component) (registry.Presence, []registry.Difference) {
	want := document.Desire(s.cfg, key, c)
	found, ok := s.documents[want[0].ID]
	if !ok {
		return registry.Missing, nil
	}
	if s.isTaken(key, &want[0], found) {
		return registry.TakenByOther, nil
	}
	differences := document.Differences("component ", key, &want[0], found)
	desired := map[string]bool{want[0].ID: true}
	for i := range want[1:] {
		d := &want[1+i]
		desired[d.ID] = true
		field := "api " + d.Name
		switch found, ok := s.documents[d.ID]; {
		case !ok:
			differences = append(differences, registry.Difference{Field: field, Want: component.Present})
		case s.isTaken(key, d, found):
			differences = append(differences, registry.Difference{Field: field, Want: component.Present, Actual: "another owner's"})
		default:
			differences = append(differences, document.Differences(field+" ", key, d, found)...)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.documents)) {
		m, _ := s.documents[id].Mark()
		name, ours := strings.CutPrefix(id, document.Prefix(s.cfg, key.Cluster)+":")
		if ours && m.Key == key && !desired[id] && !document.IsComponentID(name, key) {
			differences = append(differences, registry.Difference{Field: "api " + name, Actual: component.Present})
		}
	}
	return registry.Present, differences
}

func (s *actual) isTaken(key component.Key, want *document.Document, found document.Stored) bool {
	owner := ownerOf(key, want, found)
	return owner == foreign || owner == collected && !s.cfg.Adopt
}
