package document_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/registry/tmf639/document/documenttest"
	"odasync/internal/testcheck"
)

const (
	catalogURL  = "https://components.example.test/ctk-productcatalogmanagement"
	catalogSpec = "https://raw.githubusercontent.com/tmforum-apis/TMF620_ProductCatalog/master/TMF620-ProductCatalog-v4.0.0.swagger.json"
)

// The Canvas's own collector and odasync write the same documents, but for the differences that are listed here: the mark;
// the time, which for an API is that of its Component; the addresses that the collector is reached by; what the Canvas of
// 1.2.5 loses of the specification.
func TestDesire_EqualsTheCollectorsDocuments(t *testing.T) {
	catalog := component.Component{
		Namespace: "components", Name: "ctk-productcatalogmanagement", DeploymentStatus: "Complete", Created: "2026-01-15T10:30:00Z",
		Metadata: component.Metadata{
			ID: "TMFC001", Name: "productcatalogmanagement", FunctionalBlock: "CoreCommerce", PublicationDate: "2024-09-17T00:00:00.000Z",
			Status: "specified", Version: "0.0.1", Description: "Simple Product Catalog ODA-Component from Open-API reference implementation.",
			Maintainers: []component.Person{{Name: "Maintainer A", Email: "maintainer.a@example.org"}},
			Owners:      []component.Person{{Name: "Maintainer A", Email: "maintainer.a@example.org"}},
		},
	}
	old := component.ExposedAPI{
		Name: "productcatalogmanagement", Entry: "productcatalogmanagement", Segment: component.SegmentCore, Type: "openapi", Ready: true,
		Object: "ctk-productcatalogmanagement-productcatalogmanagement", Implementation: "ctk-prodcatapi",
		URL: catalogURL + "/tmf-api/productCatalogManagement/v4", DeveloperUI: catalogURL + "/tmf-api/productCatalogManagement/v4/docs",
		Specifications: []component.Specification{{URL: catalogSpec}},
	}
	versioned := old
	versioned.Object, versioned.Version = old.Object+"-v4", "v4"
	metrics := component.ExposedAPI{
		Name: "metrics", Entry: "metrics", Segment: component.SegmentManagement, Type: "prometheus", Ready: true,
		Object: "ctk-productcatalogmanagement-metrics", Implementation: "ctk-productcatalogmanagement-sm", URL: catalogURL + "/metrics",
	}
	inventory := catalog
	inventory.Name, inventory.DeploymentStatus = "ctk-productinventory", "In-Progress-CompCon"
	inventory.Metadata = component.Metadata{
		Name: "productinventory", FunctionalBlock: "CoreCommerce", PublicationDate: "2023-08-18T00:00:00.000Z", Status: "specified", Version: "0.0.1",
		Description: "Simple Product Inventory ODA-Component from Open-API reference implementation.",
		Maintainers: []component.Person{{Name: "Maintainer B", Email: "maintainer.b@example.org"}},
		Owners:      []component.Person{{Name: "Maintainer B", Email: "maintainer.b@example.org"}},
	}
	pending := component.ExposedAPI{
		Name: "productinventorymanagement", Entry: "productinventorymanagement", Segment: component.SegmentCore, Type: "openapi",
		Object: "ctk-productinventory-productinventorymanagement-v4", Version: "v4", Implementation: "ctk-productinventoryapi",
		URL:            "http://ctk-productinventoryapi.components.svc:8080/ctk-productinventory/tmf-api/productInventory/v4",
		Specifications: []component.Specification{{URL: "https://specs.example.org/TMF637.json"}},
	}

	want := collectorsDocuments(t)
	found := map[string]bool{}
	for _, c := range []component.Component{with(catalog, old, metrics), with(catalog, versioned), with(inventory, pending)} {
		for _, d := range document.Desire(documenttest.Config("http://localhost:8080").WithDefaults(allSegments), documenttest.Key(&c), &c) {
			captured, ok := want[d.ID]
			if !ok {
				continue
			}
			found[d.ID] = true
			captured = maps.Clone(captured)
			got := documenttest.Body(d)
			delete(got, "resourceVersion")
			delete(captured, "resourceVersion")
			delete(captured, "href")
			if d.Category == "API" {
				delete(got, "startDate")
				delete(captured, "startDate")
			}
			if d.Specification.Version != "" {
				got["resourceCharacteristic"] = without(got["resourceCharacteristic"].([]any), "specification")
			}
			if diff := cmp.Diff(captured, got); diff != "" {
				t.Errorf("%s (-collector's +odasync's):\n%s", d.ID, diff)
			}
		}
	}
	testcheck.Equal(t, "documents compared", len(want), len(found))
}

func with(c component.Component, apis ...component.ExposedAPI) component.Component {
	c.ExposedAPIs = apis
	return c
}

func without(characteristics []any, name string) (rest []any) {
	for _, c := range characteristics {
		if c.(map[string]any)["name"] != name {
			rest = append(rest, c)
		}
	}
	return rest
}

// collectorsDocuments returns captured documents by their ids: those in the folder that ODASYNC_SHARED names; otherwise none,
// and the golden file is what the mapping is held to.
func collectorsDocuments(t *testing.T) map[string]map[string]any {
	t.Helper()
	shared := os.Getenv("ODASYNC_SHARED")
	if shared == "" {
		t.Log("ODASYNC_SHARED is not set: no captured documents")
		return nil
	}
	type exchange struct {
		Request struct {
			Body map[string]any `json:"body"`
		} `json:"request"`
		Response struct {
			Body map[string]any `json:"body"`
		} `json:"response"`
	}
	all := map[string]map[string]any{}
	for _, name := range []string{
		"01-component-post", "02-api-post-specification-array", "03-api-post-metrics", "04-api-post-specification-object",
		"05-pending-component-and-api",
	} {
		body, err := os.ReadFile(filepath.Join(shared, "reference", "tmf639-documents", name+".json"))
		testcheck.NoError(t, err)
		var file struct {
			exchange
			Exchanges []exchange `json:"exchanges"`
		}
		testcheck.NoError(t, json.Unmarshal(body, &file))
		for _, e := range append(file.Exchanges, file.exchange) {
			document := e.Request.Body
			if document == nil {
				document = e.Response.Body
			}
			if id, ok := document["id"].(string); ok {
				all[id] = document
			}
		}
	}
	return all
}
