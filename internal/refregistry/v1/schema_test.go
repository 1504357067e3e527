package v1_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	v1 "odasync/internal/refregistry/v1"
)

// TestService_RequestSchemas compares the validated fields with the description.
func TestService_RequestSchemas(t *testing.T) {
	registrytest.Same(t, described(t).Requests, v1.RequestSchemas())
}

// TestService_ResponseSchemas compares each kind of answer with the description:
// it has all described fields, no others, and each has its type.
func TestService_ResponseSchemas(t *testing.T) {
	schemas := described(t).Responses
	_, c := registrytest.Seeded(t, refregistry.Config{})
	tests := []struct {
		schema, method, path, body string
		status                     int
	}{
		{"Label", "GET", "/labels/1", "", 200},
		{"Label", "POST", "/labels/", `{"key":"k","value":"v"}`, 201},
		{"Label", "PUT", "/labels/2", `{"value":"w"}`, 200},
		{"Registry", "GET", "/registries/1", "", 200},
		{"Registry", "POST", "/registries/", `{"name":"n","type":"downstream","url":"u","label_ids":[1]}`, 201},
		{"Registry", "PUT", "/registries/2", `{"label_ids":[1,2]}`, 200},
		{"Component", "GET", "/components/1", "", 200},
		{"Component", "POST", "/components/", `{"registry_name":"self","name":"n"}`, 201},
		{"Component", "PUT", "/components/2", `{"label_ids":[1,2]}`, 200},
		{"ExposedAPI", "GET", "/exposed-apis/1", "", 200},
		{"ExposedAPI", "POST", "/exposed-apis/", `{"registry_name":"self","component_name":"n","name":"a","url":"u","oas_specification":"s"}`, 201},
		{"ExposedAPI", "PUT", "/exposed-apis/2", `{"label_ids":[1,2]}`, 200},
		{"ExposedAPI", "PATCH", "/exposed-apis/3/status", `{"status":"ready"}`, 200},
		{"list Label", "GET", "/labels/", "", 200},
		{"list Registry", "GET", "/registries/", "", 200},
		{"list Component", "GET", "/components/", "", 200},
		{"list ExposedAPI", "GET", "/exposed-apis/", "", 200},
		{"HTTPValidationError", "POST", "/components/", `{"label_ids":["x"]}`, 422},
	}
	for _, tt := range tests {
		t.Run(tt.schema+" of "+tt.method+" "+tt.path, func(t *testing.T) {
			answer := registrytest.Must[any](c, tt.status, tt.method, tt.path, tt.body)
			want := tt.schema + " required"
			if !strings.HasPrefix(tt.schema, "list ") {
				want = "object " + want
			}
			for _, difference := range conform(schemas, "$", want, answer) {
				t.Error(difference)
			}
		})
	}
}

// conform lists where a value differs from its description.
func conform(schemas map[string]map[string]string, at, want string, v any) []string {
	want, required := strings.CutSuffix(want, " required")
	if v == nil {
		if required {
			return []string{at + " is null"}
		}
		return nil
	}
	kind, of, _ := strings.Cut(want, " ")
	wrong := []string{fmt.Sprintf("%s is %v, want %s", at, v, want)}
	switch kind {
	case "text":
		low, high := 0, 1<<30
		_, _ = fmt.Sscanf(of, "%d..%d", &low, &high) // an unbounded text has no numbers
		if s, ok := v.(string); !ok || len(s) < low || len(s) > high {
			return wrong
		}
	case "enum":
		if s, ok := v.(string); !ok || !slices.Contains(strings.Split(of, ","), s) {
			return wrong
		}
	case "time":
		s, _ := v.(string)
		if _, err := time.Parse("2006-01-02T15:04:05.999999", s); err != nil {
			return wrong
		}
	case "integer":
		if n, ok := v.(float64); !ok || n != float64(int64(n)) {
			return wrong
		}
	case "list":
		items, ok := v.([]any)
		if !ok {
			return wrong
		}
		var differences []string
		for i, item := range items {
			if _, described := schemas[of]; described {
				differences = append(differences, conform(schemas, fmt.Sprintf("%s[%d]", at, i), "object "+of+" required", item)...)
			}
		}
		return differences
	case "object":
		return conformObject(schemas, at, of, v)
	default:
		return []string{at + ": unknown description " + want}
	}
	return nil
}

func conformObject(schemas map[string]map[string]string, at, schema string, v any) []string {
	object, ok := v.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s is %v, want an object", at, v)}
	}
	var differences []string
	for name, want := range schemas[schema] {
		value, given := object[name]
		if !given {
			differences = append(differences, at+" lacks "+name)
			continue
		}
		differences = append(differences, conform(schemas, at+"."+name, want, value)...)
	}
	for name := range object {
		// A 422's ctx is not in the document, although v1 sends it.
		if _, described := schemas[schema][name]; !described && !(schema == "ValidationError" && name == "ctx") {
			differences = append(differences, at+" has "+name)
		}
	}
	return differences
}
