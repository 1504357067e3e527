package component_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"odasync/internal/component"
	"odasync/internal/testcheck"
)

// full has a value in every field.
func full() *component.Component {
	people := func() []component.Person { return []component.Person{{Name: "Ada", Email: "ada@example.org"}} }
	return &component.Component{
		Namespace: "shop", Name: "catalog", Terminating: true, Labels: map[string]string{"team": "red", "oda.tmforum.org/site": "north"},
		Metadata: component.Metadata{
			ID: "TMFC001", Name: "catalog", Version: "1.0.0", Description: "d", FunctionalBlock: "f", PublicationDate: "p", Status: "s",
			Maintainers: people(), Owners: people(), ETOM: []string{"e"}, SID: []string{"s"}, FunctionalFramework: []string{"f"},
			Fields: map[string]json.RawMessage{"hours": json.RawMessage("24")},
		},
		DeploymentStatus: "In-Progress", Created: "2025-05-01T14:28:21Z",
		ExposedAPIs: []component.ExposedAPI{
			{
				Name: "orders", Entry: "orders", Segment: component.SegmentCore, Object: "catalog-orders", Version: "v4", Type: "openapi", Implementation: "i",
				Specifications: []component.Specification{{URL: "http://spec", Version: "4"}}, URL: "http://orders", DeveloperUI: "http://ui",
			},
			{Name: "metrics", Entry: "metrics", Segment: component.SegmentManagement},
		},
		DependentAPIs: []component.DependentAPI{
			{Name: "stock", Segment: component.SegmentCore, Type: "openapi", Specifications: []component.Specification{{URL: "http://spec", Version: "4"}}, URL: "http://stock"},
			{Name: "users", Segment: component.SegmentSecurity},
		},
	}
}

func TestChanges(t *testing.T) {
	tests := map[string]struct {
		change func(*component.Component)
		want   []component.Change
	}{
		"nothing":         {func(*component.Component) {}, nil},
		"the order":       {func(c *component.Component) { c.ExposedAPIs[0], c.ExposedAPIs[1] = c.ExposedAPIs[1], c.ExposedAPIs[0] }, nil},
		"version, status": {func(c *component.Component) { c.Metadata.Version, c.DeploymentStatus = "1.1.0", "Complete" }, []component.Change{{"deploymentStatus", "In-Progress", "Complete"}, {"metadata.version", "1.0.0", "1.1.0"}}},
		"terminating":     {func(c *component.Component) { c.Terminating = false }, []component.Change{{"terminating", "true", ""}}},
		"labels": {func(c *component.Component) { c.Labels = map[string]string{"team": "blue", "domain": "x"} }, []component.Change{
			{"label domain", "", "x"}, {"label oda.tmforum.org/site", "north", ""}, {"label team", "red", "blue"},
		}},
		"a person": {func(c *component.Component) { c.Metadata.Owners[0].Name = "Bob" }, []component.Change{{"metadata.owners[0].name", "Ada", "Bob"}}},
		"an API's fields": {func(c *component.Component) { c.ExposedAPIs[0].Ready, c.ExposedAPIs[1].URL = true, "http://m" }, []component.Change{
			{"api management/metrics url", "", "http://m"}, {"api orders ready", "false", "true"},
		}},
		"an API moved": {func(c *component.Component) { c.ExposedAPIs[1].Segment = component.SegmentSecurity }, []component.Change{
			{"api management/metrics", component.Present, ""}, {"api security/metrics", "", component.Present},
		}},
		"a field that is not typed": {func(c *component.Component) { c.Metadata.Fields["hours"] = json.RawMessage(`{"a":[1]}`) }, []component.Change{
			{"metadata.fields.hours", "24", `{"a":[1]}`},
		}},
		"dependencies": {func(c *component.Component) { c.DependentAPIs[0].Ready, c.DependentAPIs[1].Name = true, "roles" }, []component.Change{
			{"dependency security/roles", "", component.Present}, {"dependency security/users", component.Present, ""}, {"dependency stock ready", "false", "true"},
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			after := full()
			test.change(after)
			testcheck.Equal(t, "changes", test.want, component.Changes(full(), after))
		})
	}
}

// TestChanges_CompareEveryField empties one field after the other.
func TestChanges_CompareEveryField(t *testing.T) {
	empties := 0
	var each func(at func(*component.Component) reflect.Value, path string)
	each = func(at func(*component.Component) reflect.Value, path string) {
		value := at(full())
		switch {
		case value.Kind() == reflect.Struct:
			for i := range value.NumField() {
				each(func(c *component.Component) reflect.Value { return at(c).Field(i) }, path+"."+value.Type().Field(i).Name)
			}
		case value.Kind() == reflect.Slice:
			each(func(c *component.Component) reflect.Value { return at(c).Index(0) }, path)
		case !value.IsZero():
			changed := full()
			at(changed).SetZero()
			empties++
			if len(component.Changes(full(), changed)) == 0 {
				t.Errorf("%s is not compared", path)
			}
		case value.Kind() != reflect.Bool:
			t.Errorf("%s is empty: give it a value", path)
		}
	}
	each(func(c *component.Component) reflect.Value { return reflect.ValueOf(c).Elem() }, "component")
	testcheck.AtLeast(t, "fields tried", 25, empties)
}
