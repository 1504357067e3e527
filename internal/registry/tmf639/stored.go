package tmf639

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// stored is a document as the registry has it. Its fields may have any shape: only a POST is checked by the registry.
type stored map[string]jsontext.Value

// textOf returns the text of a value that is a string; else it is empty.
func textOf(value jsontext.Value) (s string) {
	if value.Kind() == '"' {
		_ = json.Unmarshal(value, &s, jsontext.AllowInvalidUTF8(true)) // it has been decoded before
	}
	return s
}

func (d stored) text(field string) string { return textOf(d[field]) }

func (d stored) id() string { return d.text("id") }

func (d stored) mark() (m mark, ok bool) { return parseMark(d.text("resourceVersion")) }

// isStub reports whether the registry made the document itself, for the link of an API to a Component that it did not have.
func (d stored) isStub() bool {
	return d.text("category") == "" && d.text("resourceVersion") == "" && d.text("@type") == typeStub
}

// storedCharacteristic is a characteristic as the registry has it.
type storedCharacteristic struct {
	Name  jsontext.Value `json:"name"`
	Value jsontext.Value `json:"value"`
}

// characteristics returns those of the document; none where the field has another shape.
func (d stored) characteristics() (all []storedCharacteristic) {
	if json.Unmarshal(d["resourceCharacteristic"], &all) != nil {
		return nil
	}
	return all
}

// characteristic returns the text of the first characteristic of the name.
func (d stored) characteristic(name string) string {
	for _, c := range d.characteristics() {
		if textOf(c.Name) == name {
			return textOf(c.Value)
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
func (d stored) linkedTo() string {
	var links []storedRelationship
	if json.Unmarshal(d["resourceRelationship"], &links) != nil || len(links) != 1 || links[0].Kind != exposedBy || links[0].ID != "" {
		return ""
	}
	return links[0].Resource.ID
}

// linked reports whether a document of the registry has the link that it should have. A Component has none of its own.
func (d *document) linked(actual stored) bool {
	return len(d.Relationships) == 0 || actual.linkedTo() == d.Relationships[0].Resource.ID
}
