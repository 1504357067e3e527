package normalize

import (
	"strings"
	"testing"

	"odasync/internal/component"
	"odasync/internal/testcheck"
)

func TestComponent_GroupsAPIsByVersion(t *testing.T) {
	spec := func(texts ...string) (list []component.Specification) {
		for _, text := range texts {
			url, version, _ := strings.Cut(text, " ")
			list = append(list, component.Specification{URL: url, Version: version})
		}
		return list
	}
	tests := []struct {
		name    string
		entries string
		want    []component.ExposedAPI
	}{
		{
			"no specification, whatever the path says",
			"{name: a, path: /a/v4/}",
			[]component.ExposedAPI{{Name: "a", Entry: "a"}},
		}, {
			"one version",
			"{name: a, specification: [u-v4.0.json]}",
			[]component.ExposedAPI{{Name: "a", Entry: "a", Version: "v4", Specifications: spec("u-v4.0.json")}},
		}, {
			"two documents of one version, in their order",
			"{name: a, specification: [u-v4.2.json, u-v4.1.json]}",
			[]component.ExposedAPI{{Name: "a", Entry: "a", Version: "v4", Specifications: spec("u-v4.2.json", "u-v4.1.json")}},
		}, {
			"two versions and a document without one",
			"{name: a, specification: [u-v4.0.json, u-v5.0.json, u.json]}",
			[]component.ExposedAPI{
				{Name: "a-v4", Entry: "a", Version: "v4", Specifications: spec("u-v4.0.json")},
				{Name: "a-v5", Entry: "a", Version: "v5", Specifications: spec("u-v5.0.json")},
				{Name: "a", Entry: "a", Specifications: spec("u.json")},
			},
		}, {
			"a declared version before the URL's",
			"{name: a, specification: [{url: u-v4.0.json, version: 5.1.0}]}",
			[]component.ExposedAPI{{Name: "a", Entry: "a", Version: "v5", Specifications: spec("u-v4.0.json 5.1.0")}},
		}, {
			"a declared version of another form",
			"{name: a, specification: [{url: u-v4.0.json, version: latest}]}",
			[]component.ExposedAPI{{Name: "a", Entry: "a", Version: "v4", Specifications: spec("u-v4.0.json latest")}},
		}, {
			"the entry's version where a URL has none",
			"{name: a, version: v3.1, specification: [u.json, u-v4.0.json]}",
			[]component.ExposedAPI{
				{Name: "a-v3", Entry: "a", Version: "v3", Specifications: spec("u.json v3.1")},
				{Name: "a-v4", Entry: "a", Version: "v4", Specifications: spec("u-v4.0.json")},
			},
		}, {
			"defaults and what overrides them",
			"{name: a, apiType: openapi, implementation: one, path: /one, port: 1, specification: [" +
				"{url: u-v4.0.json}, {url: u-v5.0.json, apiType: mcp, implementation: two, path: /two, port: 2}]}",
			[]component.ExposedAPI{
				{Name: "a-v4", Entry: "a", Version: "v4", Specifications: spec("u-v4.0.json"), Type: "openapi",
					Implementation: "one", URL: "http://one.components.svc:1/one"},
				{Name: "a-v5", Entry: "a", Version: "v5", Specifications: spec("u-v5.0.json"), Type: "mcp",
					Implementation: "two", URL: "http://two.components.svc:2/two"},
			},
		}, {
			"an entry listed twice, in two spellings",
			"{name: Ab, path: /x, specification: u-v4.0.json}, " +
				"{name: aB, apiType: openapi, implementation: two, port: 2, specification: [u-v4.1.json, u-v5.0.json]}, " +
				"{name: AB, apiType: mcp, implementation: three, port: 3, specification: [u-v4.2.json]}",
			[]component.ExposedAPI{
				{Name: "Ab-v4", Entry: "Ab", Version: "v4", Specifications: spec("u-v4.0.json", "u-v4.1.json", "u-v4.2.json"),
					Type: "openapi", Implementation: "two", URL: "http://two.components.svc:2"},
				{Name: "Ab-v5", Entry: "Ab", Version: "v5", Specifications: spec("u-v5.0.json"),
					Type: "openapi", Implementation: "two", URL: "http://two.components.svc:2"},
			},
		}, {
			"an entry that is called like a version of another",
			"{name: a, specification: [u-v4.0.json, u-v5.0.json]}, {name: A-v4, apiType: openapi, specification: w.json}",
			[]component.ExposedAPI{
				{Name: "a-v4", Entry: "a", Version: "v4", Specifications: spec("u-v4.0.json", "w.json"), Type: "openapi"},
				{Name: "a-v5", Entry: "a", Version: "v5", Specifications: spec("u-v5.0.json")},
			},
		}, {
			"an entry that is called like a version of another and has versions itself",
			"{name: a-v4, specification: [w.json, w-v5.0.json]}, {name: a, specification: [u-v4.0.json, u-v5.0.json]}",
			[]component.ExposedAPI{
				{Name: "a-v4", Entry: "a-v4", Specifications: spec("w.json", "u-v4.0.json")},
				{Name: "a-v4-v5", Entry: "a-v4", Version: "v5", Specifications: spec("w-v5.0.json")},
				{Name: "a-v5", Entry: "a", Version: "v5", Specifications: spec("u-v5.0.json")},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for i := range test.want {
				api := &test.want[i]
				api.Segment, api.Object = component.SegmentCore, objectName("demo", api.Entry, api.Version)
			}
			testcheck.Equal(t, "APIs", test.want, coreAPIs(t, test.entries, ""))
		})
	}
}

// A name may come back in another segment: each has ExposedAPI objects and a status of its own.
func TestComponent_KeepsTheSegments(t *testing.T) {
	got := mustRead(t, parse(t, resource("{}", `
  securityFunction: {exposedAPIs: [{name: a}]}
  managementFunction: {exposedAPIs: [{name: a}]}
  coreFunction: {exposedAPIs: [{name: a}]}`)+`
status:
  managementAPIs: [{name: demo-a, url: "https://apis.example.org/m"}]
  securityAPIs: [{name: demo-a, url: "https://apis.example.org/s", ready: true}]
`))
	want := []component.ExposedAPI{
		{Name: "a", Entry: "a", Segment: component.SegmentCore, Object: "demo-a"},
		{Name: "a", Entry: "a", Segment: component.SegmentManagement, Object: "demo-a", URL: "https://apis.example.org/m"},
		{Name: "a", Entry: "a", Segment: component.SegmentSecurity, Object: "demo-a", URL: "https://apis.example.org/s", Ready: true},
	}
	testcheck.Equal(t, "APIs", want, got.ExposedAPIs)
}

func TestComponent_InClusterURL(t *testing.T) {
	tests := []struct{ name, fields, want string }{
		{"all parts", "implementation: orders, port: 8080, path: /o/v4", "http://orders.components.svc:8080/o/v4"},
		{"no port", "implementation: orders, path: /o/v4", "http://orders.components.svc/o/v4"},
		{"no path", "implementation: orders, port: 8080", "http://orders.components.svc:8080"},
		{"a path without a slash", "implementation: orders, path: o/v4", "http://orders.components.svc/o/v4"},
		{"no implementation", "port: 8080, path: /o/v4", ""},
		{"an implementation that is no Service", "implementation: 'http://orders:80', port: 8080", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := coreAPIs(t, "{name: a, "+test.fields+"}", "")[0].URL; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
