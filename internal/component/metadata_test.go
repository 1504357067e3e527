package component

import (
	"encoding/json"
	"testing"

	"odasync/internal/testcheck"
)

func TestMetadata_All(t *testing.T) {
	tests := map[string]struct {
		metadata Metadata
		want     []string
	}{
		"nothing": {Metadata{}, nil},
		"typed fields, in the order of bytes": {Metadata{
			ID: "X1", Name: "demo", Version: "1.0", Description: "<b>", FunctionalBlock: "f", PublicationDate: "p", Status: "s",
			Maintainers: []Person{{Name: "Ada", Email: "a@example.org"}}, Owners: []Person{{Email: "b@example.org"}},
			ETOM: []string{"e"}, SID: []string{"s", "t"}, FunctionalFramework: []string{"f"},
		}, []string{
			`SID ["s","t"]`, `description "<b>"`, `eTom ["e"]`, `functionalBlock "f"`, `functionalFramework ["f"]`, `id "X1"`,
			`maintainers [{"name":"Ada","email":"a@example.org"}]`, `name "demo"`, `owners [{"email":"b@example.org"}]`,
			`publicationDate "p"`, `status "s"`, `version "1.0"`,
		}},
		"other fields": {
			Metadata{ID: "X1", Fields: map[string]json.RawMessage{"a": json.RawMessage("1"), "Z": json.RawMessage("{}"), "z": json.RawMessage("null")}},
			[]string{"Z {}", "a 1", `id "X1"`, "z null"},
		},
		"a field in place of a typed one": {
			Metadata{Version: "1.5", Fields: map[string]json.RawMessage{"version": json.RawMessage("1.5")}}, []string{"version 1.5"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, field := range test.metadata.All() {
				got = append(got, field.Name+" "+string(field.Value))
			}
			testcheck.Equal(t, "fields", test.want, got)
		})
	}
}
