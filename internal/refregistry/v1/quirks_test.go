package v1_test

import (
	"fmt"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	v1 "odasync/internal/refregistry/v1"
	"odasync/internal/testcheck"
)

func TestList_LimitDefaultsTo100(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	for i := range 101 {
		c.Label("n", fmt.Sprint(i))
	}
	registrytest.Same(t, 100, len(registrytest.Must[[]v1.LabelRow](c, 200, "GET", "/labels/", "")))
	registrytest.Same(t, 101, len(registrytest.Must[[]v1.LabelRow](c, 200, "GET", "/labels/?limit=1000", "")))
	registrytest.Same(t, 1, len(registrytest.Must[[]v1.LabelRow](c, 200, "GET", "/labels/?skip=100", "")))
}

func TestList_LimitAbove1000Fails(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	for _, path := range []string{"/labels/", "/registries/", "/components/", "/exposed-apis/"} {
		c.Expect(422, "GET", path+"?limit=1001", "")
		c.Expect(200, "GET", path+"?limit=1000", "")
	}
}

func TestCreate_AnswersWithoutLabels(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	c.Label("team", "blue")
	tests := []struct{ name, path, body string }{
		{"registry", "/registries/", `{"name":"self","type":"self","url":"u","label_ids":[1]}`},
		{"component", "/components/", `{"registry_name":"self","name":"catalog","label_ids":[1]}`},
		{"API", "/exposed-apis/", `{"registry_name":"self","component_name":"catalog","name":"a","url":"u","label_ids":[1]}`},
	}
	type labelled struct {
		Labels []v1.LabelRow `json:"labels"`
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			created := registrytest.Must[labelled](c, 201, "POST", tt.path, tt.body)
			if created.Labels == nil || len(created.Labels) != 0 {
				t.Errorf("201 shows labels %v, want []", created.Labels)
			}
			stored := registrytest.Must[labelled](c, 200, "GET", tt.path+"1", "")
			if len(stored.Labels) != 1 || stored.Labels[0].ID != 1 {
				t.Errorf("stored labels %v, want label 1", stored.Labels)
			}
		})
	}
}

func TestDelete_ComponentLeavesItsAPIs(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	c.Expect(204, "DELETE", "/components/1", "")
	apis := registrytest.Must[[]v1.APIView](c, 200, "GET", "/exposed-apis/?registry_name=self&component_name=catalog", "")
	registrytest.Same(t, []string{"tmf620", "metrics"}, registrytest.Names(apis, apiName))

	// They belong to a component that is created again under the name.
	c.Component("self", "catalog")
	c.API("self", "catalog", "tmf620")
	apis = registrytest.Must[[]v1.APIView](c, 200, "GET", "/exposed-apis/?registry_name=self&component_name=catalog", "")
	registrytest.Same(t, []string{"tmf620", "metrics", "tmf620"}, registrytest.Names(apis, apiName))
}

func TestCreate_RepeatedPostDuplicatesAPI(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{})
	c.Registry("self")
	c.Component("self", "catalog")
	first, second := c.API("self", "catalog", "a"), c.API("self", "catalog", "a")
	if first == second {
		t.Fatalf("both answers have id %d", first)
	}
	registrytest.Same(t, 2, len(s.Snapshot().APIs))
}

func TestList_LoneFilterIsIgnored(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	for _, query := range []string{"registry_name=up", "component_name=none", "registry_name=up&component_name="} {
		apis := registrytest.Must[[]v1.APIView](c, 200, "GET", "/exposed-apis/?"+query, "")
		registrytest.Same(t, []string{"tmf620", "metrics", "tmf637"}, registrytest.Names(apis, apiName))
	}
}

func TestList_StatusIsIgnoredBesideThePair(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	c.Expect(200, "PATCH", "/exposed-apis/1/status", `{"status":"ready"}`)
	apis := registrytest.Must[[]v1.APIView](c, 200, "GET", "/exposed-apis/?status=ready", "")
	registrytest.Same(t, []string{"tmf620"}, registrytest.Names(apis, apiName))
	apis = registrytest.Must[[]v1.APIView](c, 200, "GET", "/exposed-apis/?status=ready&registry_name=self&component_name=catalog", "")
	registrytest.Same(t, []string{"tmf620", "metrics"}, registrytest.Names(apis, apiName))
}

func TestDelete_LabelLeavesDanglingReferences(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	c.Expect(204, "DELETE", "/labels/1", "")
	got := registrytest.Must[v1.ComponentView](c, 200, "GET", "/components/1", "")
	registrytest.Same(t, []string{"domain"}, registrytest.Names(got.Labels, func(l v1.LabelRow) string { return l.Key }))
	// The dangling id cannot be set again, and is not assigned again.
	c.Expect(400, "PUT", "/components/1", `{"label_ids":[1,2]}`)
	testcheck.Equal(t, "id of a label created after the deletion", 3, c.Label("team", "blue"))
	got = registrytest.Must[v1.ComponentView](c, 200, "GET", "/components/1", "")
	registrytest.Same(t, 1, len(got.Labels))
}

func TestUpdate_RenameDetachesAPIs(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	c.Expect(200, "PUT", "/components/1", `{"name":"renamed"}`)
	registrytest.Same(t, 0, len(registrytest.Must[[]v1.APIView](c, 200, "GET", "/exposed-apis/?registry_name=self&component_name=renamed", "")))
	registrytest.Same(t, 2, len(registrytest.Must[[]v1.APIView](c, 200, "GET", "/exposed-apis/?registry_name=self&component_name=catalog", "")))
}

func TestUpdate_DoesNotCheckUniqueness(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	c.Expect(200, "PUT", "/components/2", `{"name":"catalog"}`)
	registrytest.Same(t, 2, len(registrytest.Must[[]v1.ComponentView](c, 200, "GET", "/components/", "")))
	c.Expect(200, "PUT", "/labels/2", `{"key":"team","value":"blue"}`)
	// The pair is still in use after one of its two rows is gone.
	c.Expect(204, "DELETE", "/components/1", "")
	c.Expect(400, "POST", "/components/", `{"registry_name":"self","name":"catalog"}`)
	c.Expect(204, "DELETE", "/labels/1", "")
	c.Expect(400, "POST", "/labels/", `{"key":"team","value":"blue"}`)
}

func TestDelete_RegistryOrphansItsComponents(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	c.Expect(204, "DELETE", "/registries/1", "")
	got := registrytest.Must[v1.ComponentView](c, 200, "GET", "/components/1", "")
	if got.Registry != nil || got.RegistryName != "self" {
		t.Errorf("component shows registry %v of name %q, want none of name self", got.Registry, got.RegistryName)
	}
	c.Expect(404, "POST", "/components/", `{"registry_name":"self","name":"new"}`)
	c.Expect(404, "POST", "/exposed-apis/", `{"registry_name":"self","component_name":"catalog","name":"a","url":"u"}`)
}

func TestUpdate_LabelChangesOnAllItems(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	c.Expect(200, "PUT", "/labels/1", `{"value":"red"}`)
	got := registrytest.Must[v1.ComponentView](c, 200, "GET", "/components/1", "")
	registrytest.Same(t, "red", got.Labels[0].Value)
}

func TestList_HasNoUsefulOrder(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{ShuffleLists: true})
	c.Registry("self")
	var created []string
	for i := range 50 {
		name := fmt.Sprintf("c%02d", i)
		c.Component("self", name)
		created = append(created, name)
	}
	whole := registrytest.Names(registrytest.Must[[]v1.ComponentView](c, 200, "GET", "/components/", ""), componentName)
	if fmt.Sprint(whole) == fmt.Sprint(created) {
		t.Error("the list is in order of creation")
	}
	var paged []string
	for skip := 0; skip < 50; skip += 7 {
		page := registrytest.Must[[]v1.ComponentView](c, 200, "GET", fmt.Sprintf("/components/?registry_name=self&limit=7&skip=%d", skip), "")
		paged = append(paged, registrytest.Names(page, componentName)...)
	}
	registrytest.Same(t, whole, paged)
}

func apiName(a v1.APIView) string             { return a.Name }
func componentName(c v1.ComponentView) string { return c.Name }
