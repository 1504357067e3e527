package component

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"odasync/internal/testcheck"
)

func sample() *Component {
	return &Component{
		Namespace: "components",
		Name:      "demo",
		Labels:    map[string]string{"version": "1", "oda.tmforum.org/componentName": "demo", "domain": "shop"},
		Metadata: Metadata{
			ID: "TMFC901", Version: "1.0.0", SID: []string{"Offer"},
			Owners: []Person{{Name: "Ada Example", Email: "ada@example.org"}},
			Fields: map[string]json.RawMessage{"tier": json.RawMessage(`"<gold>"`), "hours": json.RawMessage(`9007199254740993`)},
		},
		DeploymentStatus: "Complete",
		Created:          "2025-05-01T14:28:21Z",
		ExposedAPIs: []ExposedAPI{
			{Name: "roles", Entry: "roles", Segment: SegmentSecurity},
			{Name: "metrics", Entry: "metrics", Segment: SegmentManagement, Type: "prometheus"},
			{Name: "offers-v5", Entry: "offers", Segment: SegmentCore, Version: "v5"},
			{
				Name: "offers-v4", Entry: "offers", Segment: SegmentCore, Object: "demo-offers-v4", Version: "v4", Type: "openapi",
				Specifications: []Specification{{URL: "https://specs.example.org/o.json", Version: "4.0.0"}},
				Implementation: "demo-offers", URL: "https://apis.example.org/o?a=1&b=<2>", Ready: true,
			},
		},
		DependentAPIs: []DependentAPI{
			{Name: "users", Segment: SegmentSecurity, Ready: true},
			{Name: "stock", Segment: SegmentCore, Type: "openapi", Specifications: []Specification{{URL: "https://specs.example.org/s.json"}}, URL: "https://apis.example.org/s"},
		},
	}
}

// The bytes and their hash are stored in logs and registries that outlive a program: they may only change together
// with the version of the wire format.
func TestComponent_CanonicalIsStable(t *testing.T) {
	const want = `{"namespace":"components","name":"demo",` +
		`"labels":{"domain":"shop","oda.tmforum.org/componentName":"demo","version":"1"},` +
		`"metadata":{"id":"TMFC901","version":"1.0.0","owners":[{"name":"Ada Example","email":"ada@example.org"}],"SID":["Offer"],` +
		`"fields":{"hours":9007199254740993,"tier":"<gold>"}},` +
		`"deploymentStatus":"Complete","created":"2025-05-01T14:28:21Z","exposedAPIs":[` +
		`{"name":"offers-v4","entry":"offers","segment":"core","object":"demo-offers-v4","version":"v4","type":"openapi",` +
		`"specifications":[{"url":"https://specs.example.org/o.json","version":"4.0.0"}],` +
		`"implementation":"demo-offers","url":"https://apis.example.org/o?a=1&b=<2>","ready":true},` +
		`{"name":"offers-v5","entry":"offers","segment":"core","version":"v5","ready":false},` +
		`{"name":"metrics","entry":"metrics","segment":"management","type":"prometheus","ready":false},` +
		`{"name":"roles","entry":"roles","segment":"security","ready":false}],` +
		`"dependentAPIs":[{"name":"stock","segment":"core","type":"openapi","specifications":[{"url":"https://specs.example.org/s.json"}],` +
		`"url":"https://apis.example.org/s","ready":false},{"name":"users","segment":"security","ready":true}]}`
	got := sample().Canonical()
	testcheck.Equal(t, "canonical form", want, string(got))
	const hash = "cc154fd8d18d16f7b2a5bee8f7958c0ab0e5b105b0e291e719c8b5ef9438b434"
	testcheck.Equal(t, "the hash", hash, Hash(got))
}

func TestComponent_CanonicalIgnoresOrder(t *testing.T) {
	want := string(sample().Canonical())
	turned := sample()
	slices.Reverse(turned.ExposedAPIs)
	slices.Reverse(turned.DependentAPIs)
	testcheck.Equal(t, "canonical form of the reversed lists", want, string(turned.Canonical()))
	testcheck.Equal(t, "a second time", want, string(turned.Canonical()))
}

func TestComponent_CanonicalTakesEmptyForAbsent(t *testing.T) {
	absent := &Component{Namespace: "a", Name: "b"}
	empty := &Component{
		Namespace: "a", Name: "b", Labels: map[string]string{}, ExposedAPIs: []ExposedAPI{}, DependentAPIs: []DependentAPI{},
		Metadata: Metadata{Maintainers: []Person{}, ETOM: []string{}, Fields: map[string]json.RawMessage{}},
	}
	testcheck.Equal(t, "canonical form, absent (-) and empty (+)", string(absent.Canonical()), string(empty.Canonical()))
}

func TestHash_FollowsContent(t *testing.T) {
	changes := map[string]func(*Component){
		"nothing":           func(*Component) {},
		"namespace":         func(c *Component) { c.Namespace = "other" },
		"name":              func(c *Component) { c.Name = "other" },
		"a label":           func(c *Component) { c.Labels["domain"] = "other" },
		"a label more":      func(c *Component) { c.Labels["team"] = "" },
		"the version":       func(c *Component) { c.Metadata.Version = "1.0.1" },
		"an owner's mail":   func(c *Component) { c.Metadata.Owners[0].Email = "" },
		"deployment status": func(c *Component) { c.DeploymentStatus = "" },
		"an API less":       func(c *Component) { c.ExposedAPIs = c.ExposedAPIs[1:] },
		"an API's segment":  func(c *Component) { c.ExposedAPIs[1].Segment = SegmentCore },
		"an API's URL":      func(c *Component) { c.ExposedAPIs[3].URL = "" },
		"readiness":         func(c *Component) { c.ExposedAPIs[3].Ready = false },
		"an object's name":  func(c *Component) { c.ExposedAPIs[3].Object = "" },
		"the creation":      func(c *Component) { c.Created = "" },
		"another field":     func(c *Component) { c.Metadata.Fields["hours"] = json.RawMessage("24") },
		"a dependency less": func(c *Component) { c.DependentAPIs = c.DependentAPIs[1:] },
		"a dependency":      func(c *Component) { c.DependentAPIs[1].Ready = true },
		"a specification":   func(c *Component) { c.ExposedAPIs[3].Specifications = nil },
	}
	seen := map[string]string{}
	for name, change := range changes {
		c := sample()
		change(c)
		hash := Hash(c.Canonical())
		if other, found := seen[hash]; found {
			t.Errorf("changing %s and changing %s give one hash", name, other)
		}
		seen[hash] = name
	}
}

func TestKey(t *testing.T) {
	sorted := []Key{
		{"a", "n", "x"}, {"a", "n", "y"}, {"a", "n.b", "a"}, {"a", "o", "a"}, {"b", "a", "a"},
	}
	for i, k := range sorted {
		for j, other := range sorted {
			got, want := k.Compare(other), 0
			if i != j {
				want = map[bool]int{true: -1, false: 1}[i < j]
			}
			testcheck.Equal(t, fmt.Sprintf("comparing %v with %v", k, other), want, got)
		}
	}
	testcheck.Equal(t, "the last when sorted", "a/n.b/a", sorted[2].String())
}

func TestFieldError(t *testing.T) {
	err := error(&FieldError{Field: "spec.coreFunction.exposedAPIs[2].name", Problem: "is missing"})
	if got, want := err.Error(), "spec.coreFunction.exposedAPIs[2].name: is missing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
