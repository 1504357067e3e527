package normalize

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"odasync/internal/component"
	"odasync/internal/testcheck"
)

// exposedAPI is an ExposedAPI object of the component demo with the given spec and status, both in YAML.
func exposedAPI(t *testing.T, name, spec, status string) APIObject {
	t.Helper()
	return ExposedAPI(parse(t, fmt.Sprintf("metadata: {namespace: components, name: %s, labels: {oda.tmforum.org/componentName: demo}}\nspec: %s\nstatus: %s\n",
		name, spec, status)))
}

func TestComponent_FoldsInItsObjects(t *testing.T) {
	const (
		up   = "{apiStatus: {url: 'http://new', developerUI: 'http://new/docs'}, implementation: {ready: true}}"
		down = "{apiStatus: {url: 'http://new'}, implementation: {ready: false}}"
		one  = "{name: orders, implementation: o, specification: u-v4.0.json}"
		two  = "{name: orders, implementation: o, specification: [u-v4.0.json, u-v5.0.json]}"
		old  = "{coreAPIs: [{name: demo-orders-v4, url: 'http://old', developerUI: 'http://old/docs', ready: true}]}"
		none = "http://o.components.svc"
	)
	type folded struct {
		Object, URL, DeveloperUI string
		Ready                    bool
	}
	tests := []struct {
		name    string
		entries string
		status  string
		objects []APIObject
		want    map[string]folded
	}{
		{"no object", one, old, nil, map[string]folded{"orders": {"demo-orders-v4", "http://old", "http://old/docs", true}}},
		{"before the component's status", one, "", []APIObject{exposedAPI(t, "demo-orders-v4", "{segment: coreFunction, specification: {url: u, version: v4}}", up)},
			map[string]folded{"orders": {"demo-orders-v4", "http://new", "http://new/docs", true}}},
		{"the name alone", one, "", []APIObject{exposedAPI(t, "demo-orders", "{specification: [{url: u}]}", "")},
			map[string]folded{"orders": {Object: "demo-orders", URL: none}}},
		{"an address that changed", one, old, []APIObject{exposedAPI(t, "demo-orders-v4", "", "{apiStatus: {url: 'http://new'}}")},
			map[string]folded{"orders": {"demo-orders-v4", "http://new", "http://old/docs", true}}},
		{"no longer ready", one, old, []APIObject{exposedAPI(t, "demo-orders-v4", "", down)},
			map[string]folded{"orders": {"demo-orders-v4", "http://new", "http://old/docs", false}}},
		{"ready without an address", one, "", []APIObject{exposedAPI(t, "demo-orders-v4", "", "{implementation: {ready: true}}")},
			map[string]folded{"orders": {Object: "demo-orders-v4", URL: none}}},
		{"a name in upper case", one, old, []APIObject{exposedAPI(t, "Demo-Orders-V4", "", "")},
			map[string]folded{"orders": {"Demo-Orders-V4", "http://old", "http://old/docs", true}}},
		{"one of two versions", two, "", []APIObject{exposedAPI(t, "demo-orders-v5", "", up)},
			map[string]folded{"orders-v4": {Object: "demo-orders-v4", URL: none}, "orders-v5": {"demo-orders-v5", "http://new", "http://new/docs", true}}},
		{"another segment", one, "", []APIObject{exposedAPI(t, "demo-orders-v4", "{segment: securityFunction}", up)},
			map[string]folded{"orders": {Object: "demo-orders-v4", URL: none}}},
		{"another API", one, "", []APIObject{exposedAPI(t, "demo-order-v4", "", up)}, map[string]folded{"orders": {Object: "demo-orders-v4", URL: none}}},
		{"odd shapes", one, old, []APIObject{exposedAPI(t, "demo-orders-v4", "odd", "{apiStatus: [1], implementation: {ready: 'true'}}"), ExposedAPI(nil)},
			map[string]folded{"orders": {"demo-orders-v4", "http://old", "http://old/docs", true}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			object := parse(t, resource("{}", "{coreFunction: {exposedAPIs: ["+test.entries+"]}}")+"status: "+test.status)
			before := runtime.DeepCopyJSON(object)
			seen := Component(object, test.objects...)
			if seen.Err != nil {
				t.Fatal(seen.Err)
			}
			if diff := cmp.Diff(before, object); diff != "" {
				t.Errorf("the resource was changed (-before +after):\n%s", diff)
			}
			got := map[string]folded{}
			for _, api := range seen.Component.ExposedAPIs {
				got[api.Name] = folded{api.Object, api.URL, api.DeveloperUI, api.Ready}
			}
			testcheck.Equal(t, "exposed APIs", test.want, got)
		})
	}
}

func TestExposedAPI(t *testing.T) {
	const status = "{apiStatus: {url: 'http://x'}, implementation: {ready: true}}"
	api := exposedAPI(t, "demo-orders", "{segment: core}", status)
	if api.Namespace != "components" || api.Name != "demo-orders" || api.Owner != "demo" || api.segment != component.SegmentCore {
		t.Errorf("got %+v", api)
	}
	if other := exposedAPI(t, "demo-orders", "{segment: coreFunction, port: 1}", status); other != api {
		t.Errorf("an object that says the same differs: %+v, %+v", other, api)
	}
	if other := exposedAPI(t, "demo-orders", "{segment: core}", "{apiStatus: {url: 'http://x'}, implementation: {ready: false}}"); other == api {
		t.Error("an object that is not ready is equal to a ready one")
	}
	testcheck.Equal(t, "owner of an object without the label", "", ExposedAPI(parse(t, "metadata: {namespace: components, name: other}")).Owner)
}
