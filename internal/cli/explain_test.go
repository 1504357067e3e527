package cli_test

import (
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/target"
)

// The fixture explained has components whose events and attempts have fixed times, printed as $T0 to $T2 and, with milliseconds, as
// $T1MS: shop/catalog is applied at the second attempt, shop/orders rejected, shop/gone deleted, and there are two ledgers.
func init() {
	fixtures["explained"] = func(s *script) {
		t, p := s.t, s.p
		at := func(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC) }
		for n, name := range []string{"T0", "T1", "T2"} {
			s.Setenv(name, at(n).Local().Format(time.DateTime))
			s.Setenv(name+"MS", at(n).Local().Format(time.DateTime+".000"))
		}
		publish := func(second int, c *component.Component) event.Event {
			return p.publishEvent(t, event.Upserted(key(c.Namespace, c.Name), component.Observation{UID: "u1", ResourceVersion: "4711", Component: c, Seen: at(second)}))
		}
		publish(0, explained("1.0.0"))
		e := publish(1, explained("1.1.0"))
		p.record(t, target.State{
			Key: e.Key, Sequence: e.Sequence, Outcome: target.OutcomeApplied, Hash: e.Hash, Ref: target.Ref{ID: "3"}, Attempts: 2, Updated: at(2),
			Recent: []target.Attempt{
				{Sequence: e.Sequence, Time: at(1), Seconds: 0.25, Requests: 1, Class: target.ClassUnavailable, Status: 503},
				{Sequence: e.Sequence, Time: at(2), Seconds: 0.031, Requests: 4, Writes: 2},
			},
		})
		e = publish(1, content("shop", "orders", "2.0.0"))
		p.record(t, target.State{
			Key: e.Key, Sequence: e.Sequence, Outcome: target.OutcomeFailed, Reason: target.ClassInvalid, Hash: e.Hash, Attempts: 1, Updated: at(2), DeadLetter: true,
			Error:  "apply default/shop/orders: POST /components/: HTTP 422: body.name: ensure this value has at most 100 characters",
			Recent: []target.Attempt{{Sequence: e.Sequence, Time: at(1), Seconds: 0.002, Requests: 2, Class: target.ClassInvalid, Status: 422}},
		})
		publish(0, &component.Component{Namespace: "shop", Name: "gone"})
		e = p.publishEvent(t, event.Tombstone(key("shop", "gone"), "u1", "4712", at(1)))
		p.record(t, target.State{Key: e.Key, Sequence: e.Sequence, Outcome: target.OutcomeDeleted, Updated: at(2)})
		for _, namespace := range []string{"shop", "back-office"} {
			publish(0, &component.Component{Namespace: namespace, Name: "ledger"})
		}
	}
}

// explained is a component with everything that describe shows.
func explained(version string) *component.Component {
	return &component.Component{
		Namespace: "shop", Name: "catalog", DeploymentStatus: "Complete", Created: "2026-01-02T03:00:00Z",
		Labels: map[string]string{"team": "red", "domain": "sales"},
		Metadata: component.Metadata{
			ID: "TMFC001", Version: version, Description: "Offers and prices", FunctionalBlock: "CoreCommerce",
		},
		ExposedAPIs: []component.ExposedAPI{
			{
				Name: "productcatalog", Entry: "productcatalog", Segment: component.SegmentCore, Version: "v4", Type: "openapi", Ready: true,
				URL: "https://api.example.org/shop/tmf-api/productCatalogManagement/v4", DeveloperUI: "https://api.example.org/shop/docs",
				Specifications: []component.Specification{{URL: "https://specs.example.org/TMF620-ProductCatalog-v4.0.0.json", Version: "4.0.0"}},
			},
			{Name: "metrics", Entry: "metrics", Segment: component.SegmentManagement, Type: "prometheus", Specifications: []component.Specification{{URL: "https://specs.example.org/metrics.json"}}},
		},
		DependentAPIs: []component.DependentAPI{{Name: "party", Segment: component.SegmentCore, URL: "https://api.example.org/party", Ready: true}},
	}
}
