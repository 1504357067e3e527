package document_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/registry/tmf639/document/documenttest"
	"odasync/internal/testcheck"
)

// allSegments are the segments whose APIs the adapter registers by default.
var allSegments = registry.Defaults{Segments: component.Segments()}

var update = flag.Bool("update", false, "rewrite the golden files")

// full is a component with everything that a document shows.
func full() *component.Component {
	c := documenttest.Sample("shop-stock", "stockmanagement")
	c.Metadata.Name, c.Metadata.Description, c.Metadata.Status = "stock", "Stock <of> the shop", "specified"
	c.Metadata.Owners = []component.Person{{Name: "Owner", Email: "owner@example.org"}}
	c.Metadata.SID = []string{"Product", "Resource"}
	c.Metadata.Fields = map[string]json.RawMessage{
		"vendor": json.RawMessage(`{"country":"FR","name":"Vendor & Co"}`), "release": json.RawMessage(`12345678901234567890`), "certified": json.RawMessage(`true`),
		"maintainers": json.RawMessage(`[{"email":"m@example.org","name":"M","phone":"1"}]`),
	}
	stock := &c.ExposedAPIs[0]
	stock.Version, stock.Object, stock.Implementation = "v4", "shop-stock-stockmanagement-v4", "stock-api"
	stock.DeveloperUI = stock.URL + "/docs"
	stock.Specifications = append(stock.Specifications,
		component.Specification{URL: "http://specs.example.org/stock-v4.yaml", Version: "4.0.1"}, component.Specification{Version: "4"})
	c.ExposedAPIs = append(c.ExposedAPIs,
		component.ExposedAPI{
			Name: "metrics", Entry: "metrics", Segment: component.SegmentManagement, Object: "shop-stock-metrics", Type: "prometheus",
			Implementation: "stock-metrics", URL: "http://stock-metrics.components.svc:4000/metrics",
		},
		component.ExposedAPI{Name: "roles", Entry: "roles", Segment: component.SegmentSecurity, Object: "shop-stock-roles"},
	)
	c.DependentAPIs = []component.DependentAPI{
		{
			Name: "party", Segment: component.SegmentCore, Type: "openapi", URL: "http://party.example.org", Ready: true,
			Specifications: []component.Specification{{URL: "http://specs.example.org/party.json"}},
		},
		{Name: "catalog", Segment: component.SegmentCore},
	}
	return c
}

// The golden file shows the order of fields and characteristics.
func TestDesire_Golden(t *testing.T) {
	cfg := documenttest.Config("http://registry.example.org").WithDefaults(allSegments)
	cfg.Dependencies = true
	documents := document.Desire(cfg, documenttest.Key(full()), full())
	var got bytes.Buffer
	for _, d := range documents {
		testcheck.NoError(t, json.Indent(&got, document.Encode(d), "", " "))
		got.WriteByte('\n')
	}
	testcheck.Golden(t, "documents", filepath.Join("testdata", "documents.golden"), got.Bytes(), *update)
}

func TestDesire_Names(t *testing.T) {
	api := func(segment component.Segment, object, version string) component.ExposedAPI {
		return component.ExposedAPI{Name: "Orders", Entry: "Orders", Segment: segment, Object: object, Version: version}
	}
	core, management := component.SegmentCore, component.SegmentManagement
	tests := map[string]struct {
		key    component.Key
		apis   []component.ExposedAPI
		change func(*registry.Config)
		want   []string
	}{
		"by the objects": {
			apis: []component.ExposedAPI{api(core, "shop-orders-v4", "v4"), api(core, "shop-orders-v5", "v5")},
			want: []string{"self:shop", "self:shop-orders-v4", "self:shop-orders-v5"},
		},
		"one object, versions": {
			apis: []component.ExposedAPI{api(core, "shop-orders", "v4"), api(core, "shop-orders", "v5")},
			want: []string{"self:shop", "self:shop-orders", "self:shop-orders-v5"},
		},
		"one object, segments": {
			apis: []component.ExposedAPI{api(management, "shop-orders", ""), api(core, "shop-orders", "")},
			want: []string{"self:shop", "self:shop-orders", "self:shop-orders-management"},
		},
		"one object, no others": {
			apis: []component.ExposedAPI{api(core, "o", ""), api(core, "o", ""), api(core, "o", "")},
			want: []string{"self:shop", "self:o", "self:o-core", "self:o-core-core"},
		},
		"an old event":           {apis: []component.ExposedAPI{api(core, "", "")}, want: []string{"self:shop", "self:shop-orders"}},
		"named as the component": {apis: []component.ExposedAPI{api(core, "shop", "")}, want: []string{"self:shop", "self:shop-core"}},
		"with the namespace": {
			apis:   []component.ExposedAPI{api(core, "shop-orders", "")},
			change: documenttest.WithNamespace,
			want:   []string{"self:components.shop", "self:components.shop-orders"},
		},
		"with the cluster": {
			apis:   []component.ExposedAPI{api(core, "shop-orders", "")},
			change: documenttest.WithPrefix("canvas-{cluster}"),
			want:   []string{"canvas-east:shop", "canvas-east:shop-orders"},
		},
		"with slashes": {
			key: component.Key{Cluster: "a/b:c", Namespace: "n", Name: "x/y"}, apis: []component.ExposedAPI{api(core, "o/p", "")}, change: documenttest.WithPrefix("{cluster}"),
			want: []string{"a_b_c:x_y", "a_b_c:o_p"},
		},
		"two that differ in a slash": {
			apis: []component.ExposedAPI{api(core, "o/p", ""), api(core, "o_p", "")},
			want: []string{"self:shop", "self:o_p", "self:o_p-core"},
		},
		"of one segment only": {
			apis:   []component.ExposedAPI{api(management, "shop-metrics", ""), api(core, "shop-orders", "")},
			change: func(cfg *registry.Config) { cfg.Segments = []component.Segment{core} }, want: []string{"self:shop", "self:shop-orders"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := documenttest.Config("http://registry")
			if test.change != nil {
				test.change(&cfg)
			}
			c := documenttest.Sample("shop")
			c.ExposedAPIs = test.apis
			key := test.key
			if key == (component.Key{}) {
				key = documenttest.Key(c)
			}
			var got []string
			for _, d := range document.Desire(cfg.WithDefaults(allSegments), key, c) {
				got = append(got, d.ID)
			}
			testcheck.Equal(t, "desired resource", test.want, got)
		})
	}
}

// A digest covers the content, and nothing that depends on how the registry is reached.
func TestDesire_Digest(t *testing.T) {
	digests := func(url string, change func(c *component.Component)) (all []string) {
		c := full()
		change(c)
		for _, d := range document.Desire(documenttest.Config(url).WithDefaults(allSegments), documenttest.Key(c), c) {
			all = append(all, d.Digest)
		}
		return all
	}
	same := func(*component.Component) {}
	want := digests("http://one", same)
	if diff := cmp.Diff(want, digests("https://two/base", same)); diff != "" {
		t.Errorf("by another URL: %s", diff)
	}
	for name, change := range map[string]func(c *component.Component){
		"a state": func(c *component.Component) { c.DeploymentStatus = "" }, "a field": func(c *component.Component) { c.Metadata.Fields["x"] = json.RawMessage("1") },
		"the time": func(c *component.Component) { c.Created = "" },
	} {
		if got := digests("http://one", change); got[0] == want[0] {
			t.Errorf("%s does not change the digest", name)
		}
	}
	if got := digests("http://one", func(c *component.Component) { c.ExposedAPIs[0].URL += "x" }); got[0] != want[0] || got[1] == want[1] || got[2] != want[2] {
		t.Errorf("an API's address: %v, before %v", got, want)
	}
}

func TestPortable(t *testing.T) {
	deep := strings.Repeat("[", 80) + strings.Repeat("]", 80)
	tests := map[string]struct{ raw, want string }{
		"a string":              {`"a"`, `"a"`},
		"a number":              {`12345678901234567890`, `12345678901234567890`},
		"an array":              {`[{"a":1}]`, `[{"a":1}]`},
		"an object":             {`{"a":"<"}`, `"{\"a\":\"<\"}"`},
		"keys in another order": {`[{"b":1,"a":1e2}]`, `[{"a":1e2,"b":1}]`},
		"no finite number":      {`1e400`, `"1e400"`},
		"one within an array":   {`[[1e400]]`, `"[[1e400]]"`},
		"too many digits":       {strings.Repeat("9", 301), `"` + strings.Repeat("9", 301) + `"`},
		"too deep":              {deep, `"` + deep + `"`},
		"half a surrogate":      {`"\ud800"`, `"\"\\ud800\""`},
		"a name that is twice":  {`[{"a":1,"a":2}]`, `"[{\"a\":1,\"a\":2}]"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			testcheck.Equal(t, "portable form", test.want, string(document.Portable([]byte(test.raw))))
		})
	}
}
