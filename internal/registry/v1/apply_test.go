package v1

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"odasync/internal/component"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestApply_CreatesThenWritesNothing(t *testing.T) {
	h, a, c, result := applied(t, "products", "offers")
	h.wantEntry("catalog", "offers", "products")
	want := target.Ref{Registry: "self", Name: "catalog", ID: "1", Digest: result.Ref.Digest}
	if result.Ref != want || want.Digest == "" {
		t.Errorf("reference = %+v, want %+v with a digest", result.Ref, want)
	}
	if result.Writes != 11 { // 8 labels, the component, 2 APIs; the registry entry is not its own
		t.Errorf("writes = %d, want 11", result.Writes)
	}
	if !result.Created {
		t.Error("the result is not that of a creation")
	}
	for name, previous := range map[string]target.Previous{
		"with its reference": previousOf(result), "in doubt": {InDoubt: true}, "without anything": {},
	} {
		if again := h.wantNoWrite(a, c, previous); again.Ref != result.Ref || again.Created {
			t.Errorf("repeat %s: %+v", name, again)
		}
	}
	if reads, _ := h.requests(); reads != 2 {
		t.Errorf("a repeat takes %d requests, want 2", reads)
	}
}

func TestApply_WritesOnlyDifferences(t *testing.T) {
	tests := map[string]struct {
		change  func(c *component.Component)
		want    map[string]int
		content string
	}{
		"a state": {
			change:  func(c *component.Component) { c.ExposedAPIs[0].Ready = false },
			want:    map[string]int{"PATCH /exposed-apis/{id}/status": 1},
			content: "/products spec=http://specs.example.org/products.json pending",
		},
		"an address": {
			change:  func(c *component.Component) { c.ExposedAPIs[0].URL = "http://new.example.org/" },
			want:    map[string]int{"PUT /exposed-apis/{id}": 1},
			content: "api products http://new.example.org/ spec=http://specs.example.org/products.json ready",
		},
		"a specification gone": {
			change:  func(c *component.Component) { c.ExposedAPIs[0].Specifications = nil },
			want:    map[string]int{"PUT /exposed-apis/{id}": 1},
			content: "/products spec= ready",
		},
		"termination": {
			change:  func(c *component.Component) { c.Terminating = true },
			want:    map[string]int{},
			content: "/products spec=http://specs.example.org/products.json ready",
		},
		"fields that this contract lacks": { // which an upgrade adds to every component
			change: func(c *component.Component) {
				c.Created, c.ExposedAPIs[0].Object = "2026-01-15T08:00:00Z", "catalog-products-v4"
				c.Metadata.Fields = map[string]json.RawMessage{"tier": json.RawMessage(`"gold"`)}
				c.DependentAPIs = []component.DependentAPI{{Name: "stock", Segment: component.SegmentCore}}
			},
			want:    map[string]int{},
			content: "/products spec=http://specs.example.org/products.json ready",
		},
		"an API removed": {
			change:  func(c *component.Component) { c.ExposedAPIs = c.ExposedAPIs[1:] },
			want:    map[string]int{"DELETE /exposed-apis/{id}": 1},
			content: "api offers",
		},
		"an API that lost its address": {
			change:  func(c *component.Component) { c.ExposedAPIs[0].URL = "" },
			want:    map[string]int{"DELETE /exposed-apis/{id}": 1},
			content: "api offers",
		},
		"an API added": {
			change: func(c *component.Component) {
				c.ExposedAPIs = append(c.ExposedAPIs, sample("catalog", "prices").ExposedAPIs...)
			},
			want:    map[string]int{"POST /labels/": 1, "POST /exposed-apis/": 1},
			content: "api prices http://catalog.example.org/prices",
		},
		"a label": {
			change:  func(c *component.Component) { c.Labels["team"] = "blue" },
			want:    map[string]int{"POST /labels/": 1, "PUT /components/{id}": 1, "PUT /exposed-apis/{id}": 2},
			content: "namespace:components team:blue]",
		},
		"a label gone": {
			change:  func(c *component.Component) { c.Labels = nil },
			want:    map[string]int{"PUT /components/{id}": 1, "PUT /exposed-apis/{id}": 2},
			content: "component catalog map[component-version:1.0.0 functionalBlock",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, a, c, first := applied(t, "products", "offers")
			test.change(c)
			h.resetRequests()
			result := h.apply(a, c, previousOf(first))

			got, writes := map[string]int{}, 0
			for request, n := range h.server.Load().Requests() {
				if !strings.HasPrefix(request, "GET ") {
					got[request] = n
					writes += n
				}
			}
			testcheck.Equal(t, "writes", test.want, got)
			testcheck.Equal(t, "writes reported", writes, result.Writes)
			h.wantContent("catalog", test.content)
			h.wantNoWrite(a, c, previousOf(result))
		})
	}
}

func TestApply_FindsRowsBeyondTheFirstPage(t *testing.T) {
	for _, test := range []struct {
		name    string
		count   int
		shuffle bool
	}{
		{name: "100", count: 130},
		{name: "1000", count: 1005},
		{name: "1000 in no order", count: 1005, shuffle: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHarness(t, refregistry.Config{ShuffleLists: test.shuffle})
			for i := range test.count {
				h.Registry(fmt.Sprintf("other-%d", i))
				h.Label("filler", fmt.Sprint(i))
			}
			h.Registry("self")
			label := h.Label("componentName", "catalog")
			for i := range test.count {
				h.Component("self", fmt.Sprintf("filler-%d", i))
			}
			h.Component("self", "catalog", label)
			h.API("self", "filler-0", "other")
			h.API("self", "catalog", "products")
			h.resetRequests()

			h.apply(h.adapter(), sample("catalog", "products"))
			h.wantEntry("catalog", "products")
			sent := h.server.Load().Requests()
			if sent["POST /registries/"]+sent["POST /components/"]+sent["POST /exposed-apis/"] != 0 {
				t.Errorf("created what was there: %v", sent)
			}
			testcheck.Equal(t, "registries", test.count+1, len(h.snapshot().Registries))
			h.wantDistinctLabels()
		})
	}
}

func TestApply_KeepsManyLabels(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	c := sample("catalog")
	for i := range 150 {
		c.Labels[fmt.Sprintf("%slabel-%d", labelPrefix, i)] = "x"
	}
	h.apply(h.adapter(), c)
	h.apply(h.adapter(), c) // has the ids from the list only
	testcheck.Equal(t, "labels", 156, len(h.snapshot().Components[0].Labels))
}

func TestApply_RemovesDuplicateAPIs(t *testing.T) {
	h, a, c, first := applied(t, "products", "offers")
	h.API("self", "catalog", "products")
	h.API("self", "catalog", "products")
	h.API("self", "catalog", "gone")
	h.apply(a, c, previousOf(first))
	h.wantEntry("catalog", "offers", "products")
	testcheck.Equal(t, "API that stayed, of three", 1, h.snapshot().APIs[1].ID)
}

func TestApply_ReusesLeftAPIs(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	h.Registry("self")
	id := h.Component("self", "catalog")
	h.API("self", "catalog", "products")
	h.API("self", "catalog", "gone")
	h.send("DELETE", fmt.Sprint(pathComponents, id), nil)
	h.apply(h.adapter(), sample("catalog", "products"))
	h.wantEntry("catalog", "products")
}

func TestApply_AdoptsEntriesOfOlderCollectors(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	h.Registry("self")
	old := h.Label("componentName", "catalog")
	stale := h.Label("team", "former")
	id := h.Component("self", "catalog", old, stale)
	h.API("self", "catalog", "products", old, stale, h.Label("api-name", "products"))
	h.API("self", "catalog", "dropped-long-ago", old)
	result := h.apply(h.adapter(), sample("catalog", "products"))
	h.wantEntry("catalog", "products")
	if result.Ref.ID != fmt.Sprint(id) {
		t.Errorf("reference %+v, want the collector's entry %d", result.Ref, id)
	}
}

func TestApply_MovesToAnotherNameFormat(t *testing.T) {
	h, _, c, before := applied(t, "products")
	after := h.apply(h.adapter(withNamespace), c, previousOf(before))
	h.wantNoEntry("catalog")
	if got := h.entryOf("self", "components.catalog"); strings.Count(got, "\n") != 1 || after.Ref.Name != "components.catalog" {
		t.Errorf("reference = %+v, the entry of the new name is\n%s", after.Ref, got)
	}
}

func TestApply_MovesToAnotherRegistryName(t *testing.T) {
	h, _, c, before := applied(t, "products")
	h.apply(h.adapter(func(cfg *registry.Config) { cfg.Name = "north" }), c, previousOf(before))
	h.wantNoEntry("catalog")
	testcheck.Equal(t, "entry", sampleEntry("catalog", "products"), h.entryOf("north", "catalog"))
}

func TestApply_LeavesAnOldNameToItsNewOwner(t *testing.T) {
	h, _, c, before := applied(t, "products")
	namespaced := h.adapter(withNamespace)
	h.delete(namespaced, c, previousOf(before))
	other := sample("catalog", "theirs")
	other.Namespace = "elsewhere"
	h.apply(h.adapter(), other)
	h.apply(namespaced, c, previousOf(before))
	h.wantContent("catalog", "namespace:elsewhere", "api theirs")
}

func TestApply_RefusesAnotherOwnersEntry(t *testing.T) {
	tests := map[string]struct {
		key   component.Key
		parts []string
	}{
		"another namespace": {
			key:   component.Key{Cluster: testCluster, Namespace: "other", Name: "catalog"},
			parts: []string{`namespace "components"`, "east/other/catalog", "COMPONENT_NAME_FORMAT=namespace.name", "COMPONENT_REGISTRY_NAME"},
		},
		"another cluster": {
			key:   component.Key{Cluster: "west", Namespace: testNamespace, Name: "catalog"},
			parts: []string{`"odasync/east"`, "west/components/catalog", "COMPONENT_REGISTRY_NAME"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, _, _, _ := applied(t, "products")
			before := h.snapshot()
			for _, ref := range []target.Ref{{}, {Registry: "self", Name: "catalog", ID: "1"}} {
				result, err := h.adapter().Apply(t.Context(), test.key, sample("catalog", "mine"), target.Previous{Ref: ref})
				registrytest.WantFailure(t, err, target.ClassNameConflict, test.parts...)
				if result.Writes != 0 || result.Ref != (target.Ref{}) {
					t.Errorf("with reference %+v: result = %+v, want nothing", ref, result)
				}
			}
			h.wantUnchanged(before)
		})
	}
}

func TestApply_KeepsNamespacesApart(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	a := h.adapter(withNamespace)
	for _, namespace := range []string{"blue", "green"} {
		c := sample("catalog", namespace)
		c.Namespace = namespace
		h.apply(a, c)
	}
	for _, namespace := range []string{"blue", "green"} {
		h.wantContent(namespace+".catalog", "api "+namespace)
	}
}

func TestApply_ReportsTheRegistrysDetail(t *testing.T) {
	long := strings.Repeat("n", 101)
	tests := map[string]struct {
		component *component.Component
		parts     []string
	}{
		"a name too long": {
			component: sample(long),
			parts:     []string{"POST /components/: HTTP 422", "body.name: ensure this value has at most 100 characters"},
		},
		"an API name too long": {
			component: sample("catalog", long, "short"),
			parts:     []string{"POST /exposed-apis/: HTTP 422", "API " + long, "body.name: ensure this value has at most 100 characters"},
		},
		"an address too long": {
			component: func() *component.Component {
				c := sample("catalog", "long", "short")
				c.ExposedAPIs[0].URL = "http://example.org/" + strings.Repeat("x", 500)
				return c
			}(),
			parts: []string{"API long: body.url: ensure this value has at most 500 characters"},
		},
		"a label too long": {
			component: func() *component.Component {
				c := sample("catalog")
				c.Metadata.Version = strings.Repeat("9", 201)
				return c
			}(),
			parts: []string{"POST /labels/: HTTP 422", `label "component-version"`, "body.value: ensure this value has at most 200 characters"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, a := newEmpty(t)
			_, err := a.Apply(t.Context(), keyOf(test.component), test.component, target.Previous{})
			registrytest.WantFailure(t, err, target.ClassInvalid, test.parts...)
			if len(test.component.ExposedAPIs) > 1 && !strings.Contains(h.entryOf("self", "catalog"), "api short") {
				t.Errorf("the other API is missing:\n%s", h.entryOf("self", "catalog"))
			}
			h.apply(a, sample("other", "products"))
		})
	}
}

func TestApply_CreatesTheRegistryEntry(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	a := h.adapter(func(cfg *registry.Config) {
		cfg.URL = strings.Replace(cfg.URL, "http://", "http://user:word@", 1) + "/"
	})
	h.apply(a, sample("catalog"))
	want := []refregistry.Registry{{ID: 1, Name: "self", Type: "self", URL: h.URL, Labels: map[string]string{}}}
	testcheck.Equal(t, "registries", want, h.snapshot().Registries)
}

func TestApply_RepairsWhatOthersChanged(t *testing.T) {
	tests := map[string]func(h *harness, id string){
		"the component":      func(h *harness, id string) { h.send(http.MethodDelete, "/components/"+id, nil) },
		"an API":             func(h *harness, _ string) { h.send(http.MethodDelete, "/exposed-apis/1", nil) },
		"the registry entry": func(h *harness, _ string) { h.send(http.MethodDelete, "/registries/1", nil) },
		"the component's labels": func(h *harness, id string) {
			h.send(http.MethodPut, "/components/"+id, componentUpdate{LabelIDs: []int64{}})
		},
		"a label":           func(h *harness, _ string) { h.send(http.MethodDelete, "/labels/1", nil) },
		"a label's content": func(h *harness, _ string) { h.send(http.MethodPut, "/labels/1", labelCreate{"renamed", "label"}) },
		"the component with its entry": func(h *harness, id string) {
			h.send(http.MethodDelete, "/components/"+id, nil)
			h.send(http.MethodDelete, "/registries/1", nil)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			h, a, c, first := applied(t, "products", "offers")
			change(h, first.Ref.ID)
			// The creation of another API needs the registry entry.
			c.ExposedAPIs = append(c.ExposedAPIs, sample("catalog", "prices").ExposedAPIs...)
			second := h.apply(a, c, previousOf(first))
			if written := name == "the component's labels"; written != (second.Overwritten > 0) {
				t.Errorf("%d rows overwritten", second.Overwritten)
			}
			h.wantEntry("catalog", "offers", "prices", "products")
			h.wantNoWrite(a, c, previousOf(second))
		})
	}
}

func TestApply_AdoptsWhatAnotherReplicaCreated(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	early := h.adapter()
	h.apply(early, sample("warm-up"))
	c := sample("catalog", "products")
	late := h.adapter()
	h.apply(late, c)
	// The first adapter has neither a reference nor a doubt, and its cache is older: only the registry's rejection shows it.
	h.apply(early, c)
	h.wantEntry("catalog", "products")
	// What the other has deleted and created again has an id that this one does not know.
	h.delete(late, c, target.Previous{Ref: target.Ref{Registry: "self", Name: "catalog", ID: "2"}})
	h.apply(late, sample("between"))
	h.apply(late, c)
	h.apply(early, c)
	h.wantEntry("catalog", "products")
}

func TestApply_AcceptsAReferenceOfAnotherAdapter(t *testing.T) {
	h, a, c, _ := applied(t, "products")
	result := h.apply(a, c, target.Previous{Ref: target.Ref{Registry: "self", Name: "catalog", ID: "self:catalog"}})
	if result.Ref.ID != "1" || result.Writes != 0 {
		t.Errorf("result = %+v", result)
	}
}
