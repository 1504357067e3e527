package refregistry

import (
	"fmt"
	"testing"
	"time"
)

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

func startAt(t *testing.T, cfg Config) (*Server, *client, *clock) {
	t.Helper()
	at := &clock{time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)}
	cfg.Now = at.read
	s, c := start(t, cfg)
	return s, c, at
}

// found returns the names of the entries that the words find, each with its
// APIs' count.
func found(t *testing.T, s *Server, registry, words string) []string {
	t.Helper()
	o, err := s.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return names(o.find(registry, words), func(e entry) string { return fmt.Sprintf("%s/%s %d", e.Registry, e.Name, len(e.apis)) })
}

func TestNewestChangesFirst(t *testing.T) {
	const catalogFirst, inventoryFirst = "[self/catalog 2 self/inventory 1]", "[self/inventory 1 self/catalog 2]"
	tests := []struct{ name, method, path, body, want string }{
		{"as seeded", "GET", "/health", "", inventoryFirst},
		{"component labelled", "PUT", "/components/1", `{"label_ids":[2]}`, catalogFirst},
		{"component with the same labels", "PUT", "/components/1", `{"label_ids":[1,2]}`, inventoryFirst},
		{"component renamed", "PUT", "/components/1", `{"name":"x"}`, "[self/x 0 self/inventory 1 self/catalog 2]"},
		{"API ready", "PATCH", "/exposed-apis/1/status", `{"status":"ready"}`, catalogFirst},
		{"API pending as before", "PATCH", "/exposed-apis/1/status", `{"status":"pending"}`, inventoryFirst},
		{"API with another address", "PUT", "/exposed-apis/1", `{"url":"http://example.org"}`, catalogFirst},
		{"API with a specification", "PUT", "/exposed-apis/1", `{"oas_specification":"s"}`, catalogFirst},
		{"API with the same content", "PUT", "/exposed-apis/1", `{"url":"http://example.org/tmf620","oas_specification":null,"label_ids":[1]}`, inventoryFirst},
		{"API with other labels", "PUT", "/exposed-apis/2", `{"label_ids":[1]}`, catalogFirst},
		{"API created", "POST", "/exposed-apis/", `{"registry_name":"self","component_name":"catalog","name":"a","url":"u"}`, "[self/catalog 3 self/inventory 1]"},
		{"API moved away", "PUT", "/exposed-apis/1", `{"component_name":"inventory"}`, "[self/inventory 2 self/catalog 1]"},
		{"API deleted", "DELETE", "/exposed-apis/1", "", "[self/catalog 1 self/inventory 1]"},
		{"component deleted, its API is left", "DELETE", "/components/2", "", inventoryFirst},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c, at := startAt(t, Config{})
			c.registry("self")
			c.label("team", "blue")
			c.label("domain", "product")
			c.component("self", "catalog", 1, 2)
			c.api("self", "catalog", "tmf620", 1)
			c.api("self", "catalog", "metrics")
			at.pass(time.Minute)
			c.component("self", "inventory")
			c.api("self", "inventory", "tmf637")
			at.pass(time.Hour)
			if got := c.do(tt.method, tt.path, tt.body); got.status >= 300 {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			same(t, tt.want, fmt.Sprint(found(t, s, "", "")))
		})
	}
}

func TestFind(t *testing.T) {
	s, c, at := startAt(t, Config{ShuffleLists: true})
	for _, name := range []string{"self", "up", "empty"} {
		c.registry(name)
	}
	blue, red := c.label("team", "blue"), c.label("Team", "Red Hot")
	for i, component := range []struct{ registry, name string }{{"self", "Catalog"}, {"self", "inventory"}, {"up", "catalog"}} {
		at.pass(time.Second)
		c.component(component.registry, component.name, []int64{blue, red, blue}[i])
	}
	at.pass(time.Second)
	c.api("self", "inventory", "tmf637", red)
	at.pass(time.Second)
	c.api("up", "catalog", "TMF620")
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
		{"words that meet in different places", "", "  blue   tmf620 ", []string{"up/catalog 1"}},
		{"words that do not meet", "", "blue tmf637", []string{}},
		{"words and a registry", "self", "blue", []string{"self/Catalog 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { same(t, tt.want, found(t, s, tt.registry, tt.words)) })
	}
}

// What was forgotten shows: APIs whose component is gone, components whose
// registry is gone.
func TestLeftovers(t *testing.T) {
	s, c, _ := startAt(t, Config{})
	seed(c)
	must[any](c, 204, "DELETE", "/components/1", "")
	must[any](c, 204, "DELETE", "/registries/1", "")
	o, err := s.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, []string{"self", "up"}, o.registries)
	same(t, []int{1, 3, 0}, []int{o.components(), o.apis, o.ready})
	same(t, []string{"inventory", "catalog"}, names(o.entries, func(e entry) string { return e.Name }))
	same(t, []int64{2, 0}, []int64{o.entries[0].ID, o.entries[1].ID})
}
