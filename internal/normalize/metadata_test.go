package normalize

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"odasync/internal/component"
	"odasync/internal/testcheck"
)

func TestComponent_KeepsMetadataAsWritten(t *testing.T) {
	tests := []struct {
		name     string
		metadata string
		want     map[string]string
	}{
		{"the usual fields", `{id: X1, version: "1", SID: [Offer], owners: [{name: Ada, email: a@example.org}, {email: b@example.org}]}`, nil},
		{"fields without a value", `{id: , version: "", owners: [], extra: {}, more: [], last: }`, nil},
		{"an unknown text", "{Id: X1}", map[string]string{"Id": `"X1"`}},
		{"unknown values of every kind", "{a: 1, b: false, c: [null, {}], d: {z: 2.50, x: }}",
			map[string]string{"a": "1", "b": "false", "c": "[null,{}]", "d": `{"x":null,"z":2.5}`}},
		{"integers beyond 2^53", "{a: 9007199254740993, b: [-9007199254740993]}", map[string]string{"a": "9007199254740993", "b": "[-9007199254740993]"}},
		{"characters of HTML", `{a: "<b>&"}`, map[string]string{"a": `"<b>&"`}},
		{"numbers for texts", "{version: 1.5, id: 7}", map[string]string{"version": "1.5", "id": "7"}},
		{"a name for people", "{owners: Ada}", map[string]string{"owners": `"Ada"`}},
		{"people with more fields", "{owners: [{name: Ada}, {name: Bob, phone: 1}]}", map[string]string{"owners": `[{"name":"Ada"},{"name":"Bob","phone":1}]`}},
		{"people with an empty field", `{owners: [{name: Ada, email: ""}]}`, map[string]string{"owners": `[{"email":"","name":"Ada"}]`}},
		{"an empty person", "{owners: [{name: Ada}, {}]}", map[string]string{"owners": `[{"name":"Ada"},{}]`}},
		{"a number in a list of texts", "{eTom: [1.2]}", map[string]string{"eTom": "[1.2]"}},
		{"an empty text in a list", `{SID: [Offer, ""]}`, map[string]string{"SID": `["Offer",""]`}},
		{"a text for a list", "{functionalFramework: a}", map[string]string{"functionalFramework": `"a"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got map[string]string
			for name, value := range mustRead(t, parse(t, resource("{}", "{componentMetadata: "+test.metadata+"}"))).Metadata.Fields {
				if got == nil {
					got = map[string]string{}
				}
				got[name] = string(value)
			}
			testcheck.Equal(t, "fields", test.want, got)
		})
	}
}

// The bare spec of older versions holds more than the description.
func TestComponent_KeepsNoFieldsOfTheBareSpec(t *testing.T) {
	got := mustRead(t, parse(t, resource("{}", "{id: 7, extra: 1, eventNotification: {a: 1}}"))).Metadata
	testcheck.Equal(t, "metadata", component.Metadata{ID: "7"}, got)
}

func TestComponent_LimitsTheMetadata(t *testing.T) {
	const problem = "has more than 64 fields or 64 KiB beyond the usual ones"
	many := func(n int) map[string]any {
		fields := map[string]any{"id": "X1", "name": strings.Repeat("a", 2*maxUntypedSize)} // usual ones do not count
		for i := range n {
			fields[fmt.Sprintf("field-%d", i)] = int64(i)
		}
		return fields
	}
	tests := map[string]struct {
		metadata map[string]any
		want     *component.FieldError
	}{
		"as many fields as allowed": {many(64), nil},
		"a field more":              {many(65), &component.FieldError{Field: "spec.componentMetadata", Problem: problem}},
		"as long as allowed":        {map[string]any{"four": strings.Repeat("a", maxUntypedSize-6)}, nil},
		"a byte longer":             {map[string]any{"four": strings.Repeat("a", maxUntypedSize-5)}, &component.FieldError{Field: "spec.componentMetadata", Problem: problem}},
		"no JSON":                   {map[string]any{"a": math.NaN()}, &component.FieldError{Field: "spec.componentMetadata.a", Problem: "must be JSON, not a number"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := Component(map[string]any{
				"metadata": map[string]any{"namespace": "components", "name": "demo"},
				"spec":     map[string]any{"componentMetadata": test.metadata},
			})
			var got *component.FieldError
			if seen.Err != nil {
				got = seen.Err.(*component.FieldError)
			}
			testcheck.Equal(t, "error", test.want, got)
		})
	}
}

// All lists exactly the fields of the resource that have a value, whatever they hold.
func TestMetadata_AllIsWhatIsWritten(t *testing.T) {
	word := rapid.StringOf(rapid.SampledFrom([]rune("aZ0.<&é\u2028\"\\")))
	text := rapid.Map(word, func(s string) any { return s })
	number := rapid.Map(rapid.Int64(), func(n int64) any { return n })
	list := func(item *rapid.Generator[any]) *rapid.Generator[any] {
		return rapid.Map(rapid.SliceOfN(item, 0, 3), func(items []any) any { return items })
	}
	person := rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"name", "email", "phone"}), text, 0, 3), func(p map[string]any) any { return p })
	people := list(rapid.OneOf(person, text))
	texts := list(rapid.OneOf(text, number))
	fields := map[string]*rapid.Generator[any]{
		"id": rapid.OneOf(text, number), "version": text, "owners": rapid.OneOf(people, text), "maintainers": people,
		"SID": texts, "eTom": rapid.OneOf(texts, text), "extra": rapid.OneOf(people, texts, number, person), "": text,
	}
	rapid.Check(t, func(t *rapid.T) {
		written := map[string]any{}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(fields))), rapid.ID[string]).Draw(t, "names") {
			written[name] = fields[name].Draw(t, name)
		}
		seen := Component(map[string]any{
			"metadata": map[string]any{"namespace": "components", "name": "demo"},
			"spec":     map[string]any{"componentMetadata": written},
		})
		if seen.Err != nil {
			t.Fatalf("normalize: %v", seen.Err)
		}
		var want []string
		for _, name := range slices.Sorted(maps.Keys(written)) {
			if !isEmpty(written[name]) {
				want = append(want, name+" "+canonicalText(t, written[name]))
			}
		}
		var got []string
		for _, field := range seen.Component.Metadata.All() {
			var value any
			if err := json.Unmarshal(field.Value, &value); err != nil {
				t.Fatalf("%s: %v", field.Name, err)
			}
			got = append(got, field.Name+" "+canonicalText(t, value))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-written +all:\n%s", diff)
		}
	})
}

func canonicalText(t *rapid.T, value any) string {
	body, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(body, &value) // numbers of both sides become float64
	}
	if err == nil {
		body, err = json.Marshal(value)
	}
	testcheck.NoError(t, err)
	return string(body)
}
