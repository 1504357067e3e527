package v1

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/target"
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
func (h *harness) compare(v *Adapter, c *component.Component, record target.Ref) (registry.Presence, []registry.Difference) {
	h.Helper()
	all, err := v.Actual(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	one, err := v.ActualOf(h.Context(), keyOf(c), record)
	if err != nil {
		h.Fatal(err)
	}
	standing, differences := all.Compare(keyOf(c), c)
	alone, same := one.Compare(keyOf(c), c)
	if diff := cmp.Diff(differences, same); diff != "" || standing != alone {
		h.Errorf("everything says %d, one %d (-everything +one):\n%s", standing, alone, diff)
	}
	return standing, differences
}

// TestCompare_DiffersWhereApplyWrites damages what the registry shows: Compare names it, an apply repairs it, and then both find
// nothing.
func TestCompare_DiffersWhereApplyWrites(t *testing.T) {
	tests := map[string]struct {
		damage   func(h *harness, component, products int64)
		change   func(c *component.Component)
		standing registry.Presence
		want     []registry.Difference
	}{
		"nothing":     {standing: registry.Present},
		"a component": {damage: func(h *harness, id, _ int64) { h.send("DELETE", fmt.Sprint(pathComponents, id), nil) }, standing: registry.Missing},
		"labels": {
			damage: func(h *harness, id, _ int64) {
				h.send("PUT", fmt.Sprint(pathComponents, id), componentUpdate{LabelIDs: []int64{
					h.label("managed-by", "odasync/"+testCluster), h.label("id", "TMFC001"), h.label("id", "TMFC002"), h.label("stray", "x"),
				}})
			},
			standing: registry.Present, want: []registry.Difference{
				{Field: "label component-version", Want: "1.0.0", Actual: ""}, {Field: "label componentName", Want: "catalog", Actual: ""}, {Field: "label functionalBlock", Want: "CoreCommerce", Actual: ""},
				{Field: "label id", Want: "TMFC001", Actual: "TMFC001, TMFC002"}, {Field: "label namespace", Want: testNamespace, Actual: ""}, {Field: "label stray", Want: "", Actual: "x"},
			},
		},
		"a status": {damage: func(h *harness, _, id int64) {
			h.send("PATCH", fmt.Sprint(pathAPIs, id, "/status"), apiStatus{statusPending})
		}, standing: registry.Present, want: []registry.Difference{{Field: "api products status", Want: "ready", Actual: "pending"}}},
		"an API":  {damage: func(h *harness, _, id int64) { h.send("DELETE", fmt.Sprint(pathAPIs, id), nil) }, standing: registry.Present, want: []registry.Difference{{Field: "api products", Want: component.Present, Actual: ""}}},
		"a stray": {damage: func(h *harness, _, _ int64) { h.API("self", "catalog", "stray") }, standing: registry.Present, want: []registry.Difference{{Field: "api stray", Want: "", Actual: component.Present}}},
		"duplicates": {damage: func(h *harness, _, _ int64) {
			h.API("self", "catalog", "offers")
			h.API("self", "catalog", "offers")
		}, standing: registry.Present, want: []registry.Difference{{Field: "api offers", Want: "once", Actual: "more than once"}}},
		"everything of an API": {
			damage: func(h *harness, _, id int64) {
				h.send("DELETE", fmt.Sprint(pathAPIs, id), nil)
				h.API("self", "catalog", "products")
			},
			standing: registry.Present, want: []registry.Difference{
				{Field: "api products label api-name", Want: "products", Actual: ""}, {Field: "api products label component-version", Want: "1.0.0", Actual: ""}, {Field: "api products label componentName", Want: "catalog", Actual: ""},
				{Field: "api products label functionalBlock", Want: "CoreCommerce", Actual: ""}, {Field: "api products label id", Want: "TMFC001", Actual: ""},
				{Field: "api products label managed-by", Want: "odasync/" + testCluster, Actual: ""}, {Field: "api products label namespace", Want: testNamespace, Actual: ""},
				{Field: "api products specification", Want: "http://specs.example.org/products.json", Actual: ""},
				{Field: "api products status", Want: "ready", Actual: "pending"}, {Field: "api products url", Want: "http://catalog.example.org/products", Actual: "http://example.org/products"},
			},
		},
		"a newer component": {change: func(c *component.Component) {
			c.ExposedAPIs[0].Ready, c.ExposedAPIs[1].URL = false, "" // without an address it is not registered
		}, standing: registry.Present, want: []registry.Difference{{Field: "api offers", Want: "", Actual: component.Present}, {Field: "api products status", Want: "pending", Actual: "ready"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, v, c, applied := applied(t, "products", "offers")
			snapshot := h.snapshot()
			i := slices.IndexFunc(snapshot.APIs, func(a refregistry.API) bool { return a.Name == "products" })
			if test.damage != nil {
				test.damage(h, snapshot.Components[0].ID, snapshot.APIs[i].ID)
			}
			if test.change != nil {
				test.change(c)
			}
			standing, differences := h.compare(h.adapter(), c, applied.Ref)
			if diff := cmp.Diff(test.want, differences); diff != "" || standing != test.standing {
				t.Errorf("standing %d, want %d, differences (-want +got):\n%s", standing, test.standing, diff)
			}
			repaired := h.apply(v, c, previousOf(applied))
			if writes, differs := repaired.Writes > 0, standing != registry.Present || len(differences) > 0; writes != differs {
				t.Errorf("the apply wrote %d times", repaired.Writes)
			}
			if standing, differences := h.compare(v, c, target.Ref{}); standing != registry.Present || len(differences) != 0 {
				t.Errorf("after the apply: standing %d, %v", standing, differences)
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
	if standing, differences := h.compare(h.adapter(), sample("catalog"), target.Ref{}); standing != registry.TakenByOther || differences != nil {
		t.Errorf("standing %d, %v", standing, differences)
	}
	h.Component("self", "nobodys")
	if standing, differences := h.compare(h.adapter(), sample("nobodys"), target.Ref{}); standing != registry.Present || len(differences) != 6 {
		t.Errorf("what nobody owns: standing %d, %v", standing, differences)
	}
}

func TestActual_Orphans(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	for _, format := range []string{registry.FormatName, registry.FormatNamespaceName} {
		v := h.adapter(func(c *registry.Config) { c.NameFormat = format })
		h.apply(v, sample("kept"))
		h.apply(v, sample("gone", "products"))
	}
	west, ours, of := h.label("managed-by", "odasync/west"), h.label("managed-by", "odasync/"+testCluster), h.label("namespace", testNamespace)
	h.Component("self", "west", west, of)
	h.Component("self", "nobodys")
	for name, labels := range map[string][]int64{"left": {ours, of}, "stray": nil} { // APIs outlive their component
		id := h.Component("self", name)
		h.API("self", name, "products", labels...)
		h.send("DELETE", fmt.Sprint(pathComponents, id), nil)
	}
	h.Registry("another")
	h.Component("another", "elsewhere", ours, of)
	tests := map[string][]string{
		registry.FormatName:          {"components/components.gone as components.gone", "components/components.kept as components.kept", "components/gone as gone", "components/left as left"},
		registry.FormatNamespaceName: {"components/gone as components.gone", "components/gone as gone", "components/kept as kept", "components/left as left"},
	}
	for format, want := range tests {
		all, err := h.adapter(func(c *registry.Config) { c.NameFormat = format }).Actual(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range all.Orphans(testCluster, func(k component.Key) bool { return k.Name == "kept" }) {
			got = append(got, o.Key.Namespace+"/"+o.Key.Name+" as "+o.Entry)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}

func TestActual_ReadsPagesAndWritesNothing(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	h.Registry("self")
	for i := range 1100 {
		h.Component("self", fmt.Sprint("c", i))
	}
	h.resetRequests()
	v := h.adapter()
	all, err := v.Actual(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if requests, writes := h.requests(); len(all.entries) != 1100 || requests != 3 || writes != 0 {
		t.Errorf("%d entries with %d requests, %d of which write; want 1100 with 3 that read", len(all.entries), requests, writes)
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
	v := h.adapter()
	_, err := v.Actual(t.Context())
	wantFailure(t, err, target.ClassUnavailable, "503")
	_, err = v.ActualOf(t.Context(), keyOf(sample("x")), target.Ref{})
	wantFailure(t, err, target.ClassUnavailable, "503")
}
