package refregistry

import "testing"

func TestSnapshot(t *testing.T) {
	for _, cfg := range []Config{{}, {ShuffleLists: true}} {
		s, c := start(t, cfg)
		c.label("team", "blue")
		c.label("domain", "product")
		c.label("gone", "soon")
		c.registry("up")
		c.registry("self")
		c.component("up", "b")
		c.component("self", "z", 1, 2, 3)
		c.component("self", "a")
		c.api("self", "z", "two", 1)
		c.api("self", "z", "one")
		c.api("self", "a", "two")
		c.api("self", "z", "one")
		c.api("up", "b", "one")
		must[any](c, 200, "PUT", "/exposed-apis/1", `{"oas_specification":"http://example.org/spec","status":"ready"}`)
		must[any](c, 204, "DELETE", "/labels/3", "")
		none := map[string]string{}
		same(t, Snapshot{
			Labels: []Label{{2, "domain", "product"}, {1, "team", "blue"}},
			Registries: []Registry{
				{ID: 2, Name: "self", Type: "self", URL: "http://self.example.org", Labels: none},
				{ID: 1, Name: "up", Type: "self", URL: "http://up.example.org", Labels: none},
			},
			Components: []Component{
				{ID: 3, Registry: "self", Name: "a", Labels: none},
				{ID: 2, Registry: "self", Name: "z", Labels: map[string]string{"team": "blue", "domain": "product"}},
				{ID: 1, Registry: "up", Name: "b", Labels: none},
			},
			APIs: []API{
				{ID: 3, Registry: "self", Component: "a", Name: "two", URL: "http://example.org/two", Status: "pending", Labels: none},
				{ID: 2, Registry: "self", Component: "z", Name: "one", URL: "http://example.org/one", Status: "pending", Labels: none},
				{ID: 4, Registry: "self", Component: "z", Name: "one", URL: "http://example.org/one", Status: "pending", Labels: none},
				{ID: 1, Registry: "self", Component: "z", Name: "two", URL: "http://example.org/two",
					Specification: "http://example.org/spec", Status: "ready", Labels: map[string]string{"team": "blue"}},
				{ID: 5, Registry: "up", Component: "b", Name: "one", URL: "http://example.org/one", Status: "pending", Labels: none},
			},
		}, s.Snapshot())
	}
}
