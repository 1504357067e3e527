package component

import (
	"encoding/json"
	"maps"
	"slices"
)

// Metadata is spec.componentMetadata of v1beta4 and v1, and the same fields of the bare spec of older versions.
type Metadata struct {
	ID              string   `json:"id,omitempty"`
	Name            string   `json:"name,omitempty"`
	Version         string   `json:"version,omitempty"`
	Description     string   `json:"description,omitempty"`
	FunctionalBlock string   `json:"functionalBlock,omitempty"`
	PublicationDate string   `json:"publicationDate,omitempty"`
	Status          string   `json:"status,omitempty"`
	Maintainers     []Person `json:"maintainers,omitempty"`
	Owners          []Person `json:"owners,omitempty"`
	ETOM            []string `json:"eTom,omitempty"`
	SID             []string `json:"SID,omitempty"`

	FunctionalFramework []string `json:"functionalFramework,omitempty"`

	// Fields are the fields of spec.componentMetadata that the fields above do not hold as they are written: unknown ones, and
	// known ones of another type or with more content. The values are JSON with sorted keys. A field without a value is absent.
	Fields map[string]json.RawMessage `json:"fields,omitempty"`
}

// Person is a maintainer or an owner.
type Person struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// Field is a key of spec.componentMetadata with its value as JSON.
type Field struct {
	Name  string
	Value json.RawMessage
}

// All returns every field that has a value, in the order in which the API server lists the keys of an object. Names are spelled
// as in the resource. Where Fields has a name, its value counts.
func (m *Metadata) All() []Field {
	typed := *m
	typed.Fields = nil
	body, err := marshal(typed)
	all := map[string]json.RawMessage{}
	if err == nil {
		err = json.Unmarshal(body, &all)
	}
	if err != nil { // strings and slices of them always encode
		panic("component: encode metadata: " + err.Error())
	}
	maps.Copy(all, m.Fields)
	fields := make([]Field, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fields = append(fields, Field{Name: name, Value: all[name]})
	}
	return fields
}
