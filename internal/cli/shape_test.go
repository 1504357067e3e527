package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// expectShape compares printed JSON with the example of that name in docs/api.md: the same fields, of the same types.
func expectShape(t *testing.T, example, printed string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "<!-- example: "+example+" -->\n```json\n")
	documented, _, ended := strings.Cut(rest, "\n```\n")
	if !found || !ended {
		t.Fatalf("docs/api.md has no example of %s", example)
	}
	if diff := cmp.Diff(shape(t, documented), shape(t, printed)); diff != "" {
		t.Errorf("shape (-docs/api.md +printed):\n%s", diff)
	}
}

// root is the project's folder, found before a test changes the working directory.
var root = func() string {
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		panic(err)
	}
	return dir
}()

// shape replaces every value by the name of its type, and a list by the shape of its elements, which must agree.
func shape(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("no JSON: %v\n%s", err, text)
	}
	var of func(any) any
	of = func(value any) any {
		switch value := value.(type) {
		case map[string]any:
			fields := map[string]any{}
			for name, field := range value {
				fields[name] = of(field)
			}
			return fields
		case []any:
			var first any
			for i, element := range value {
				if i == 0 {
					first = of(element)
				} else if diff := cmp.Diff(first, of(element)); diff != "" {
					t.Errorf("the elements of a list differ:\n%s", diff)
				}
			}
			return []any{first}
		case string:
			return "string"
		case float64:
			return "number"
		case bool:
			return "boolean"
		}
		return "null"
	}
	return of(value)
}

func TestShape(t *testing.T) {
	same := shape(t, `[{"a":1,"b":{"c":"x","d":true}},{"b":{"d":false,"c":""},"a":0}]`)
	want := []any{map[string]any{"a": "number", "b": map[string]any{"c": "string", "d": "boolean"}}}
	if diff := cmp.Diff(any(want), same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, other := range []string{`[{"a":1,"b":{"c":"x"}}]`, `[{"a":1,"b":{"c":"x","d":null}}]`, `[]`, `{}`} {
		if cmp.Equal(any(want), shape(t, other)) {
			t.Errorf("%s has the same shape", other)
		}
	}
}
