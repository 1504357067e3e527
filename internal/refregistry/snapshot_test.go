package refregistry_test

import (
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
)

func TestServer_Snapshot(t *testing.T) {
	for _, cfg := range []refregistry.Config{{}, {ShuffleLists: true}} {
		s, c := registrytest.Start(t, cfg)
		c.Label("team", "blue")
		c.Label("domain", "product")
		c.Label("gone", "soon")
		c.Registry("up")
		c.Registry("self")
		c.Component("up", "b")
		c.Component("self", "z", 1, 2, 3)
		c.Component("self", "a")
		c.API("self", "z", "two", 1)
		c.API("self", "z", "one")
		c.API("self", "a", "two")
		c.API("self", "z", "one")
		c.API("up", "b", "one")
		c.Expect(200, "PUT", "/exposed-apis/1", `{"oas_specification":"http://example.org/spec","status":"ready"}`)
		c.Expect(204, "DELETE", "/labels/3", "")
		none := map[string]string{}
		registrytest.Same(t, refregistry.Snapshot{
			Labels: []refregistry.Label{{2, "domain", "product"}, {1, "team", "blue"}},
			Registries: []refregistry.Registry{
				{ID: 2, Name: "self", Type: "self", URL: "http://self.example.org", Labels: none},
				{ID: 1, Name: "up", Type: "self", URL: "http://up.example.org", Labels: none},
			},
			Components: []refregistry.Component{
				{ID: 3, Registry: "self", Name: "a", Labels: none},
				{ID: 2, Registry: "self", Name: "z", Labels: map[string]string{"team": "blue", "domain": "product"}},
				{ID: 1, Registry: "up", Name: "b", Labels: none},
			},
			APIs: []refregistry.API{
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
