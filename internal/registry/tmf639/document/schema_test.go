package document_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"

	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/registry/tmf639/document/documenttest"
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
		c := documenttest.Draw(t)
		cfg := registry.Config{
			URL: "http://registry", IDPrefix: "self", Dependencies: rapid.Bool().Draw(t, "dependencies"),
			NameFormat: rapid.SampledFrom([]string{registry.FormatName, registry.FormatNamespaceName}).Draw(t, "format"),
		}
		ids := map[string]bool{}
		for _, d := range document.Desire(cfg.WithDefaults(allSegments), documenttest.Key(c), c) {
			if ids[d.ID] || strings.Contains(d.ID, "/") {
				t.Errorf("the id %q is not unique, or has a slash", d.ID)
			}
			ids[d.ID] = true
			if m, ok := document.ParseMark(d.ResourceVersion); !ok || m.Key != documenttest.Key(c) || m.Digest != d.Digest {
				t.Errorf("the mark %q is read as %+v", d.ResourceVersion, m)
			}
			for file, schema := range schemas {
				if err := schema.VisitJSON(any(documenttest.Body(d))); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
		}
	})
}
