package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/testcheck"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// wireForm is what the golden files hold.
const wireForm = "the wire form, which other programs read"

// seen is a moment with all the digits that a header can carry.
var seen = time.Date(2026, 3, 4, 5, 6, 7, 890_123_456, time.FixedZone("", 2*3600))

func catalog() *component.Component {
	return &component.Component{
		Namespace: "components",
		Name:      "prod-productcatalog",
		Labels:    map[string]string{"team": "catalog", "oda.tmforum.org/componentName": "productcatalog"},
		Metadata: component.Metadata{
			ID: "TMFC001", Name: "productcatalog", Version: "1.2.0", Description: `Offers, "bundles" & prices`,
			FunctionalBlock: "CoreCommerce", PublicationDate: "2026-01-15T00:00:00.000Z", Status: "specified",
			Maintainers: []component.Person{{Name: "Ada Example", Email: "ada@example.org"}},
			Owners:      []component.Person{{Name: "Åsa Example"}},
			ETOM:        []string{"1.2.7"}, SID: []string{"Product"}, FunctionalFramework: []string{"410"},
			Fields: map[string]json.RawMessage{"support": json.RawMessage(`{"page":"https://example.org/?a=1&b=<2>","since":9007199254740993}`)},
		},
		DeploymentStatus: "Complete",
		Created:          "2026-01-15T08:00:00Z",
		ExposedAPIs: []component.ExposedAPI{
			{
				Name: "metrics", Entry: "metrics", Segment: component.SegmentManagement, Object: "prod-productcatalog-metrics", Type: "prometheus",
				Implementation: "catalog-metrics", URL: "http://catalog-metrics.components:4000/metrics",
			},
			{
				Name: "productcatalogmanagement", Entry: "productcatalogmanagement", Segment: component.SegmentCore,
				Object: "prod-productcatalog-productcatalogmanagement-v4", Version: "v4", Type: "openapi",
				Specifications: []component.Specification{{URL: "https://example.org/TMF620-v4.json", Version: "4.1.0"}},
				Implementation: "catalog-api", URL: "https://example.org/tmf-api/productCatalogManagement/v4",
				DeveloperUI: "https://example.org/docs", Ready: true,
			},
		},
		DependentAPIs: []component.DependentAPI{
			{Name: "userroles", Segment: component.SegmentSecurity},
			{
				Name: "party", Segment: component.SegmentCore, Type: "openapi",
				Specifications: []component.Specification{{URL: "https://example.org/TMF632-v4.json"}}, URL: "https://example.org/party", Ready: true,
			},
		},
	}
}

func TestGolden(t *testing.T) {
	key := component.Key{Cluster: "edge-1", Namespace: "components", Name: "prod-productcatalog"}
	traced := event.Tombstone(key, "", "", seen)
	traced.Trace = event.Trace{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "vendor=1"}
	odd := component.Key{Cluster: "Nürnberg 1", Namespace: "components", Name: "prod.v1.catalog=100%"}
	tests := map[string]struct {
		event    event.Event
		expected uint64
	}{
		"upsert": {
			event.Upserted(key, component.Observation{
				UID: "0b5cf3a5-8a4c-4c1f-8c6f-2f6c3c1de0aa", ResourceVersion: "18446744073709551616", Seen: seen, Component: catalog(),
			}), 41,
		},
		"upsert-bare": {
			event.Upserted(key, component.Observation{Seen: seen, Component: &component.Component{Namespace: key.Namespace, Name: key.Name}}), 0,
		},
		"upsert-odd-names": {
			event.Upserted(odd, component.Observation{
				UID: "u", ResourceVersion: "7", Seen: seen, Component: &component.Component{Namespace: odd.Namespace, Name: odd.Name},
			}), 0,
		},
		"tombstone":          {event.Tombstone(key, "0b5cf3a5-8a4c-4c1f-8c6f-2f6c3c1de0aa", "99", seen), 42},
		"tombstone-inferred": {event.Tombstone(key, "", "", seen), 43},
		"traced":             {traced, 45},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			testcheck.Golden(t, wireForm, filepath.Join("testdata", name+".golden"), render(event.Encode(test.event, test.expected)), *update)
		})
	}
}

// render writes a message for people: subject, headers in order, body.
func render(m event.Message) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", m.Subject)
	for _, key := range slices.Sorted(maps.Keys(m.Header)) {
		for _, value := range m.Header[key] {
			fmt.Fprintf(&b, "%s: %s\n", key, value)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", m.Data)
	return b.Bytes()
}
