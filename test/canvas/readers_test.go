package canvas

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/testcheck"
	"odasync/test/testenv"
)

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// TestReaders reads the registry as the Canvas's readers and its acceptance tests do: the list has names and categories, a document
// is found by its id, and JSONPath filters by category, by name and by the URL of a specification. With the prefix against the
// registry as it is deployed, with bare names against one that accepts them.
func TestReaders(t *testing.T) {
	for name, test := range map[string]struct {
		friendly bool
		id       string
	}{
		"with the prefix of an exact registry": {id: "self:productcatalog"},
		"with the bare name in a friendly one": {friendly: true, id: "productcatalog"},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := "canvas-readers"
			env := newEnv(t, refregistry.Config{Friendly: test.friendly}, namespace)
			object := testenv.Component(namespace, "productcatalog", "1.0.0", "productcatalogmanagement")
			spec := object.Object["spec"].(map[string]any)
			spec["managementFunction"] = map[string]any{"exposedAPIs": []any{map[string]any{"name": "metrics", "apiType": "prometheus", "implementation": "catalog", "port": int64(4000)}}}
			spec["securityFunction"] = map[string]any{"exposedAPIs": []any{map[string]any{"name": "userrolesandpermissions", "implementation": "roles", "port": int64(8080)}}}
			env.Apply(object)
			env.watch()
			env.AwaitReady(env.feed(nil))
			env.AwaitDocuments(env.tmf639, testenv.Timeout)

			pairs := map[string]string{}
			for _, document := range list(t, env, "") {
				pairs[document.Name] = document.Category
			}
			want := map[string]string{
				"productcatalog": "ODAComponent", "productcatalog-productcatalogmanagement-v4": "API", "productcatalog-metrics": "API",
				"productcatalog-userrolesandpermissions": "API",
			}
			testcheck.Equal(t, "names and categories", want, pairs)
			var one document
			read(t, env.tmf639.URL()+"/resource/"+url.PathEscape(test.id), &one)
			if one.Name != "productcatalog" || one.Category != "ODAComponent" {
				t.Errorf("GET by id: %+v", one)
			}
			for filter, count := range map[string]int{
				"$[?(@.category=='ODAComponent')]":        1,
				"$[?(@.category=='API')]":                 3,
				"$[?(@.name=='productcatalog')]":          1,
				"$[?(@.category=='nothing of the kind')]": 0,
				"$[?(@.resourceCharacteristic[?(@.name=='specification' && @.value[?(@.url=='https://specs.example.org/productcatalogmanagement-v4.0.0.json')])])]": 1,
			} {
				found := list(t, env, filter)
				testcheck.Equal(t, fmt.Sprintf("documents with filter %s", filter), count, len(found))
				if count == 1 && found[0].Category == "API" && found[0].Relationships[0].Resource.ID != "self:productcatalog" {
					t.Errorf("the API is related to %+v", found[0].Relationships)
				}
			}
		})
	}
}

type document struct {
	Name, Category string
	Relationships  []struct {
		Resource struct{ ID string }
	} `json:"resourceRelationship"`
}

func list(t *testing.T, env *environment, filter string) (all []document) {
	t.Helper()
	query := url.Values{}
	if filter != "" {
		query.Set("filter", filter)
	}
	read(t, env.tmf639.URL()+"/resource?"+query.Encode(), &all)
	return all
}

func read(t *testing.T, address string, into any) {
	t.Helper()
	answer, err := http.Get(address)
	testcheck.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v: %s", address, answer.Status, err, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("GET %s: %v in %s", address, err, body)
	}
}
