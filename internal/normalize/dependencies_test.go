package normalize

import (
	"testing"

	"odasync/internal/component"
	"odasync/internal/testcheck"
)

func TestComponent_DependentAPIs(t *testing.T) {
	const v4, v5 = "https://specs.example.org/stock-v4.0.0.json", "https://specs.example.org/stock-v5.0.0.json"
	tests := []struct {
		name    string
		entries string
		status  string
		want    []component.DependentAPI
	}{
		{"none", "", "", nil},
		{"no status", "{name: Stock, apiType: openapi, specification: [{url: " + v4 + ", version: 4.0.1}]}", "",
			[]component.DependentAPI{{Name: "Stock", Type: "openapi", Specifications: []component.Specification{{URL: v4, Version: "4.0.1"}}}}},
		{"resolved", "{name: Stock}", "{name: demo-stock, uid: u, ready: true, url: 'https://apis.example.org/stock'}",
			[]component.DependentAPI{{Name: "Stock", URL: "https://apis.example.org/stock", Ready: true}}},
		{"resolved without an address", "{name: stock}", "{name: demo-stock, ready: true}", []component.DependentAPI{{Name: "stock", Ready: true}}},
		{"not resolved", "{name: stock}", "{name: demo-stock, ready: false}", []component.DependentAPI{{Name: "stock"}}},
		{"a text for ready", "{name: stock}", "{name: demo-stock, ready: 'true'}", []component.DependentAPI{{Name: "stock"}}},
		{"names in upper case", "{name: stock}", "{name: DEMO-STOCK, ready: true}", []component.DependentAPI{{Name: "stock", Ready: true}}},
		{"a bare name", "{name: stock}", "{name: Stock, ready: true}", []component.DependentAPI{{Name: "stock", Ready: true}}},
		{"another dependency's status", "{name: stock}", "{name: demo-stocks, ready: true}", []component.DependentAPI{{Name: "stock"}}},
		{"the name with a version first", "{name: stock, specification: " + v4 + "}",
			"{name: stock, ready: false}, {name: demo-stock, ready: false}, {name: demo-stock-v4, ready: true}",
			[]component.DependentAPI{{Name: "stock", Specifications: []component.Specification{{URL: v4}}, Ready: true}}},
		{"the component's name before the bare one", "{name: stock}", "{name: stock, ready: true}, {name: demo-stock, ready: false}",
			[]component.DependentAPI{{Name: "stock"}}},
		{"one name twice", "{name: Stock, specification: " + v4 + "}, {name: stock, apiType: openapi, specification: " + v5 + "}", "",
			[]component.DependentAPI{{Name: "Stock", Type: "openapi", Specifications: []component.Specification{{URL: v4}, {URL: v5}}}}},
		{"odd entries of the status", "{name: stock}", "null, 7, odd, {name: 5}, {name: demo-stock, ready: true, url: /relative}",
			[]component.DependentAPI{{Name: "stock", Ready: true}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, block := range functionBlocks {
				object := parse(t, resource("{}", "{"+block.function+": {dependentAPIs: ["+test.entries+"]}}")+
					"status: {"+block.dependentStatus+": ["+test.status+"]}")
				for i := range test.want {
					test.want[i].Segment = block.segment
				}
				testcheck.Equal(t, string(block.segment), test.want, mustRead(t, object).DependentAPIs)
			}
		})
	}
}
