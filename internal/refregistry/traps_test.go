package refregistry

import (
	"fmt"
	"testing"
)

func TestTrapLimitDefaultsToHundred(t *testing.T) {
	_, c := start(t, Config{})
	for i := range 101 {
		c.label("n", fmt.Sprint(i))
	}
	same(t, 100, len(must[[]labelRow](c, 200, "GET", "/labels/", "")))
	same(t, 101, len(must[[]labelRow](c, 200, "GET", "/labels/?limit=1000", "")))
	same(t, 1, len(must[[]labelRow](c, 200, "GET", "/labels/?skip=100", "")))
}

func TestTrapLimitAboveThousandIsRefusedNotCapped(t *testing.T) {
	_, c := start(t, Config{})
	for _, path := range []string{"/labels/", "/registries/", "/components/", "/exposed-apis/"} {
		must[any](c, 422, "GET", path+"?limit=1001", "")
		must[any](c, 200, "GET", path+"?limit=1000", "")
	}
}

func TestTrapCreationsShowNoLabels(t *testing.T) {
	_, c := start(t, Config{})
	c.label("team", "blue")
	tests := []struct{ name, path, body string }{
		{"registry", "/registries/", `{"name":"self","type":"self","url":"u","label_ids":[1]}`},
		{"component", "/components/", `{"registry_name":"self","name":"catalog","label_ids":[1]}`},
		{"API", "/exposed-apis/", `{"registry_name":"self","component_name":"catalog","name":"a","url":"u","label_ids":[1]}`},
	}
	type labelled struct {
		Labels []labelRow `json:"labels"`
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			created := must[labelled](c, 201, "POST", tt.path, tt.body)
			if created.Labels == nil || len(created.Labels) != 0 {
				t.Errorf("201 shows labels %v, want []", created.Labels)
			}
			stored := must[labelled](c, 200, "GET", tt.path+"1", "")
			if len(stored.Labels) != 1 || stored.Labels[0].ID != 1 {
				t.Errorf("stored labels %v, want label 1", stored.Labels)
			}
		})
	}
}

func TestTrapComponentDeletionLeavesItsAPIs(t *testing.T) {
	_, c := start(t, Config{})
	seed(c)
	must[any](c, 204, "DELETE", "/components/1", "")
	apis := must[[]apiView](c, 200, "GET", "/exposed-apis/?registry_name=self&component_name=catalog", "")
	same(t, []string{"tmf620", "metrics"}, names(apis, apiName))

	// A component created again under the name finds them as its own.
	c.component("self", "catalog")
	c.api("self", "catalog", "tmf620")
	apis = must[[]apiView](c, 200, "GET", "/exposed-apis/?registry_name=self&component_name=catalog", "")
	same(t, []string{"tmf620", "metrics", "tmf620"}, names(apis, apiName))
}

func TestTrapRepeatedPostDuplicatesAPI(t *testing.T) {
	s, c := start(t, Config{})
	c.registry("self")
	c.component("self", "catalog")
	first, second := c.api("self", "catalog", "a"), c.api("self", "catalog", "a")
	if first == second {
		t.Fatalf("both answers have id %d", first)
	}
	same(t, 2, len(s.Snapshot().APIs))
}

func TestTrapLoneFilterIsIgnored(t *testing.T) {
	_, c := start(t, Config{})
	seed(c)
	for _, query := range []string{"registry_name=up", "component_name=none", "registry_name=up&component_name="} {
		apis := must[[]apiView](c, 200, "GET", "/exposed-apis/?"+query, "")
		same(t, []string{"tmf620", "metrics", "tmf637"}, names(apis, apiName))
	}
}

func TestTrapStatusIsIgnoredBesideThePair(t *testing.T) {
	_, c := start(t, Config{})
	seed(c)
	must[any](c, 200, "PATCH", "/exposed-apis/1/status", `{"status":"ready"}`)
	apis := must[[]apiView](c, 200, "GET", "/exposed-apis/?status=ready", "")
	same(t, []string{"tmf620"}, names(apis, apiName))
	apis = must[[]apiView](c, 200, "GET", "/exposed-apis/?status=ready&registry_name=self&component_name=catalog", "")
	same(t, []string{"tmf620", "metrics"}, names(apis, apiName))
}

func TestTrapLabelDeletionDangles(t *testing.T) {
	_, c := start(t, Config{})
	seed(c)
	must[any](c, 204, "DELETE", "/labels/1", "")
	got := must[componentView](c, 200, "GET", "/components/1", "")
	same(t, []string{"domain"}, names(got.Labels, func(l labelRow) string { return l.Key }))
	// An item must not be given the dangling id again, nor does the id come back.
	must[any](c, 400, "PUT", "/components/1", `{"label_ids":[1,2]}`)
	if id := c.label("team", "blue"); id != 3 {
		t.Errorf("label created after the deletion has id %d, want 3", id)
	}
	got = must[componentView](c, 200, "GET", "/components/1", "")
	same(t, 1, len(got.Labels))
}

func TestTrapRenameCutsAPIsOff(t *testing.T) {
	_, c := start(t, Config{})
	seed(c)
	must[any](c, 200, "PUT", "/components/1", `{"name":"renamed"}`)
	same(t, 0, len(must[[]apiView](c, 200, "GET", "/exposed-apis/?registry_name=self&component_name=renamed", "")))
	same(t, 2, len(must[[]apiView](c, 200, "GET", "/exposed-apis/?registry_name=self&component_name=catalog", "")))
}

func TestTrapUpdatesDoNotCheckUniqueness(t *testing.T) {
	_, c := start(t, Config{})
	seed(c)
	must[any](c, 200, "PUT", "/components/2", `{"name":"catalog"}`)
	same(t, 2, len(must[[]componentView](c, 200, "GET", "/components/", "")))
	must[any](c, 200, "PUT", "/labels/2", `{"key":"team","value":"blue"}`)
	// The pair is still taken after one of its two rows is gone.
	must[any](c, 204, "DELETE", "/components/1", "")
	must[any](c, 400, "POST", "/components/", `{"registry_name":"self","name":"catalog"}`)
	must[any](c, 204, "DELETE", "/labels/1", "")
	must[any](c, 400, "POST", "/labels/", `{"key":"team","value":"blue"}`)
}

func TestTrapRegistryDeletionOrphansItsComponents(t *testing.T) {
	_, c := start(t, Config{})
	seed(c)
	must[any](c, 204, "DELETE", "/registries/1", "")
	got := must[componentView](c, 200, "GET", "/components/1", "")
	if got.Registry != nil || got.RegistryName != "self" {
		t.Errorf("component shows registry %v of name %q, want none of name self", got.Registry, got.RegistryName)
	}
	must[any](c, 404, "POST", "/components/", `{"registry_name":"self","name":"new"}`)
	must[any](c, 404, "POST", "/exposed-apis/", `{"registry_name":"self","component_name":"catalog","name":"a","url":"u"}`)
}

func TestTrapLabelChangeShowsOnAllItems(t *testing.T) {
	_, c := start(t, Config{})
	seed(c)
	must[any](c, 200, "PUT", "/labels/1", `{"value":"red"}`)
	got := must[componentView](c, 200, "GET", "/components/1", "")
	same(t, "red", got.Labels[0].Value)
}

func TestTrapNoUsefulOrder(t *testing.T) {
	_, c := start(t, Config{ShuffleLists: true})
	c.registry("self")
	var created []string
	for i := range 50 {
		name := fmt.Sprintf("c%02d", i)
		c.component("self", name)
		created = append(created, name)
	}
	whole := names(must[[]componentView](c, 200, "GET", "/components/", ""), componentName)
	if fmt.Sprint(whole) == fmt.Sprint(created) {
		t.Error("the list is in order of creation")
	}
	var paged []string
	for skip := 0; skip < 50; skip += 7 {
		page := must[[]componentView](c, 200, "GET", fmt.Sprintf("/components/?registry_name=self&limit=7&skip=%d", skip), "")
		paged = append(paged, names(page, componentName)...)
	}
	same(t, whole, paged)
}
