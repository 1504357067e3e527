package document

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"odasync/internal/component"
	"odasync/internal/registry"
)

// Differences compares a document with the desired one, field by field.
func Differences(prefix string, key component.Key, want *Document, found Stored) (differences []registry.Difference) {
	wanted, has := fieldsOf(encoded(want)), fieldsOf(found)
	names := slices.AppendSeq(slices.Collect(maps.Keys(wanted)), maps.Keys(has))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if wanted[name] != has[name] {
			differences = append(differences, registry.Difference{Field: prefix + name, Want: wanted[name], Actual: has[name]})
		}
	}
	if !want.Linked(found) {
		link := registry.Difference{Field: prefix + exposedBy, Want: want.Relationships[0].Resource.ID, Actual: found.linkedTo()}
		differences = append(differences, link)
	}
	m, _ := found.Mark()
	unnoticed := m.Key == key && m.Digest == want.Digest
	switch field := prefix + "resourceVersion"; {
	case unnoticed && len(differences) > 0:
		differences = append(differences, registry.Difference{
			Field: field, Want: "a mark that fits the content",
			Actual: "the mark of other content, which keeps a reconcile from repairing it: delete the document",
		})
	case !unnoticed && len(differences) == 0:
		differences = append(differences, registry.Difference{Field: field, Want: want.ResourceVersion, Actual: found.Text("resourceVersion")})
	}
	return differences
}

// encoded is a desired document in the form in which the registry returns one.
func encoded(d *Document) (all Stored) {
	if err := json.Unmarshal(encode(d), &all); err != nil {
		panic("document: decode " + d.ID + ": " + err.Error())
	}
	return all
}

// fieldsOf returns the fields of a document and its characteristics, by their names, as text. What the registry makes itself,
// the mark and the links are not among them.
func fieldsOf(d Stored) map[string]string {
	fields := map[string]string{}
	for name, value := range d {
		switch name {
		case "id", "href", "resourceVersion", "resourceRelationship", "resourceCharacteristic":
		default:
			fields[name] = show(value)
		}
	}
	for _, c := range d.characteristics() {
		name, value := TextOf(c.Name), show(c.Value)
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
		return TextOf(value)
	case 0, 'n':
		return "no value"
	}
	value = value.Clone()
	_ = value.Canonicalize(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) // it has been decoded before
	return string(value)
}
