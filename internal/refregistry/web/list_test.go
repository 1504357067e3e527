package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
)

const (
	nameIn = `<h2><a href="[^"]*">(.*?)</a></h2>`
	apiIn  = `<h3><a href="[^"]*">(.*?)</a>`
)

// entries returns the components of the page, each as "catalog 2" with the
// number of its APIs, after its registry where there are several.
func entries(body string) []string {
	out := []string{}
	for _, entry := range strings.Split(body, `<div class="who">`)[1:] {
		name := matches(entry, nameIn)[0]
		if registry := matches(entry, `<span class="registry"[^>]*>(.*?)</span>`); len(registry) > 0 {
			name = registry[0] + "/" + name
		}
		out = append(out, fmt.Sprintf("%s %d", name, strings.Count(entry, "<h3>")))
	}
	return out
}

func TestPage_NewestChangesFirst(t *testing.T) {
	const catalogFirst, inventoryFirst = "[catalog 2 inventory 1]", "[inventory 1 catalog 2]"
	tests := []struct{ name, method, path, body, want string }{
		{"as seeded", "GET", "/health", "", inventoryFirst},
		{"component labelled", "PUT", "/components/1", `{"label_ids":[2]}`, catalogFirst},
		{"component with the same labels", "PUT", "/components/1", `{"label_ids":[1,2]}`, inventoryFirst},
		{"component renamed", "PUT", "/components/1", `{"name":"x"}`, "[x 0 inventory 1 catalog 2]"},
		{"API ready", "PATCH", "/exposed-apis/1/status", `{"status":"ready"}`, catalogFirst},
		{"API pending as before", "PATCH", "/exposed-apis/1/status", `{"status":"pending"}`, inventoryFirst},
		{"API with another address", "PUT", "/exposed-apis/1", `{"url":"http://example.org"}`, catalogFirst},
		{"API with a specification", "PUT", "/exposed-apis/1", `{"oas_specification":"s"}`, catalogFirst},
		{"API with the same content", "PUT", "/exposed-apis/1", `{"url":"http://example.org/tmf620","oas_specification":null,"label_ids":[1]}`, inventoryFirst},
		{"API with other labels", "PUT", "/exposed-apis/2", `{"label_ids":[1]}`, catalogFirst},
		{"API created", "POST", "/exposed-apis/", `{"registry_name":"self","component_name":"catalog","name":"a","url":"u"}`, "[catalog 3 inventory 1]"},
		{"API moved away", "PUT", "/exposed-apis/1", `{"component_name":"inventory"}`, "[inventory 2 catalog 1]"},
		{"API deleted", "DELETE", "/exposed-apis/1", "", "[catalog 1 inventory 1]"},
		{"component deleted, its API is left", "DELETE", "/components/2", "", inventoryFirst},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, at := startAt(t, refregistry.Config{})
			c.Registry("self")
			c.Label("team", "blue")
			c.Label("domain", "product")
			c.Component("self", "catalog", 1, 2)
			c.API("self", "catalog", "tmf620", 1)
			c.API("self", "catalog", "metrics")
			at.Advance(time.Minute)
			c.Component("self", "inventory")
			c.API("self", "inventory", "tmf637")
			at.Advance(time.Hour)
			if got := c.Do(tt.method, tt.path, tt.body); got.Status >= 300 {
				t.Fatalf("status %d: %s", got.Status, got.Body)
			}
			registrytest.Same(t, tt.want, fmt.Sprint(entries(page(t, c, 200, "/"))))
		})
	}
}

func TestPage_Search(t *testing.T) {
	c, at := startAt(t, refregistry.Config{ShuffleLists: true})
	for _, name := range []string{"self", "up", "empty"} {
		c.Registry(name)
	}
	blue, red := c.Label("team", "blue"), c.Label("Team", "Red Hot")
	for i, component := range []struct{ registry, name string }{{"self", "Catalog"}, {"self", "inventory"}, {"up", "catalog"}} {
		at.Advance(time.Second)
		c.Component(component.registry, component.name, []int64{blue, red, blue}[i])
	}
	at.Advance(time.Second)
	c.API("self", "inventory", "tmf637", red)
	at.Advance(time.Second)
	c.API("up", "catalog", "TMF620")
	tests := []struct {
		name, registry, words string
		want                  []string
	}{
		{"all", "", "", []string{"up/catalog 1", "self/inventory 1", "self/Catalog 0"}},
		{"a registry", "self", "", []string{"self/inventory 1", "self/Catalog 0"}},
		{"an empty registry", "empty", "", []string{}},
		{"an unknown registry", "none", "", []string{}},
		{"a part of a name in another case", "", "ATAL", []string{"up/catalog 1", "self/Catalog 0"}},
		{"an API", "", "tmf6", []string{"up/catalog 1", "self/inventory 1"}},
		{"a label", "", "team=blue", []string{"up/catalog 1", "self/Catalog 0"}},
		{"a label's value", "", "blue", []string{"up/catalog 1", "self/Catalog 0"}},
		{"a label of two words", "", "team=red hot", []string{"self/inventory 1"}},
		{"words found in different places", "", "  blue   tmf620 ", []string{"up/catalog 1"}},
		{"words not found together", "", "blue tmf637", []string{}},
		{"words and a registry", "self", "blue", []string{"self/Catalog 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			query := url.Values{"q": {tt.words}, "registry": {tt.registry}}
			registrytest.Same(t, tt.want, entries(page(t, c, 200, "/?"+query.Encode())))
		})
	}
}

// TestPage_Leftovers has APIs whose component is gone, and components whose
// registry is gone.
func TestPage_Leftovers(t *testing.T) {
	c, _ := startAt(t, refregistry.Config{})
	c.Seed()
	c.Expect(204, "DELETE", "/components/1", "")
	c.Expect(204, "DELETE", "/registries/1", "")
	body := page(t, c, 200, "/")
	registrytest.Same(t, []string{"self", "up"}, options(body, "registry"))
	registrytest.Same(t, []string{"1", "3", "0", "3"}, matches(body, `<b>(\d+)</b>`)) // components, APIs, ready, pending
	registrytest.Same(t, []string{"self/inventory 1", "self/catalog 2"}, entries(body))
	registrytest.Same(t, []string{"", `class="gone"`}, matches(body, `<li( class="gone")?>\s*<div class="who">`))
}
