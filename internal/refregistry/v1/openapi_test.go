package v1_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	v1 "odasync/internal/refregistry/v1"
	"odasync/internal/testcheck"
)

// description is testdata/v1.json: the contract's operations and the fields of
// its bodies, one line each ("text 1..100 required", "list Label", …).
type description struct {
	Operations []string                     `json:"operations"`
	Responses  map[string]map[string]string `json:"responses"`
	Requests   map[string]map[string]string `json:"requests"`
}

// pageOperation is the one operation of v1 that is a page.
const pageOperation = "GET /components-gui"

func readJSON[T any](t *testing.T, path string) T {
	t.Helper()
	raw := testcheck.Must(os.ReadFile(path))
	var out T
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out
}

func described(t *testing.T) description {
	t.Helper()
	return readJSON[description](t, "testdata/v1.json")
}

// openAPI is the part of an OpenAPI document that is compared.
type openAPI struct {
	Paths      map[string]map[string]any `json:"paths"`
	Components struct {
		Schemas map[string]openAPISchema `json:"schemas"`
	} `json:"components"`
}

type openAPISchema struct {
	Ref        string                   `json:"$ref"`
	AllOf      []openAPISchema          `json:"allOf"`
	Type       string                   `json:"type"`
	Format     string                   `json:"format"`
	Enum       []string                 `json:"enum"`
	Min        int                      `json:"minLength"`
	Max        int                      `json:"maxLength"`
	Items      *openAPISchema           `json:"items"`
	Required   []string                 `json:"required"`
	Properties map[string]openAPISchema `json:"properties"`
}

// describe returns a property in the notation of testdata/v1.json.
func (o openAPI) describe(s openAPISchema) string {
	if len(s.AllOf) == 1 {
		return o.describe(s.AllOf[0])
	}
	if s.Ref != "" {
		name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
		if enum := o.Components.Schemas[name].Enum; len(enum) > 0 {
			return "enum " + strings.Join(enum, ",")
		}
		return "object " + name
	}
	switch {
	case s.Type == "string" && s.Format == "date-time":
		return "time"
	case s.Type == "string" && s.Max > 0:
		return fmt.Sprintf("text %d..%d", s.Min, s.Max)
	case s.Type == "string":
		return "text"
	case s.Type == "array":
		return strings.TrimSpace("list " + strings.TrimPrefix(o.describe(*s.Items), "object "))
	}
	return s.Type
}

// description returns the operations and schemas of the document.
func (o openAPI) description() ([]string, map[string]map[string]string) {
	var operations []string
	for path, methods := range o.Paths {
		for method := range methods {
			operations = append(operations, strings.ToUpper(method)+" "+path)
		}
	}
	schemas := map[string]map[string]string{}
	for name, schema := range o.Components.Schemas {
		if schema.Type != "object" {
			continue
		}
		schemas[name] = map[string]string{}
		for property, s := range schema.Properties {
			description := o.describe(s)
			if slices.Contains(schema.Required, property) {
				description += " required"
			}
			schemas[name][property] = description
		}
	}
	return operations, schemas
}

// TestDescription_MatchesOpenAPI compares testdata/v1.json with the OpenAPI
// document of the service: reference/registry-v1.openapi.json in the folder that
// ODASYNC_SHARED names. Without that variable it compares the request schemas in
// testdata/v1.json with the response schemas there.
func TestDescription_MatchesOpenAPI(t *testing.T) {
	d := described(t)
	want := map[string]map[string]string{}
	for _, schemas := range []map[string]map[string]string{d.Responses, d.Requests} {
		for name, fields := range schemas {
			want[name] = fields
		}
	}
	shared := os.Getenv("ODASYNC_SHARED")
	if shared == "" {
		for request, fields := range d.Requests {
			response := d.Responses[strings.TrimSuffix(strings.TrimSuffix(request, "Create"), "Update")]
			for name, description := range fields {
				if name == "label_ids" {
					continue
				}
				registrytest.Same(t, strings.TrimSuffix(response[name], " required"), strings.TrimSuffix(description, " required"))
			}
		}
		return
	}
	document := readJSON[openAPI](t, filepath.Join(shared, "reference", "registry-v1.openapi.json"))
	operations, schemas := document.description()
	registrytest.Same(t, sorted(append(d.Operations, pageOperation)), sorted(operations))
	registrytest.Same(t, want, schemas)
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

func TestService_ServesEveryOperation(t *testing.T) {
	d := described(t)
	if len(d.Operations) == 0 {
		t.Fatal("the description has no operations")
	}
	parameter := regexp.MustCompile(`\{\w+\}`)
	registrytest.Same(t, sorted(d.Operations), sorted(v1.Operations()))

	_, c := registrytest.Seeded(t, refregistry.Config{})
	for _, operation := range d.Operations {
		t.Run(operation, func(t *testing.T) {
			method, path, _ := strings.Cut(operation, " ")
			got := c.Do(method, parameter.ReplaceAllString(path, "1"), "")
			if got.Status == 404 || got.Status == 405 || got.Status == 307 {
				t.Errorf("status %d: %s", got.Status, got.Body)
			}
		})
	}
}
