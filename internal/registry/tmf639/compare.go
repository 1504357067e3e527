package tmf639

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// actual implements [registry.Actual].
type actual struct {
	cfg       registry.Config
	documents map[string]stored // by their ids
}

// Actual reads all documents, in pages. It changes nothing.
func (a *Adapter) Actual(ctx context.Context) (registry.Actual, error) {
	all := &actual{cfg: a.cfg}
	steady, err := fullList.Read(ctx, a.client.NewSession(), registry.Rows[stored]{
		Begin: func() { all.documents = map[string]stored{} },
		Row:   func(d *stored) { all.documents[d.id()] = *d },
	})
	if err == nil && !steady {
		err = registry.Conflict("GET "+pathResources, "the documents change while they are read: try again")
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// ActualOf reads the documents that are recorded, those that have the component's mark, and others whose ids begin like those
// of the component. It changes nothing.
func (a *Adapter) ActualOf(ctx context.Context, key component.Key, ref target.Ref) (registry.Actual, error) {
	s, id := a.client.NewSession(), componentID(a.cfg, key)
	recorded := parseParts(ref.Parts)
	var ids []string
	err := a.listing.view(ctx, s, true, func(rows map[string]row) {
		ids = nil
		for other, r := range rows {
			_, isRecorded := recorded[other]
			m, marked := parseMark(r.version)
			if isRecorded || marked && m.key == key || other == id || !marked && strings.HasPrefix(other, id+"-") {
				ids = append(ids, other)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	one := &actual{cfg: a.cfg, documents: map[string]stored{}}
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
	prefix := prefixOf(s.cfg, cluster) + ":"
	for id, d := range s.documents {
		m, _ := d.mark()
		name, ok := strings.CutPrefix(id, prefix)
		if !ok || m.key.Cluster != cluster {
			continue
		}
		switch moved := isComponentID(name, m.key) && name != entryName(s.cfg, m.key); {
		case moved:
			found[registry.Orphan{Key: m.key, Entry: name}] = true
		case !desired(m.key):
			found[registry.Orphan{Key: m.key, Entry: entryName(s.cfg, m.key)}] = true
		}
	}
	return slices.Collect(maps.Keys(found))
}

// Compare implements [registry.Actual]. Beyond what an apply would write it reports content that was changed while the mark
// was not: an apply relies on the mark.
func (s *actual) Compare(key component.Key, c *component.Component) (registry.Presence, []registry.Difference) {
	want := desire(s.cfg, key, c)
	found, ok := s.documents[want[0].ID]
	if !ok {
		return registry.Missing, nil
	}
	if s.isTaken(key, &want[0], found) {
		return registry.TakenByOther, nil
	}
	differences := differ("component ", key, &want[0], found)
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
			differences = append(differences, differ(field+" ", key, d, found)...)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.documents)) {
		m, _ := s.documents[id].mark()
		name, ours := strings.CutPrefix(id, prefixOf(s.cfg, key.Cluster)+":")
		if ours && m.key == key && !desired[id] && !isComponentID(name, key) {
			differences = append(differences, registry.Difference{Field: "api " + name, Actual: component.Present})
		}
	}
	return registry.Present, differences
}

func (s *actual) isTaken(key component.Key, want *document, found stored) bool {
	owner := ownerOf(key, want, found)
	return owner == foreign || owner == collected && !s.cfg.Adopt
}

// differ compares a document with the desired one, field by field.
func differ(prefix string, key component.Key, want *document, found stored) (differences []registry.Difference) {
	wanted, has := fieldsOf(encoded(want)), fieldsOf(found)
	names := slices.AppendSeq(slices.Collect(maps.Keys(wanted)), maps.Keys(has))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if wanted[name] != has[name] {
			differences = append(differences, registry.Difference{Field: prefix + name, Want: wanted[name], Actual: has[name]})
		}
	}
	if !want.linked(found) {
		link := registry.Difference{Field: prefix + exposedBy, Want: want.Relationships[0].Resource.ID, Actual: found.linkedTo()}
		differences = append(differences, link)
	}
	m, _ := found.mark()
	unnoticed := m.key == key && m.digest == want.digest
	switch field := prefix + "resourceVersion"; {
	case unnoticed && len(differences) > 0:
		differences = append(differences, registry.Difference{
			Field: field, Want: "a mark that fits the content",
			Actual: "the mark of other content, which keeps a reconcile from repairing it: delete the document",
		})
	case !unnoticed && len(differences) == 0:
		differences = append(differences, registry.Difference{Field: field, Want: want.ResourceVersion, Actual: found.text("resourceVersion")})
	}
	return differences
}

// encoded is a desired document in the form in which the registry returns one.
func encoded(d *document) (all stored) {
	if err := json.Unmarshal(encode(d), &all); err != nil {
		panic("tmf639: decode " + d.ID + ": " + err.Error())
	}
	return all
}

// fieldsOf returns the fields of a document and its characteristics, by their names, as text. What the registry makes itself,
// the mark and the links are not among them.
func fieldsOf(d stored) map[string]string {
	fields := map[string]string{}
	for name, value := range d {
		switch name {
		case "id", "href", "resourceVersion", "resourceRelationship", "resourceCharacteristic":
		default:
			fields[name] = show(value)
		}
	}
	for _, c := range d.characteristics() {
		name, value := textOf(c.Name), show(c.Value)
		if earlier, double := fields[name]; double {
			value = earlier + ", " + value
		}
		fields[name] = value
	}
	return fields
}

// show returns a string as it is, and another value as JSON in a form that equal values share.
func show(value jsontext.Value) string {
	switch value.Kind() {
	case '"':
		return textOf(value)
	case 0, 'n':
		return "no value"
	}
	value = value.Clone()
	_ = value.Canonicalize(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) // it has been decoded before
	return string(value)
}
