package normalize

import (
	"testing"

	"odasync/internal/testcheck"
)

// joined is what an API has from its status.
type joined struct {
	URL, DeveloperUI string
	Ready            bool
}

func TestComponent_JoinsTheStatus(t *testing.T) {
	const (
		one    = "{name: Orders, implementation: o, specification: u-v4.0.json}"
		two    = "{name: orders, implementation: o, specification: [u-v4.0.json, u-v5.0.json]}"
		three  = "{name: orders, implementation: o, specification: [u-v4.0.json, u-v5.0.json, u.json]}"
		inside = "http://o.components.svc"
	)
	pending := joined{URL: inside}
	tests := []struct {
		name    string
		entries string
		status  string
		want    map[string]joined
	}{
		{"no status", one, "", map[string]joined{"Orders": pending}},
		{"no entry", one, "{coreAPIs: []}", map[string]joined{"Orders": pending}},
		{"another API's entry", one, "{coreAPIs: [{name: demo-order, url: 'http://x', ready: true}]}", map[string]joined{"Orders": pending}},
		{"another segment's entry", one, "{securityAPIs: [{name: demo-orders, url: 'http://x', ready: true}]}", map[string]joined{"Orders": pending}},
		{"ready", one, "{coreAPIs: [{name: demo-orders, url: 'http://x', developerUI: 'http://x/docs', ready: true}]}",
			map[string]joined{"Orders": {"http://x", "http://x/docs", true}}},
		{"not ready", one, "{coreAPIs: [{name: demo-orders, url: 'http://x', ready: false}]}",
			map[string]joined{"Orders": {URL: "http://x"}}},
		{"ready without a URL", one, "{coreAPIs: [{name: demo-orders, ready: true}]}", map[string]joined{"Orders": pending}},
		{"names in upper case", one, "{coreAPIs: [{name: DEMO-ORDERS, url: 'http://x'}]}", map[string]joined{"Orders": {URL: "http://x"}}},
		{"the longer name first", one,
			"{coreAPIs: [{name: demo-orders, url: 'http://old', ready: true}, {name: demo-orders-v4, url: 'http://x'}]}",
			map[string]joined{"Orders": {URL: "http://x"}}},
		{"the longer name without a URL", one,
			"{coreAPIs: [{name: demo-orders, url: 'http://old', ready: true}, {name: demo-orders-v4}]}",
			map[string]joined{"Orders": pending}},
		{"the first of two entries", one,
			"{coreAPIs: [{name: demo-orders, url: 'http://x'}, {name: demo-orders, url: 'http://y', ready: true}]}",
			map[string]joined{"Orders": {URL: "http://x"}}},

		{"an entry for each version", two,
			"{coreAPIs: [{name: demo-orders-v5, url: 'http://5'}, {name: demo-orders-v4, url: 'http://4', ready: true}]}",
			map[string]joined{"orders-v4": {URL: "http://4", Ready: true}, "orders-v5": {URL: "http://5"}}},
		{"one entry for all versions", two, "{coreAPIs: [{name: demo-orders, url: 'http://x', ready: true}]}",
			map[string]joined{"orders-v4": {URL: "http://x", Ready: true}, "orders-v5": {URL: "http://x", Ready: true}}},
		{"a version that is not there yet", two,
			"{coreAPIs: [{name: demo-orders-v4, url: 'http://4', ready: true}, {name: demo-orders, url: 'http://old', ready: true}]}",
			map[string]joined{"orders-v4": {URL: "http://4", Ready: true}, "orders-v5": pending}},
		{"an API without a version beside versions", three,
			"{coreAPIs: [{name: demo-orders-v4, url: 'http://4'}, {name: demo-orders-v5, url: 'http://5'}, {name: demo-orders, url: 'http://x', ready: true}]}",
			map[string]joined{"orders-v4": {URL: "http://4"}, "orders-v5": {URL: "http://5"}, "orders": {URL: "http://x", Ready: true}}},
		{"a version that the spec lacks", one, "{coreAPIs: [{name: demo-orders-v5, url: 'http://5', ready: true}]}",
			map[string]joined{"Orders": pending}},

		// What cannot be read is absent, and the component stays.
		{"a text for the status", one, "odd", map[string]joined{"Orders": pending}},
		{"a text for the list", one, "{coreAPIs: odd}", map[string]joined{"Orders": pending}},
		{"an object for the list", one, "{coreAPIs: {name: demo-orders, url: 'http://x', ready: true}}", map[string]joined{"Orders": pending}},
		{"odd entries beside a good one", one,
			"{coreAPIs: [null, 7, odd, [], {}, {name: 5, url: 'http://y'}, {name: [demo-orders]}, {name: demo-orders, url: 'http://x', ready: true}]}",
			map[string]joined{"Orders": {URL: "http://x", Ready: true}}},
		{"a text for ready", one, "{coreAPIs: [{name: demo-orders, url: 'http://x', ready: 'true'}]}", map[string]joined{"Orders": {URL: "http://x"}}},
		{"a number for ready", one, "{coreAPIs: [{name: demo-orders, url: 'http://x', ready: 1}]}", map[string]joined{"Orders": {URL: "http://x"}}},
		{"a number for the URL", one, "{coreAPIs: [{name: demo-orders, url: 5, ready: true}]}", map[string]joined{"Orders": pending}},
		{"a relative URL", one, "{coreAPIs: [{name: demo-orders, url: /orders, developerUI: /docs, ready: true}]}", map[string]joined{"Orders": pending}},
		{"an object for the developerUI", one, "{coreAPIs: [{name: demo-orders, url: 'http://x', developerUI: {}, ready: true}]}",
			map[string]joined{"Orders": {URL: "http://x", Ready: true}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := map[string]joined{}
			for _, api := range coreAPIs(t, test.entries, test.status) {
				got[api.Name] = joined{api.URL, api.DeveloperUI, api.Ready}
			}
			testcheck.Equal(t, "joined status", test.want, got)
		})
	}
}

func TestComponent_NamesTheObject(t *testing.T) {
	const two = "{name: Orders, specification: [u-v4.0.json, u-v5.0.json]}"
	tests := []struct {
		name    string
		entries string
		status  string
		want    map[string]string
	}{
		{"no status and no version", "{name: Orders}", "", map[string]string{"Orders": "demo-orders"}},
		{"no status, and one version", "{name: Orders, specification: u-v4.0.json}", "", map[string]string{"Orders": "demo-orders-v4"}},
		{"no status, and two versions", two, "", map[string]string{"Orders-v4": "demo-orders-v4", "Orders-v5": "demo-orders-v5"}},
		{"a status without the version", "{name: Orders, specification: u-v4.0.json}", "{coreAPIs: [{name: demo-orders}]}",
			map[string]string{"Orders": "demo-orders"}},
		{"a status with the version", "{name: Orders, specification: u-v4.0.json}", "{coreAPIs: [{name: demo-orders-v4}]}",
			map[string]string{"Orders": "demo-orders-v4"}},
		{"a name in upper case", "{name: orders}", "{coreAPIs: [{name: Demo-Orders}]}", map[string]string{"orders": "Demo-Orders"}},
		{"one object for two versions", two, "{coreAPIs: [{name: demo-orders}]}",
			map[string]string{"Orders-v4": "demo-orders", "Orders-v5": "demo-orders"}},
		{"an object of one of two versions", two, "{coreAPIs: [{name: demo-orders}, {name: demo-orders-v5}]}",
			map[string]string{"Orders-v4": "demo-orders-v4", "Orders-v5": "demo-orders-v5"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := map[string]string{}
			for _, api := range coreAPIs(t, test.entries, test.status) {
				got[api.Name] = api.Object
			}
			testcheck.Equal(t, "names of objects", test.want, got)
		})
	}
}

func TestComponent_DeploymentStatus(t *testing.T) {
	tests := []struct{ name, status, want string }{
		{"none", "", ""},
		{"complete", "{summary/status: {deployment_status: Complete}}", "Complete"},
		{"a word of its own", "{summary/status: {deployment_status: In-Progress-DepApi, coreAPIsummary: x}}", "In-Progress-DepApi"},
		{"no word", "{summary/status: {}}", ""},
		{"a text for the summary", "{summary/status: Complete}", ""},
		{"an object for the word", "{summary/status: {deployment_status: {a: 1}}}", ""},
		{"a flat key", "{summary/status.deployment_status: Complete}", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := mustRead(t, parse(t, resource("{}", "{}")+"status: "+test.status))
			testcheck.Equal(t, "deployment status", test.want, got.DeploymentStatus)
		})
	}
}
