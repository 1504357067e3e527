package tmf639

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// resourceSchemas are what a POST must satisfy: the project's excerpt and, where ODASYNC_SHARED names a folder, the
// specification there.
func resourceSchemas(t *testing.T) map[string]*openapi3.Schema {
	t.Helper()
	files := []string{filepath.Join("testdata", "resource.yaml")}
	if shared := os.Getenv("ODASYNC_SHARED"); shared != "" {
		files = append(files, filepath.Join(shared, "reference", "tmf639-v5.0.0.oas.yaml"))
	}
	schemas := map[string]*openapi3.Schema{}
	for _, file := range files {
		document, err := openapi3.NewLoader().LoadFromFile(file)
		testcheck.NoError(t, err)
		schemas[file] = document.Components.Schemas["Resource_FVO"].Value
	}
	return schemas
}

func TestDesire_SatisfiesTheSchema(t *testing.T) {
	schemas := resourceSchemas(t)
	for file, schema := range schemas {
		if schema.VisitJSON(map[string]any{"@type": "LogicalResource", "resourceStatus": "installing"}) == nil {
			t.Errorf("%s accepts a state that does not exist", file)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		c := drawComponent(t)
		cfg := registry.Config{
			URL: "http://registry", IDPrefix: "self", Dependencies: rapid.Bool().Draw(t, "dependencies"),
			NameFormat: rapid.SampledFrom([]string{registry.FormatName, registry.FormatNamespaceName}).Draw(t, "format"),
		}
		ids := map[string]bool{}
		for _, d := range desire(cfg.WithDefaults(defaults), keyOf(c), c) {
			if ids[d.ID] || strings.Contains(d.ID, "/") {
				t.Errorf("the id %q is not unique, or has a slash", d.ID)
			}
			ids[d.ID] = true
			if m, ok := parseMark(d.ResourceVersion); !ok || m.key != keyOf(c) || m.digest != d.digest {
				t.Errorf("the mark %q is read as %+v", d.ResourceVersion, m)
			}
			for file, schema := range schemas {
				if err := schema.VisitJSON(any(bodyOf(d))); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
		}
	})
}

// drawComponent returns a component with any content.
func drawComponent(t *rapid.T) *component.Component {
	text := rapid.StringN(0, 20, 60)
	name := rapid.StringMatching(`[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?`)
	c := &component.Component{
		Namespace: name.Draw(t, "namespace"), Name: name.Draw(t, "name"), DeploymentStatus: text.Draw(t, "status"),
		Created: rapid.SampledFrom([]string{"", "2026-01-15T10:30:00Z"}).Draw(t, "created"),
		Metadata: component.Metadata{
			ID: text.Draw(t, "id"), Description: text.Draw(t, "description"), ETOM: rapid.SliceOfN(text, 0, 3).Draw(t, "eTom"),
			Owners: []component.Person{{Name: text.Draw(t, "owner")}},
			Fields: map[string]json.RawMessage{},
		},
	}
	for range rapid.IntRange(0, 4).Draw(t, "fields") {
		c.Metadata.Fields[text.Draw(t, "field")] = drawJSON(t, 3)
	}
	for range rapid.IntRange(0, 4).Draw(t, "apis") {
		c.ExposedAPIs = append(c.ExposedAPIs, component.ExposedAPI{
			Name: text.Draw(t, "api"), Entry: text.Draw(t, "entry"), Segment: rapid.SampledFrom(component.Segments()).Draw(t, "segment"),
			Object: rapid.SampledFrom([]string{"", c.Name, "a", "a/b", "a_b", "ü-日本"}).Draw(t, "object"), Version: rapid.SampledFrom([]string{"", "v4"}).Draw(t, "version"),
			Specifications: []component.Specification{{URL: text.Draw(t, "url"), Version: text.Draw(t, "specification")}},
			URL:            text.Draw(t, "address"), Ready: rapid.Bool().Draw(t, "ready"),
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "dependencies") {
		c.DependentAPIs = append(c.DependentAPIs, component.DependentAPI{Name: text.Draw(t, "dependency"), URL: text.Draw(t, "resolved")})
	}
	return c
}

// drawJSON returns any JSON, also values that a registry cannot store.
func drawJSON(t *rapid.T, depth int) json.RawMessage {
	plain := []string{"null", "true", "7", "-1.5e3", "12345678901234567890123", "1e400", `"x"`, `""`, `"<ü\u0000>"`, "[]", "{}"}
	kind := rapid.IntRange(0, 3).Draw(t, "kind")
	if depth == 0 || kind < 2 {
		return json.RawMessage(rapid.SampledFrom(plain).Draw(t, "value"))
	}
	inner := string(drawJSON(t, depth-1))
	if kind == 2 {
		return json.RawMessage("[" + inner + ",1]")
	}
	return json.RawMessage(`{"a":` + inner + `}`)
}

// A registry stores every document that can be desired, and what it returns does not differ from it.
func TestApply_StoresAnyComponent(t *testing.T) {
	h := newHarness(t)
	a := h.adapter()
	rapid.Check(t, func(rt *rapid.T) {
		c := drawComponent(rt)
		result, err := a.Apply(t.Context(), keyOf(c), c, target.Previous{InDoubt: true})
		testcheck.NoError(rt, err)
		actual, err := a.ActualOf(t.Context(), keyOf(c), result.Ref)
		testcheck.NoError(rt, err)
		if presence, differences := actual.Compare(keyOf(c), c); presence != registry.Present || len(differences) > 0 {
			rt.Errorf("presence %v, differences %+v", presence, differences)
		}
		if _, err := a.Delete(t.Context(), keyOf(c), target.Previous{Ref: result.Ref}); err != nil {
			rt.Fatal(err)
		}
		if left := h.server.Resources(); len(left) > 0 {
			rt.Errorf("%d documents are left", len(left))
		}
	})
}
