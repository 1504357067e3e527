package normalize

import (
	"errors"
	"strings"
	"testing"

	"odasync/internal/component"
	"odasync/internal/testcheck"
)

// What is odd reads as what is plain.
func TestComponent_AcceptsEquivalentForms(t *testing.T) {
	const v4, v5 = "https://specs.example.org/O-v4.0.0.json", "https://specs.example.org/O-v5.0.0.json"
	tests := []struct{ name, odd, plain string }{
		{"a number for a text", "{version: 1.5}", `{version: "1.5"}`},
		{"a whole number for a text", "{version: 1.0}", `{version: "1"}`},
		{"an integer for a text", "{version: 9007199254740993}", `{version: "9007199254740993"}`},
		{"a boolean for a text", "{status: true}", `{status: "true"}`},
		{"null for a text", "{id: , name: demo}", "{name: demo}"},
		{"an empty list for a text", "{id: [], name: demo}", "{name: demo}"},
		{"an empty object for a text", "{id: {}, name: demo}", "{name: demo}"},
		{"the description in the bare spec", "{id: X1, status: specified}", "{componentMetadata: {id: X1, status: specified}}"},
		{"a null componentMetadata", "{id: X1, componentMetadata: }", "{id: X1}"},
		{"an empty list for componentMetadata", "{id: X1, componentMetadata: []}", "{id: X1}"},
		{"componentMetadata beside the bare spec's", "{id: X1, componentMetadata: {name: demo}}", "{componentMetadata: {name: demo}}"},

		{"a name for a person", "{owners: [Ada Example]}", "{owners: [{name: Ada Example}]}"},
		{"a name for people", "{owners: Ada Example}", "{owners: [{name: Ada Example}]}"},
		{"one person for people", "{owners: {name: Ada Example}}", "{owners: [{name: Ada Example}]}"},
		{"empty people", `{owners: [{}, "", null, {email: }]}`, "{}"},
		{"other fields of people", "{owners: [{name: Ada Example, phone: [1]}]}", "{owners: [{name: Ada Example}]}"},
		{"no people", "{owners: []}", "{}"},
		{"a text for a list of texts", "{SID: Offer}", "{SID: [Offer]}"},
		{"numbers in a list of texts", "{eTom: [1.2, 3]}", `{eTom: ["1.2", "3"]}`},
		{"empty items in a list of texts", `{SID: ["", Offer, null]}`, "{SID: [Offer]}"},

		{"no functions", "{}", "{coreFunction: {exposedAPIs: []}}"},
		{"a null function", "{coreFunction: }", "{}"},
		{"a list for a function", "{managementFunction: []}", "{}"},
		{"an empty text for a function", `{securityFunction: ""}`, "{}"},
		{"a function without APIs", "{coreFunction: {dependentAPIs: odd}}", "{}"},
		{"null dependentAPIs", "{coreFunction: {dependentAPIs: }}", "{}"},
		{"null among the dependentAPIs", "{coreFunction: {dependentAPIs: [null, {name: stock}]}}", "{coreFunction: {dependentAPIs: [{name: stock}]}}"},
		{"a text for a dependency's specification", dependentAPI("specification: " + v4), dependentAPI("specification: [{url: " + v4 + "}]")},
		{"a list of texts for a dependency's specification", dependentAPI("specification: [" + v4 + ", " + v5 + "]"), dependentAPI("specification: [{url: " + v4 + "}, {url: " + v5 + "}]")},
		{"a dependency's type as v1beta2 spells it", dependentAPI("apitype: openapi"), dependentAPI("apiType: openapi")},
		{"a dependency's address, which is not content", dependentAPI("port: http, path: {a: 1}"), dependentAPI("")},
		{"null exposedAPIs", "{coreFunction: {exposedAPIs: }}", "{}"},
		{"an empty object for exposedAPIs", "{coreFunction: {exposedAPIs: {}}}", "{}"},
		{"null among the exposedAPIs", "{coreFunction: {exposedAPIs: [null, {name: orders}, null]}}", "{coreFunction: {exposedAPIs: [{name: orders}]}}"},
		{"odd parts that are not content", "{eventNotification: [7], securityFunction: {canvasSystemRole: {}}}", "{}"},

		{"a number for an API name", "{coreFunction: {exposedAPIs: [{name: 9}]}}", `{coreFunction: {exposedAPIs: [{name: "9"}]}}`},
		{"a text for a port", coreAPI(`implementation: o, port: "8080"`), coreAPI("implementation: o, port: 8080")},
		{"a float for a port", coreAPI("implementation: o, port: 8080.0"), coreAPI("implementation: o, port: 8080")},
		{"an empty port", coreAPI(`implementation: o, port: ""`), coreAPI("implementation: o")},
		{"a null port", coreAPI("implementation: o, port: "), coreAPI("implementation: o")},
		{"the type as v1beta2 spells it", coreAPI("apitype: openapi"), coreAPI("apiType: openapi")},
		{"a path without a slash", coreAPI("implementation: o, path: orders/v4"), coreAPI("implementation: o, path: /orders/v4")},
		{"a developerUI in the spec, which is relative", coreAPI("developerUI: {}"), coreAPI("developerUI: /docs")},

		{"a text for a specification", coreAPI("specification: " + v4), coreAPI("specification: [{url: " + v4 + "}]")},
		{"a list of texts", coreAPI("specification: [" + v4 + ", " + v5 + "]"), coreAPI("specification: [{url: " + v4 + "}, {url: " + v5 + "}]")},
		{"texts and objects", coreAPI("specification: [" + v4 + ", {url: " + v5 + "}]"), coreAPI("specification: [{url: " + v4 + "}, {url: " + v5 + "}]")},
		{"one object for a list", coreAPI("specification: {url: " + v4 + "}"), coreAPI("specification: [{url: " + v4 + "}]")},
		{"an empty specification", coreAPI(`specification: ""`), coreAPI("path: ")},
		{"an empty list of specifications", coreAPI("specification: []"), coreAPI("path: ")},
		{"specifications that say nothing", coreAPI(`specification: [{}, "", null, {resources: [x]}, {url: ""}]`), coreAPI("path: ")},
		{"a number for a specification's version", coreAPI("specification: [{version: 4}]"), coreAPI(`specification: [{version: "4"}]`)},
		{"the URL as the entry's default", coreAPI("url: " + v4 + ", specification: [{path: /o}]"), coreAPI("path: /o, specification: " + v4)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plain := mustRead(t, parse(t, resource("{}", test.plain)))
			odd := mustRead(t, parse(t, resource("{}", test.odd)))
			testcheck.Equal(t, "plain (-) and odd (+)", plain, odd)
		})
	}
}

func TestComponent_Labels(t *testing.T) {
	tests := []struct {
		name   string
		labels string
		want   map[string]string
	}{
		{"none", "", nil},
		{"an empty list", "[]", nil},
		{"foreign ones only", "{app.kubernetes.io/name: x, oda.tmforum.org: x, teams: x}", nil},
		{"nulls only", "{team: , version: {}}", nil},
		{"those that are content", "{oda.tmforum.org/componentName: demo, version: v1, team: teal, domain: shop, tier: x}",
			map[string]string{"oda.tmforum.org/componentName": "demo", "version": "v1", "team": "teal", "domain": "shop"}},
		{"scalars", "{version: 1.5, team: true}", map[string]string{"version": "1.5", "team": "true"}},
		{"an empty value", `{team: ""}`, map[string]string{"team": ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := mustRead(t, parse(t, resource(test.labels, "{}")))
			testcheck.Equal(t, "labels", test.want, got.Labels)
		})
	}
}

func TestComponent_RejectsUnreadableFields(t *testing.T) {
	const meta = "metadata: {namespace: components, name: demo}\n"
	spec := func(text string) string { return meta + "spec: " + text }
	api := func(text string) string { return spec("{coreFunction: {exposedAPIs: [" + text + "]}}") }
	tests := []struct{ name, object, field, problem string }{
		{"no metadata", "spec: {}", "metadata.namespace", "is missing"},
		{"a text for metadata", "metadata: demo", "metadata", "must be an object, not text"},
		{"no namespace", "metadata: {name: demo}\nspec: {}", "metadata.namespace", "is missing"},
		{"no name", "metadata: {namespace: components}\nspec: {}", "metadata.name", "is missing"},
		{"a list for a name", "metadata: {namespace: components, name: [demo]}", "metadata.name", "must be text, not a list"},
		{"a list for the labels", "metadata: {namespace: a, name: b, labels: [team]}", "metadata.labels", "must be an object, not a list"},
		{"an object for a label", "metadata: {namespace: a, name: b, labels: {team: {a: 1}}}", "metadata.labels.team", "must be text, not an object"},
		{"an object for a Canvas label", "metadata: {namespace: a, name: b, labels: {oda.tmforum.org/x: {a: 1}}}", "metadata.labels[oda.tmforum.org/x]", "must be text, not an object"},

		{"no spec", meta, "spec", "is missing"},
		{"a null spec", spec(""), "spec", "is missing"},
		{"a text for the spec", spec("none"), "spec", "must be an object, not text"},
		{"a list for the spec", spec("[1]"), "spec", "must be an object, not a list"},
		{"a text for componentMetadata", spec("{componentMetadata: x}"), "spec.componentMetadata", "must be an object, not text"},
		{"an object for a text", spec("{componentMetadata: {version: {a: 1}}}"), "spec.componentMetadata.version", "must be text, not an object"},
		{"a list for a text in the bare spec", spec("{description: [a]}"), "spec.description", "must be text, not a list"},
		{"a list for a person", spec("{owners: [{name: x}, [y]]}"), "spec.owners[1]", "must be text, not a list"},
		{"a list for a person's name", spec("{owners: [{name: [y]}]}"), "spec.owners[0].name", "must be text, not a list"},
		{"an object in a list of texts", spec("{componentMetadata: {eTom: [a, {b: 1}]}}"), "spec.componentMetadata.eTom[1]", "must be text, not an object"},
		{"an object for a list of texts", spec("{SID: {b: 1}}"), "spec.SID", "must be text, not an object"},

		{"a text for a function", spec("{coreFunction: none}"), "spec.coreFunction", "must be an object, not text"},
		{"a number for a function", spec("{managementFunction: 3}"), "spec.managementFunction", "must be an object, not a number"},
		{"a boolean for a function", spec("{securityFunction: false}"), "spec.securityFunction", "must be an object, not a boolean"},
		{"a full list for a function", spec("{managementFunction: [{exposedAPIs: []}]}"), "spec.managementFunction", "must be an object, not a list"},
		{"a text for exposedAPIs", spec("{coreFunction: {exposedAPIs: orders}}"), "spec.coreFunction.exposedAPIs", "must be a list, not text"},
		{"an object for exposedAPIs", spec("{coreFunction: {exposedAPIs: {name: orders}}}"), "spec.coreFunction.exposedAPIs", "must be a list, not an object"},
		{"a text for an API", api("orders"), "spec.coreFunction.exposedAPIs[0]", "must be an object, not text"},
		{"an API without a name", api("{name: a}, {name: b}, {path: /c}"), "spec.coreFunction.exposedAPIs[2].name", "is missing"},
		{"an API with a blank name", api(`{name: "  "}`), "spec.coreFunction.exposedAPIs[0].name", "is missing"},
		{"an API with a list for a name", api("{name: [a]}"), "spec.coreFunction.exposedAPIs[0].name", "must be text, not a list"},
		{"an API with a name beyond Kubernetes", api("{name: " + strings.Repeat("a", 254) + "}"), "spec.coreFunction.exposedAPIs[0].name", "is longer than 253 characters"},
		{"an object for a path", api("{name: a, path: {b: 1}}"), "spec.coreFunction.exposedAPIs[0].path", "must be text, not an object"},
		{"a word for a port", api("{name: a, port: http}"), "spec.coreFunction.exposedAPIs[0].port", `must be a port from 1 to 65535, not "http"`},
		{"port 0", api("{name: a, port: 0}"), "spec.coreFunction.exposedAPIs[0].port", `must be a port from 1 to 65535, not "0"`},
		{"port 65536", api("{name: a, port: 65536}"), "spec.coreFunction.exposedAPIs[0].port", `must be a port from 1 to 65535, not "65536"`},
		{"a negative port", api("{name: a, port: -1}"), "spec.coreFunction.exposedAPIs[0].port", `must be a port from 1 to 65535, not "-1"`},
		{"a broken port", api("{name: a, port: 80.5}"), "spec.coreFunction.exposedAPIs[0].port", `must be a port from 1 to 65535, not "80.5"`},
		{"a boolean port", api("{name: a, port: true}"), "spec.coreFunction.exposedAPIs[0].port", `must be a port from 1 to 65535, not "true"`},
		{"a list for a port", api("{name: a, port: [80]}"), "spec.coreFunction.exposedAPIs[0].port", "must be text, not a list"},
		{"a number for the specification", api("{name: a, specification: 4}"), "spec.coreFunction.exposedAPIs[0].specification", "must be a URL or an object, not a number"},
		{"a list within the specifications", api("{name: a, specification: [x, [y]]}"), "spec.coreFunction.exposedAPIs[0].specification[1]", "must be a URL or an object, not a list"},
		{"an object for a specification's URL", api("{name: a, specification: [{url: {b: 1}}]}"), "spec.coreFunction.exposedAPIs[0].specification[0].url", "must be text, not an object"},
		{"a specification's port", api("{name: a, specification: {port: 99999}}"), "spec.coreFunction.exposedAPIs[0].specification.port", `must be a port from 1 to 65535, not "99999"`},
		{"a list for the time of creation", "metadata: {namespace: a, name: b, creationTimestamp: [1]}", "metadata.creationTimestamp", "must be text, not a list"},
		{"an object for dependentAPIs", spec("{coreFunction: {dependentAPIs: {name: orders}}}"), "spec.coreFunction.dependentAPIs", "must be a list, not an object"},
		{"a text for a dependency", spec("{securityFunction: {dependentAPIs: [party]}}"), "spec.securityFunction.dependentAPIs[0]", "must be an object, not text"},
		{"a dependency without a name", spec("{managementFunction: {dependentAPIs: [{name: a}, {apiType: openapi}]}}"), "spec.managementFunction.dependentAPIs[1].name", "is missing"},
		{"a number for a dependency's specification", spec("{coreFunction: {dependentAPIs: [{name: a, specification: 4}]}}"), "spec.coreFunction.dependentAPIs[0].specification", "must be a URL or an object, not a number"},
		{"the first of several faults", spec("{id: [1], coreFunction: 3}"), "spec.id", "must be text, not a list"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seen := Component(parse(t, test.object))
			var got *component.FieldError
			if !errors.As(seen.Err, &got) || seen.Component != nil {
				t.Fatalf("got the error %v and the component %v, want a field error alone", seen.Err, seen.Component)
			}
			testcheck.Equal(t, "error", &component.FieldError{Field: test.field, Problem: test.problem}, got)
		})
	}
}

// Maps have no order; a problem that changed with every look would be logged with every look.
func TestComponent_ReportsTheFirstUnreadableLabel(t *testing.T) {
	object := parse(t, resource("{version: {a: 1}, team: {a: 1}, domain: {a: 1}}", "{}"))
	for range 50 {
		if got := Component(object).Err; got == nil || !strings.HasPrefix(got.Error(), "metadata.labels.domain:") {
			t.Fatalf("got the error %v", got)
		}
	}
}

// A resource that cannot be read is still known by name.
func TestComponent_KeepsTheIdentityOnError(t *testing.T) {
	seen := Component(parse(t, "metadata: {namespace: components, name: demo, uid: u1, resourceVersion: 7}\nspec: none"))
	if seen.Namespace != "components" || seen.Name != "demo" || seen.UID != "u1" || seen.ResourceVersion != "7" || seen.Err == nil {
		t.Errorf("got %+v", seen)
	}
}

// Every version of an entry repeats its defaults, and the one status of the entry: 20,000 of them with a long path or
// URL would come to gigabytes.
func TestComponent_LimitsTheSizeOfAPIs(t *testing.T) {
	versions := make([]any, 20_000)
	for i := range versions {
		versions[i] = map[string]any{"version": int64(i)}
	}
	long := strings.Repeat("/orders", 100_000)
	for name, api := range map[string]map[string]any{
		"path":        {"name": "orders", "implementation": "orders", "path": long, "specification": versions},
		"type":        {"name": "orders", "apiType": long, "specification": versions},
		"default URL": {"name": "orders", "url": long, "specification": versions},
		"status":      {"name": "orders", "specification": versions},
		"dependency":  {"name": "orders", "url": long, "specification": versions},
	} {
		t.Run(name, func(t *testing.T) {
			list := "exposedAPIs"
			if name == "dependency" {
				list = "dependentAPIs"
			}
			seen := Component(map[string]any{
				"metadata": map[string]any{"namespace": "components", "name": "demo"},
				"spec":     map[string]any{"coreFunction": map[string]any{list: []any{api}}},
				"status": map[string]any{"coreAPIs": []any{
					map[string]any{"name": "demo-orders", "url": "https://apis.example.org" + long},
				}},
			})
			want := &component.FieldError{Field: "spec", Problem: "its APIs come to more than 4 MiB of text"}
			testcheck.Equal(t, "error", error(want), seen.Err)
		})
	}
}

// A caller may build objects by hand; nothing that an object holds may stop the others.
func TestComponent_AcceptsForeignTypes(t *testing.T) {
	for name, value := range map[string]any{"int": 5, "struct": struct{}{}, "typed map": map[string]string{"a": "b"}} {
		t.Run(name, func(t *testing.T) {
			seen := Component(map[string]any{
				"metadata": map[string]any{"namespace": "components", "name": "demo", "labels": map[string]any{"team": value}},
				"spec":     value,
				"status":   value,
			})
			if seen.Err == nil || !strings.HasPrefix(seen.Err.Error(), "metadata.labels.team: must be text, not a Go ") {
				t.Errorf("got the error %v", seen.Err)
			}
		})
	}
	if seen := Component(nil); seen.Err == nil {
		t.Error("nothing at all was read as a component")
	}
}
