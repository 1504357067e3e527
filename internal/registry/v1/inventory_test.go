package v1

import (
	"fmt"
	"slices"
	"strings"
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

// inventory returns the entries by name and id.
func (h *harness) inventory(a *Adapter, cluster string) map[string]target.Entry {
	h.Helper()
	entries := map[string]target.Entry{}
	err := a.Inventory(h.Context(), cluster, func(e target.Entry) { entries[e.Ref.Name+" "+e.Ref.ID] = e })
	testcheck.NoError(h, err)
	return entries
}

// A reconcile relies on it: the inventory lists an entry exactly as the apply recorded it, for every kind of component.
func TestInventory_HasTheDigestThatApplyRecorded(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(c *component.Component){
		"plain":                          func(*component.Component) {},
		"without APIs":                   func(c *component.Component) { c.ExposedAPIs = nil },
		"without labels":                 func(c *component.Component) { c.Labels, c.Metadata = nil, component.Metadata{} },
		"an API that has no address yet": func(c *component.Component) { c.ExposedAPIs[0].URL = "" },
		"no specification, pending": func(c *component.Component) {
			c.ExposedAPIs[0].Specifications, c.ExposedAPIs[0].Ready = nil, false
		},
		"APIs in another order": func(c *component.Component) { slices.Reverse(c.ExposedAPIs) },
		"one name in two segments": func(c *component.Component) {
			c.ExposedAPIs[1].Name, c.ExposedAPIs[1].Segment = c.ExposedAPIs[0].Name, component.SegmentManagement
		},
		"a segment that is not registered": func(c *component.Component) { c.ExposedAPIs[1].Segment = component.SegmentSecurity },
		"labels of all origins": func(c *component.Component) {
			c.Labels["team"], c.Labels["oda.tmforum.org/team"], c.Labels["domain"] = "red", "blue", "north"
			c.Metadata.Maintainers = []component.Person{{Name: "Ada"}, {Name: "Ben"}, {Name: "Carla"}, {Name: "Dan"}}
		},
		"labels in other scripts": func(c *component.Component) { c.Labels["team"] = "Zürich 東京 <b>&\"" },
	}
	for name, change := range kinds {
		for _, format := range []string{registry.FormatName, registry.FormatNamespaceName} {
			t.Run(name+", "+format, func(t *testing.T) {
				t.Parallel()
				h := newHarness(t, refregistry.Config{ShuffleLists: true})
				a := h.adapter(func(c *registry.Config) {
					c.NameFormat, c.Segments = format, []component.Segment{component.SegmentCore, component.SegmentManagement}
				})
				c := sample("cata.log", "products", "offers")
				change(c)
				result := h.apply(a, c)
				want := map[string]target.Entry{result.Ref.Name + " " + result.Ref.ID: {Key: keyOf(c), Ref: result.Ref}}
				if diff := cmp.Diff(want, h.inventory(a, testCluster)); diff != "" || result.Ref.Digest == "" {
					t.Errorf("inventory (-applied +listed):\n%s", diff)
				}
				if place := a.Place(keyOf(c)); place.Name != result.Ref.Name || place.Registry != result.Ref.Registry {
					t.Errorf("place %+v, the reference is %+v", place, result.Ref)
				}
			})
		}
	}
}

// Every single change by another program changes the digest.
func TestInventory_DigestChangesWithEveryEdit(t *testing.T) {
	t.Parallel()
	const component, api = 1, 1
	// The ids of the sample's labels; that of the label "id" comes first, so that it can be left out.
	type ids struct{ component, api []int64 }
	edits := map[string]func(h *harness, labels ids){
		"label added":   func(h *harness, labels ids) { h.relabel(component, append(labels.component, h.Label("stray", "x"))...) },
		"label removed": func(h *harness, labels ids) { h.relabel(component, labels.component[1:]...) },
		"label changed": func(h *harness, labels ids) {
			h.relabel(component, append(labels.component[1:], h.Label("id", "TMFC999"))...)
		},
		"key twice": func(h *harness, labels ids) {
			h.relabel(component, append(labels.component, h.Label("id", "TMFC999"))...)
		},
		"all labels removed":  func(h *harness, _ ids) { h.relabel(component) },
		"renamed":             func(h *harness, _ ids) { h.send("PUT", "/components/1", map[string]any{"name": "other"}) },
		"API's label added":   func(h *harness, labels ids) { h.edit(api, "label_ids", append(labels.api, h.Label("stray", "x"))) },
		"API's label removed": func(h *harness, labels ids) { h.edit(api, "label_ids", labels.api[1:]) },
		"API's address":       func(h *harness, _ ids) { h.edit(api, "url", "http://elsewhere.example.org") },
		"API's specification": func(h *harness, _ ids) { h.edit(api, "oas_specification", "http://elsewhere.example.org") },
		"API's status":        func(h *harness, _ ids) { h.edit(api, "status", "pending") },
		"API renamed":         func(h *harness, _ ids) { h.edit(api, "name", "other") },
		"API moved away":      func(h *harness, _ ids) { h.edit(api, "component_name", "other") },
		"API deleted":         func(h *harness, _ ids) { h.send("DELETE", "/exposed-apis/1", nil) },
		"API added":           func(h *harness, _ ids) { h.API("self", "catalog", "stray") },
		"API doubled": func(h *harness, labels ids) {
			a := h.snapshot().APIs[0]
			h.send("POST", pathAPIs, apiCreate{
				RegistryName: a.Registry, ComponentName: a.Component, Name: a.Name, URL: a.URL,
				Specification: a.Specification, Status: a.Status, LabelIDs: labels.api,
			})
		},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, a, _, result := applied(t, "products", "offers")
			snapshot := h.snapshot()
			idsOf := func(labels map[string]string) (ids []int64) {
				for _, l := range snapshot.Labels {
					switch {
					case labels[l.Key] != l.Value:
					case l.Key == "id":
						ids = append([]int64{l.ID}, ids...)
					default:
						ids = append(ids, l.ID)
					}
				}
				return ids
			}
			first := slices.IndexFunc(snapshot.APIs, func(a refregistry.API) bool { return a.ID == api })
			testcheck.MustEqual(t, "reference before the edit", result.Ref, h.entry(a, component).Ref)
			edit(h, ids{idsOf(snapshot.Components[0].Labels), idsOf(snapshot.APIs[first].Labels)})
			if got := h.entry(a, component); got.Ref.Digest == result.Ref.Digest {
				t.Errorf("the digest does not change: %+v", got)
			}
		})
	}
}

// edit changes one field of an API.
func (h *harness) edit(id int64, field string, value any) {
	h.Helper()
	h.send("PUT", fmt.Sprintf("/exposed-apis/%d", id), map[string]any{field: value})
}

// entry returns the inventory's entry with the registry's id.
func (h *harness) entry(a *Adapter, id int64) target.Entry {
	h.Helper()
	for _, e := range h.inventory(a, testCluster) {
		if e.Ref.ID == fmt.Sprint(id) {
			return e
		}
	}
	h.Fatalf("no entry with id %d", id)
	return target.Entry{}
}

// A changed configuration asks for other entries, although the registry has not changed.
func TestInventory_DigestChangesWithTheConfiguration(t *testing.T) {
	t.Parallel()
	h := newHarness(t, refregistry.Config{})
	c := sample("catalog", "products")
	result := h.apply(h.adapter(), c)
	for name, change := range map[string]func(*registry.Config){
		"segments":    func(c *registry.Config) { c.Segments = append(c.Segments, component.SegmentSecurity) },
		"name format": func(c *registry.Config) { c.NameFormat = registry.FormatNamespaceName },
	} {
		if got := h.entry(h.adapter(change), 1); got.Ref.Digest == result.Ref.Digest {
			t.Errorf("%s: the digest is the same", name)
		}
	}
	same := h.adapter(func(c *registry.Config) { c.Timeout++ })
	testcheck.Equal(t, "reference after another time limit", result.Ref, h.entry(same, 1).Ref)
}

func TestInventory_Owners(t *testing.T) {
	t.Parallel()
	const ours, others = "odasync/" + testCluster, "odasync/west"
	key := func(name string) component.Key {
		return component.Key{Cluster: testCluster, Namespace: "ns", Name: name}
	}
	for _, test := range []struct {
		name, format, entry string
		labels              map[string]string
		want                target.Entry // without its reference
	}{
		{"ours", registry.FormatName, "a", map[string]string{"managed-by": ours, "namespace": "ns"}, target.Entry{Key: key("a")}},
		{"ours with namespace", registry.FormatNamespaceName, "ns.a", map[string]string{"managed-by": ours, "namespace": "ns"}, target.Entry{Key: key("a")}},
		{"ours with a dotted name", registry.FormatNamespaceName, "ns.a.b", map[string]string{"managed-by": ours, "namespace": "ns"}, target.Entry{Key: key("a.b")}},
		{"ours in the other format", registry.FormatNamespaceName, "a", map[string]string{"managed-by": ours, "namespace": "ns"}, target.Entry{Key: key("a")}},
		{"no namespace", registry.FormatName, "a", map[string]string{"managed-by": ours}, target.Entry{}},
		{"unowned", registry.FormatName, "a", map[string]string{"namespace": "ns"}, target.Entry{}},
		{"no labels", registry.FormatName, "a", nil, target.Entry{}},
		{"another cluster's", registry.FormatName, "a", map[string]string{"managed-by": others, "namespace": "ns"}, target.Entry{Foreign: true}},
		{"another program's", registry.FormatName, "a", map[string]string{"managed-by": "helm"}, target.Entry{Foreign: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, refregistry.Config{})
			h.Registry("self")
			h.Registry("theirs")
			var ids []int64
			for k, value := range test.labels {
				ids = append(ids, h.Label(k, value))
			}
			h.Component("self", test.entry, ids...)
			h.Component("theirs", "elsewhere", ids...) // under another registry name: nothing of ours
			h.leaveAPIs(test.entry+"-gone", ids)
			got := h.inventory(h.adapter(func(c *registry.Config) { c.NameFormat = test.format }), testCluster)
			if len(got) != 2 {
				t.Fatalf("inventory %+v, want the entry and the APIs without one", got)
			}
			entry, bare := got[test.entry+" 1"], got[test.entry+"-gone "]
			if entry.Key != test.want.Key || entry.Foreign != test.want.Foreign || entry.Ref.Digest == "" {
				t.Errorf("entry %+v, want %+v", entry, test.want)
			}
			if owned := bare.Key != (component.Key{}); owned != (test.want.Key != component.Key{}) || bare.Foreign != test.want.Foreign || bare.Ref.ID != "" {
				t.Errorf("APIs without a component %+v", bare)
			}
		})
	}
}

// Several owners may have left APIs under one name; each is reported once.
func TestInventory_ReportsEveryOwnerOfLeftAPIs(t *testing.T) {
	t.Parallel()
	h := newHarness(t, refregistry.Config{})
	h.Registry("self")
	ours, theirs := h.Label("managed-by", "odasync/"+testCluster), h.Label("managed-by", "odasync/west")
	one, two := h.Label("namespace", "one"), h.Label("namespace", "two")
	h.leaveAPIs("gone", []int64{theirs, one}, nil, []int64{ours, one}, []int64{ours, two}, []int64{ours, one})
	var got []string
	err := h.adapter().Inventory(t.Context(), testCluster, func(e target.Entry) {
		if e.Key != (component.Key{}) {
			got = append(got, e.Key.String())
		}
	})
	testcheck.NoError(t, err)
	slices.Sort(got)
	testcheck.Equal(t, "owners", []string{testCluster + "/one/gone", testCluster + "/two/gone"}, got)
}

// A second entry of one name, which renaming creates, does not change the first.
func TestInventory_SecondEntryOfANameLeavesTheFirst(t *testing.T) {
	t.Parallel()
	h, a := newEmpty(t)
	before := h.Registry("self")
	other := h.Component("self", "other")
	result := h.apply(a, sample("catalog", "products"))
	h.send("PUT", fmt.Sprintf("/components/%d", other), map[string]any{"name": "catalog"})
	entries := h.inventory(a, testCluster)
	if got := entries["catalog "+result.Ref.ID]; got.Ref != result.Ref || len(entries) != 2 {
		t.Errorf("inventory %+v, recorded %+v (registry entry %d)", entries, result.Ref, before)
	}
}

func TestInventory_TakesFewRequests(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ count, apis, atMost int }{{1000, 2, 10}, {10000, 2, 60}} {
		t.Run(fmt.Sprint(test.count), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, refregistry.Config{ShuffleLists: true})
			h.Registry("self")
			labels := []int64{h.Label("managed-by", "odasync/"+testCluster), h.Label("namespace", testNamespace)}
			inParallel(16, test.count, func(i int) {
				name := fmt.Sprint("component-", i)
				h.Component("self", name, labels...)
				for a := range test.apis {
					h.API("self", name, fmt.Sprint("api-", a), labels...)
				}
			})
			a := h.adapter()
			h.resetRequests()
			entries := h.inventory(a, testCluster)
			all, writes := h.requests()
			t.Logf("inventory of %d components with %d APIs: %d requests", test.count, test.apis, all)
			if len(entries) != test.count || all > test.atMost || writes != 0 {
				t.Errorf("%d entries by %d requests, %d of them writes: want at most %d, and none", len(entries), all, writes, test.atMost)
			}
		})
	}
}

// After an error nothing is known: no entry is missing because of it.
func TestInventory_FailsAsAWhole(t *testing.T) {
	t.Parallel()
	for _, path := range []string{pathComponents, pathAPIs} {
		t.Run(strings.Trim(path, "/"), func(t *testing.T) {
			t.Parallel()
			h, a, _, _ := applied(t, "products")
			h.fault(on(100, "GET", path, faults.Fault{Status: 503}))
			err := a.Inventory(t.Context(), testCluster, func(e target.Entry) { t.Errorf("%+v passed before the failure", e) })
			registrytest.WantFailure(t, err, target.ClassUnavailable)
		})
	}
}
