package document

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Stored is a document as the registry has it. Its fields may have any shape: only a POST is checked by the registry.
type Stored map[string]jsontext.Value

// OfVersion returns a document of which only the resourceVersion is known.
func OfVersion(version string) Stored { return Stored{"resourceVersion": text(version)} }

// TextOf returns the text of a value that is a string; else it is empty.
func TextOf(value jsontext.Value) (s string) {
	if value.Kind() == '"' {
		_ = json.Unmarshal(value, &s, jsontext.AllowInvalidUTF8(true)) // it has been decoded before
	}
	return s
}

// Text returns a field that is a string; else it is empty.
func (d Stored) Text(field string) string { return TextOf(d[field]) }

// ID returns the id of the document.
func (d Stored) ID() string { return d.Text("id") }

// Mark returns the mark of a document of odasync's.
func (d Stored) Mark() (m Mark, ok bool) { return ParseMark(d.Text("resourceVersion")) }

// IsStub reports whether the registry made the document itself, for the link of an API to a Component that it did not have.
func (d Stored) IsStub() bool {
	return d.Text("category") == "" && d.Text("resourceVersion") == "" && d.Text("@type") == typeStub
}

// storedCharacteristic is a characteristic as the registry has it.
type storedCharacteristic struct {
	Name  jsontext.Value `json:"name"`
	Value jsontext.Value `json:"value"`
}

// characteristics returns those of the document; none where the field has another shape.
func (d Stored) characteristics() (all []storedCharacteristic) {
	if json.Unmarshal(d["resourceCharacteristic"], &all) != nil {
		return nil
	}
	return all
}

// Characteristic returns the text of the first characteristic of the name.
func (d Stored) Characteristic(name string) string {
	for _, c := range d.characteristics() {
		if TextOf(c.Name) == name {
			return TextOf(c.Value)
		}
	}
	return ""
}

// storedRelationship is a relationship as the registry has it. One that it made of a link has no id; one that was sent to a
// document without links is kept as it was sent.
type storedRelationship struct {
	ID       string `json:"id"`
	Kind     string `json:"relationshipType"`
	Resource struct {
		ID string `json:"id"`
	} `json:"resource"`
}

// linkedTo returns the id of the Component that an API is linked to; empty where there is no such link, or another one
// before it.
func (d Stored) linkedTo() string {
	var links []storedRelationship
	if json.Unmarshal(d["resourceRelationship"], &links) != nil || len(links) != 1 || links[0].Kind != exposedBy || links[0].ID != "" {
		return ""
	}
	return links[0].Resource.ID
}

// Linked reports whether a document of the registry has the link that it should have. A Component has none of its own.
func (d *Document) Linked(actual Stored) bool {
	return len(d.Relationships) == 0 || actual.linkedTo() == d.Relationships[0].Resource.ID
}
