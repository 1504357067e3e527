// Package documenttest has the components and the configuration that the tests of the mapping and of the adapter share.
package documenttest

import (
	"encoding/json"

	jsonv2 "github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
)

// Config is that of a registry at the URL.
func Config(url string) registry.Config {
	return registry.Config{
		URL: url, API: registry.APITMF639, Name: "self", NameFormat: registry.FormatName, IDPrefix: "self", Adopt: true,
	}
}

// The identity of the components.
const (
	Cluster   = "east"
	Namespace = "components"
)

// Key returns the key of a component in the cluster.
func Key(c *component.Component) component.Key {
	return component.Key{Cluster: Cluster, Namespace: c.Namespace, Name: c.Name}
}

// Sample is a component that is up, with core APIs of the given names.
func Sample(name string, apis ...string) *component.Component {
	c := &component.Component{
		Namespace: Namespace, Name: name, DeploymentStatus: "Complete", Created: "2026-01-15T10:30:00Z",
		Metadata: component.Metadata{ID: "TMFC001", Version: "1.0.0", FunctionalBlock: "CoreCommerce"},
	}
	for _, a := range apis {
		c.ExposedAPIs = append(c.ExposedAPIs, component.ExposedAPI{
			Name: a, Entry: a, Segment: component.SegmentCore, Object: name + "-" + a, Type: "openapi", Ready: true,
			URL: "http://" + name + ".example.org/" + a, Specifications: []component.Specification{{URL: "http://specs.example.org/" + a + ".json"}},
		})
	}
	return c
}

// Body returns a document as the registry gets it.
func Body(d document.Document) (body map[string]any) {
	text, err := jsonv2.Marshal(d)
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	if err != nil {
		panic(err)
	}
	return body
}

// Draw returns a component with any content.
func Draw(t *rapid.T) *component.Component {
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

// WithNamespace names entries with the namespace.
func WithNamespace(cfg *registry.Config) { cfg.NameFormat = registry.FormatNamespaceName }

// WithPrefix sets the prefix of the ids.
func WithPrefix(prefix string) func(*registry.Config) {
	return func(cfg *registry.Config) { cfg.IDPrefix = prefix }
}
