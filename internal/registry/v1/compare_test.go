package v1

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// label returns the id of a label, which it creates where it is missing.
func (h *harness) label(key, value string) int64 {
	h.Helper()
	for _, l := range h.snapshot().Labels {
		if l.Key == key && l.Value == value {
			return l.ID
		}
	}
	return h.Label(key, value)
}

// compare reads the registry in both ways, which must agree.
func (h *harness) compare(a *Adapter, c *component.Component, ref target.Ref) (registry.Presence, []registry.Difference) {
	h.Helper()
	all, err := a.Actual(h.Context())
	testcheck.NoError(h, err)
	one, err := a.ActualOf(h.Context(), keyOf(c), ref)
	testcheck.NoError(h, err)
	presence, differences := all.Compare(keyOf(c), c)
	presenceOfOne, same := one.Compare(keyOf(c), c)
	if diff := cmp.Diff(differences, same); diff != "" || presence != presenceOfOne {
		h.Errorf("presence %d in everything, %d in one entry (-everything +one):\n%s", presence, presenceOfOne, diff)
	}
	return presence, differences
}

// Compare reports what was edited in the registry, an apply repairs it, and then both find nothing.
func TestCompare_DiffersWhereApplyWrites(t *testing.T) {
	tests := map[string]struct {
		edit     func(h *harness, component, products int64)
		change   func(c *component.Component)
		presence registry.Presence
		want     []registry.Difference
	}{
		"nothing":     {presence: registry.Present},
		"a component": {edit: func(h *harness, id, _ int64) { h.send("DELETE", fmt.Sprint(pathComponents, id), nil) }, presence: registry.Missing},
		"labels": {
			edit: func(h *harness, id, _ int64) {
				h.relabel(id, h.label("managed-by", "odasync/"+testCluster), h.label("id", "TMFC001"), h.label("id", "TMFC002"), h.label("stray", "x"))
			},
			presence: registry.Present, want: []registry.Difference{
				{Field: "label component-version", Want: "1.0.0"}, {Field: "label componentName", Want: "catalog"}, {Field: "label functionalBlock", Want: "CoreCommerce"},
				{Field: "label id", Want: "TMFC001", Actual: "TMFC001, TMFC002"}, {Field: "label namespace", Want: testNamespace}, {Field: "label stray", Actual: "x"},
			},
		},
		"a status": {edit: func(h *harness, _, id int64) {
			h.send("PATCH", fmt.Sprint(pathAPIs, id, "/status"), apiStatus{statusPending})
		}, presence: registry.Present, want: []registry.Difference{{Field: "api products status", Want: "ready", Actual: "pending"}}},
		"an API":  {edit: func(h *harness, _, id int64) { h.send("DELETE", fmt.Sprint(pathAPIs, id), nil) }, presence: registry.Present, want: []registry.Difference{{Field: "api products", Want: component.Present}}},
		"a stray": {edit: func(h *harness, _, _ int64) { h.API("self", "catalog", "stray") }, presence: registry.Present, want: []registry.Difference{{Field: "api stray", Actual: component.Present}}},
		"duplicates": {edit: func(h *harness, _, _ int64) {
			h.API("self", "catalog", "offers")
			h.API("self", "catalog", "offers")
		}, presence: registry.Present, want: []registry.Difference{{Field: "api offers", Want: "once", Actual: "more than once"}}},
		"everything of an API": {
			edit: func(h *harness, _, id int64) {
				h.send("DELETE", fmt.Sprint(pathAPIs, id), nil)
				h.API("self", "catalog", "products")
			},
			presence: registry.Present, want: []registry.Difference{
				{Field: "api products label api-name", Want: "products"}, {Field: "api products label component-version", Want: "1.0.0"}, {Field: "api products label componentName", Want: "catalog"},
				{Field: "api products label functionalBlock", Want: "CoreCommerce"}, {Field: "api products label id", Want: "TMFC001"},
				{Field: "api products label managed-by", Want: "odasync/" + testCluster}, {Field: "api products label namespace", Want: testNamespace},
				{Field: "api products specification", Want: "http://specs.example.org/products.json"},
				{Field: "api products status", Want: "ready", Actual: "pending"}, {Field: "api products url", Want: "http://catalog.example.org/products", Actual: "http://example.org/products"},
			},
		},
		"a newer component": {change: func(c *component.Component) {
			c.ExposedAPIs[0].Ready, c.ExposedAPIs[1].URL = false, "" // without an address it is not registered
		}, presence: registry.Present, want: []registry.Difference{{Field: "api offers", Actual: component.Present}, {Field: "api products status", Want: "pending", Actual: "ready"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, a, c, applied := applied(t, "products", "offers")
			snapshot := h.snapshot()
			i := slices.IndexFunc(snapshot.APIs, func(a refregistry.API) bool { return a.Name == "products" })
			if test.edit != nil {
				test.edit(h, snapshot.Components[0].ID, snapshot.APIs[i].ID)
			}
			if test.change != nil {
				test.change(c)
			}
			presence, differences := h.compare(h.adapter(), c, applied.Ref)
			if diff := cmp.Diff(test.want, differences); diff != "" || presence != test.presence {
				t.Errorf("presence %d, want %d, differences (-want +got):\n%s", presence, test.presence, diff)
			}
			repaired := h.apply(a, c, previousOf(applied))
			if writes, differs := repaired.Writes > 0, presence != registry.Present || len(differences) > 0; writes != differs {
				t.Errorf("the apply wrote %d times", repaired.Writes)
			}
			if presence, differences := h.compare(a, c, target.Ref{}); presence != registry.Present || len(differences) != 0 {
				t.Errorf("after the apply: presence %d, %v", presence, differences)
			}
		})
	}
}

func TestCompare_OtherOwners(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	h.Registry("self")
	other := h.label("managed-by", "odasync/west")
	h.Component("self", "catalog", other)
	h.API("self", "catalog", "products", other)
	if presence, differences := h.compare(h.adapter(), sample("catalog"), target.Ref{}); presence != registry.TakenByOther || differences != nil {
		t.Errorf("presence %d, %v", presence, differences)
	}
	h.Component("self", "unowned")
	if presence, differences := h.compare(h.adapter(), sample("unowned"), target.Ref{}); presence != registry.Present || len(differences) != 6 {
		t.Errorf("an unowned entry: presence %d, %v", presence, differences)
	}
}

func TestActual_Orphans(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	for _, format := range []string{registry.FormatName, registry.FormatNamespaceName} {
		a := h.adapter(func(c *registry.Config) { c.NameFormat = format })
		h.apply(a, sample("kept"))
		h.apply(a, sample("gone", "products"))
	}
	west, ours, of := h.label("managed-by", "odasync/west"), h.label("managed-by", "odasync/"+testCluster), h.label("namespace", testNamespace)
	h.Component("self", "west", west, of)
	h.Component("self", "unowned")
	for name, labels := range map[string][]int64{"left": {ours, of}, "unowned-apis": nil} { // APIs outlive their component
		h.leaveAPIs(name, labels)
	}
	h.Registry("another")
	h.Component("another", "elsewhere", ours, of)
	tests := map[string][]string{
		registry.FormatName:          {"components/components.gone as components.gone", "components/components.kept as components.kept", "components/gone as gone", "components/left as left"},
		registry.FormatNamespaceName: {"components/gone as components.gone", "components/gone as gone", "components/kept as kept", "components/left as left"},
	}
	for format, want := range tests {
		all, err := h.adapter(func(c *registry.Config) { c.NameFormat = format }).Actual(t.Context())
		testcheck.NoError(t, err)
		var got []string
		for _, o := range all.Orphans(testCluster, func(k component.Key) bool { return k.Name == "kept" }) {
			got = append(got, o.Key.Namespace+"/"+o.Key.Name+" as "+o.Entry)
		}
		slices.Sort(got)
		testcheck.Equal(t, format, want, got)
	}
}

func TestActual_ReadsPagesAndWritesNothing(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	h.Registry("self")
	for i := range 1100 {
		h.Component("self", fmt.Sprint("c", i))
	}
	h.resetRequests()
	a := h.adapter()
	all, err := a.Actual(t.Context())
	testcheck.NoError(t, err)
	if requests, writes := h.requests(); len(all.(*actual).entries) != 1100 || requests != 3 || writes != 0 {
		t.Errorf("%d entries with %d requests, %d of which write; want 1100 with 3 that read", len(all.(*actual).entries), requests, writes)
	}
	empty := newHarness(t, refregistry.Config{})
	if _, err := empty.adapter().ActualOf(t.Context(), keyOf(sample("x")), target.Ref{}); err != nil {
		t.Fatal(err)
	}
	if _, writes := empty.requests(); writes != 0 {
		t.Error("looking at an empty registry wrote something")
	}
}

func TestActual_FailsWithTheRegistry(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	h.fault(on(10, "GET", pathAPIs, faults.Fault{Status: 503}))
	a := h.adapter()
	_, err := a.Actual(t.Context())
	registrytest.WantFailure(t, err, target.ClassUnavailable, "503")
	_, err = a.ActualOf(t.Context(), keyOf(sample("x")), target.Ref{})
	registrytest.WantFailure(t, err, target.ClassUnavailable, "503")
}
