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
func (b *bench) label(key, value string) int64 {
	b.t.Helper()
	for _, l := range b.snapshot().Labels {
		if l.Key == key && l.Value == value {
			return l.ID
		}
	}
	return b.rawLabel(key, value)
}

// compare reads the registry in both ways, which must agree.
func (b *bench) compare(v *Adapter, c *component.Component, record target.Ref) (registry.Presence, []registry.Difference) {
	b.t.Helper()
	all, err := v.Actual(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	one, err := v.ActualOf(b.t.Context(), keyOf(c), record)
	if err != nil {
		b.t.Fatal(err)
	}
	standing, differences := all.Compare(keyOf(c), c)
	alone, same := one.Compare(keyOf(c), c)
	if diff := cmp.Diff(differences, same); diff != "" || standing != alone {
		b.t.Errorf("everything says %d, one %d (-everything +one):\n%s", standing, alone, diff)
	}
	return standing, differences
}

// TestCompareAsApplyWrites damages what the registry shows: Compare names it, an apply mends it, and then both find
// nothing.
func TestCompareAsApplyWrites(t *testing.T) {
	tests := map[string]struct {
		damage   func(b *bench, component, products int64)
		change   func(c *component.Component)
		standing registry.Presence
		want     []registry.Difference
	}{
		"nothing":     {standing: registry.Present},
		"a component": {damage: func(b *bench, id, _ int64) { b.raw("DELETE", fmt.Sprint(pathComponents, id), nil) }, standing: registry.Missing},
		"labels": {
			damage: func(b *bench, id, _ int64) {
				b.raw("PUT", fmt.Sprint(pathComponents, id), componentUpdate{LabelIDs: []int64{
					b.label("managed-by", "odasync/"+testCluster), b.label("id", "TMFC001"), b.label("id", "TMFC002"), b.label("stray", "x"),
				}})
			},
			standing: registry.Present, want: []registry.Difference{
				{Field: "label component-version", Want: "1.0.0", Actual: ""}, {Field: "label componentName", Want: "catalog", Actual: ""}, {Field: "label functionalBlock", Want: "CoreCommerce", Actual: ""},
				{Field: "label id", Want: "TMFC001", Actual: "TMFC001, TMFC002"}, {Field: "label namespace", Want: testNamespace, Actual: ""}, {Field: "label stray", Want: "", Actual: "x"},
			},
		},
		"a status": {damage: func(b *bench, _, id int64) {
			b.raw("PATCH", fmt.Sprint(pathAPIs, id, "/status"), apiStatus{statusPending})
		}, standing: registry.Present, want: []registry.Difference{{Field: "api products status", Want: "ready", Actual: "pending"}}},
		"an API":  {damage: func(b *bench, _, id int64) { b.raw("DELETE", fmt.Sprint(pathAPIs, id), nil) }, standing: registry.Present, want: []registry.Difference{{Field: "api products", Want: component.Present, Actual: ""}}},
		"a stray": {damage: func(b *bench, _, _ int64) { b.rawAPI("self", "catalog", "stray") }, standing: registry.Present, want: []registry.Difference{{Field: "api stray", Want: "", Actual: component.Present}}},
		"duplicates": {damage: func(b *bench, _, _ int64) {
			b.rawAPI("self", "catalog", "offers")
			b.rawAPI("self", "catalog", "offers")
		}, standing: registry.Present, want: []registry.Difference{{Field: "api offers", Want: "once", Actual: "more than once"}}},
		"everything of an API": {
			damage: func(b *bench, _, id int64) {
				b.raw("DELETE", fmt.Sprint(pathAPIs, id), nil)
				b.rawAPI("self", "catalog", "products")
			},
			standing: registry.Present, want: []registry.Difference{
				{Field: "api products label api-name", Want: "products", Actual: ""}, {Field: "api products label component-version", Want: "1.0.0", Actual: ""}, {Field: "api products label componentName", Want: "catalog", Actual: ""},
				{Field: "api products label functionalBlock", Want: "CoreCommerce", Actual: ""}, {Field: "api products label id", Want: "TMFC001", Actual: ""},
				{Field: "api products label managed-by", Want: "odasync/" + testCluster, Actual: ""}, {Field: "api products label namespace", Want: testNamespace, Actual: ""},
				{Field: "api products specification", Want: "http://specs.example.org/products.json", Actual: ""},
				{Field: "api products status", Want: "ready", Actual: "pending"}, {Field: "api products url", Want: "http://catalog.example.org/products", Actual: "http://old.example.org/products"},
			},
		},
		"a newer component": {change: func(c *component.Component) {
			c.ExposedAPIs[0].Ready, c.ExposedAPIs[1].URL = false, "" // without an address it is not registered
		}, standing: registry.Present, want: []registry.Difference{{Field: "api offers", Want: "", Actual: component.Present}, {Field: "api products status", Want: "pending", Actual: "ready"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, refregistry.Config{})
			v := b.adapter()
			c := sample("catalog", "products", "offers")
			applied := b.apply(v, c, target.Previous{})
			snapshot := b.snapshot()
			i := slices.IndexFunc(snapshot.APIs, func(a refregistry.API) bool { return a.Name == "products" })
			if test.damage != nil {
				test.damage(b, snapshot.Components[0].ID, snapshot.APIs[i].ID)
			}
			if test.change != nil {
				test.change(c)
			}
			standing, differences := b.compare(b.adapter(), c, applied.Ref)
			if diff := cmp.Diff(test.want, differences); diff != "" || standing != test.standing {
				t.Errorf("standing %d, want %d, differences (-want +got):\n%s", standing, test.standing, diff)
			}
			mended := b.apply(v, c, recordOf(applied))
			if writes, differs := mended.Writes > 0, standing != registry.Present || len(differences) > 0; writes != differs {
				t.Errorf("the apply wrote %d times", mended.Writes)
			}
			if standing, differences := b.compare(v, c, target.Ref{}); standing != registry.Present || len(differences) != 0 {
				t.Errorf("after the apply: standing %d, %v", standing, differences)
			}
		})
	}
}

func TestCompareWhereAnotherOwns(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	b.rawRegistry("self")
	other := b.label("managed-by", "odasync/west")
	b.rawComponent("self", "catalog", other)
	b.rawAPI("self", "catalog", "products", other)
	if standing, differences := b.compare(b.adapter(), sample("catalog"), target.Ref{}); standing != registry.TakenByOther || differences != nil {
		t.Errorf("standing %d, %v", standing, differences)
	}
	b.rawComponent("self", "nobodys")
	if standing, differences := b.compare(b.adapter(), sample("nobodys"), target.Ref{}); standing != registry.Present || len(differences) != 6 {
		t.Errorf("what nobody owns: standing %d, %v", standing, differences)
	}
}

func TestOrphans(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	for _, format := range []string{registry.FormatName, registry.FormatNamespaceName} {
		v := b.adapter(func(c *registry.Config) { c.NameFormat = format })
		b.apply(v, sample("kept"), target.Previous{})
		b.apply(v, sample("gone", "products"), target.Previous{})
	}
	west, ours, of := b.label("managed-by", "odasync/west"), b.label("managed-by", "odasync/"+testCluster), b.label("namespace", testNamespace)
	b.rawComponent("self", "west", west, of)
	b.rawComponent("self", "nobodys")
	for name, labels := range map[string][]int64{"left": {ours, of}, "stray": nil} { // APIs outlive their component
		id := b.rawComponent("self", name)
		b.rawAPI("self", name, "products", labels...)
		b.raw("DELETE", fmt.Sprint(pathComponents, id), nil)
	}
	b.rawRegistry("another")
	b.rawComponent("another", "elsewhere", ours, of)
	tests := map[string][]string{
		registry.FormatName:          {"components/components.gone as components.gone", "components/components.kept as components.kept", "components/gone as gone", "components/left as left"},
		registry.FormatNamespaceName: {"components/gone as components.gone", "components/gone as gone", "components/kept as kept", "components/left as left"},
	}
	for format, want := range tests {
		all, err := b.adapter(func(c *registry.Config) { c.NameFormat = format }).Actual(t.Context())
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

func TestShownReadsPagesAndWritesNothing(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	b.rawRegistry("self")
	for i := range 1100 {
		b.rawComponent("self", fmt.Sprint("c", i))
	}
	b.resetRequests()
	v := b.adapter()
	all, err := v.Actual(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if requests, writes := b.requests(); len(all.entries) != 1100 || requests != 3 || writes != 0 {
		t.Errorf("%d entries with %d requests, %d of which write; want 1100 with 3 that read", len(all.entries), requests, writes)
	}
	empty := newBench(t, refregistry.Config{})
	if _, err := empty.adapter().ActualOf(t.Context(), keyOf(sample("x")), target.Ref{}); err != nil {
		t.Fatal(err)
	}
	if _, writes := empty.requests(); writes != 0 {
		t.Error("looking at an empty registry wrote something")
	}
}

func TestShownOfARegistryThatIsAway(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	b.server.Load().SetFault(on(10, "GET", pathAPIs, faults.Fault{Status: 503}))
	v := b.adapter()
	_, err := v.Actual(t.Context())
	fails(t, err, target.ClassUnavailable, "503")
	_, err = v.ActualOf(t.Context(), keyOf(sample("x")), target.Ref{})
	fails(t, err, target.ClassUnavailable, "503")
}
