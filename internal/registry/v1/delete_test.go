package v1

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/target"
)

func TestDeleteRemovesTheAPIsFirst(t *testing.T) {
	h := newHarness(t, refregistry.Config{RecordHistory: true})
	v := h.adapter()
	c := sample("catalog", "products", "offers")
	if empty, err := v.Delete(t.Context(), keyOf(c), target.Previous{}); err != nil || empty.Writes != 0 {
		t.Errorf("delete from an empty registry: %d writes, %v; the registry entry is not the component's", empty.Writes, err)
	}
	first := h.apply(v, c, target.Previous{})
	h.apply(v, sample("other", "stays"), target.Previous{})
	result, err := v.Delete(t.Context(), keyOf(c), previousOf(first))
	if err != nil {
		t.Fatal(err)
	}
	if want := (target.Result{Requests: 5, Writes: 3}); result != want {
		t.Errorf("result = %+v, want %+v", result, want)
	}
	var order []string
	for _, w := range h.server.Load().History() {
		if w.Method == "DELETE" {
			order = append(order, strings.TrimSpace(w.Kind+" "+w.Component+" "+w.API))
		}
	}
	want := []string{"exposed-api catalog products", "exposed-api catalog offers", "component catalog"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(sampleEntry("other", "stays"), h.entryOf("self", "other")); diff != "" {
		t.Errorf("the other component: %s", diff)
	}

	h.resetRequests()
	if _, err := v.Delete(t.Context(), keyOf(c), target.Previous{}); err != nil {
		t.Errorf("delete what is gone: %v", err)
	}
	if all, _ := h.requests(); all != 0 {
		t.Errorf("deleting what is known to be gone takes %d requests", all)
	}
	h.apply(v, c, target.Previous{})
	if diff := cmp.Diff(sampleEntry("catalog", "offers", "products"), h.entryOf("self", "catalog")); diff != "" {
		t.Errorf("created again: %s", diff)
	}
}

func TestDelete(t *testing.T) {
	tests := map[string]struct {
		prepare  func(h *harness)
		previous func(record target.Ref) target.Previous
		gone     bool
	}{
		"by the record": {
			previous: func(r target.Ref) target.Previous { return target.Previous{Ref: r} }, gone: true,
		},
		"by the index, without a record": {
			previous: func(target.Ref) target.Previous { return target.Previous{} }, gone: true,
		},
		"by the list, when the record's id is wrong": {
			previous: func(r target.Ref) target.Previous { r.ID = "77"; return target.Previous{Ref: r} }, gone: true,
		},
		"by the record alone, when its labels are gone": {
			prepare:  func(h *harness) { h.send("PUT", "/components/1", componentUpdate{LabelIDs: []int64{}}) },
			previous: func(r target.Ref) target.Previous { return target.Previous{Ref: r} }, gone: true,
		},
		"nothing without owner that no record knows": {
			prepare:  func(h *harness) { h.send("PUT", "/components/1", componentUpdate{LabelIDs: []int64{}}) },
			previous: func(target.Ref) target.Previous { return target.Previous{} },
		},
		"nothing of another cluster": {
			prepare: func(h *harness) {
				h.send("PUT", "/components/1", componentUpdate{LabelIDs: []int64{h.createLabel("managed-by", "odasync/west")}})
			},
			previous: func(r target.Ref) target.Previous { return target.Previous{Ref: r} },
		},
		"nothing of another namespace": {
			prepare: func(h *harness) {
				h.send("PUT", "/components/1", componentUpdate{LabelIDs: []int64{h.createLabel("namespace", "elsewhere")}})
			},
			previous: func(r target.Ref) target.Previous { return target.Previous{Ref: r, InDoubt: true} },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, refregistry.Config{})
			c := sample("catalog", "products")
			record := h.apply(h.adapter(), c, target.Previous{}).Ref
			if test.prepare != nil {
				test.prepare(h)
			}
			before := h.snapshot()
			result, err := h.adapter().Delete(t.Context(), keyOf(c), test.previous(record))
			if err != nil {
				t.Fatal(err)
			}
			if result.Ref != (target.Ref{}) {
				t.Errorf("record = %+v, want none", result.Ref)
			}
			if !test.gone {
				if diff := cmp.Diff(before, h.snapshot()); diff != "" {
					t.Error(diff)
				}
				return
			}
			if shown := h.entryOf("self", "catalog"); shown != "" {
				t.Errorf("still shown:\n%s", shown)
			}
		})
	}
}

func TestDeleteRemovesTheLeftoverAPIsOfAComponentThatIsGone(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	v := h.adapter()
	c := sample("catalog", "products")
	record := h.apply(v, c, target.Previous{}).Ref
	h.createAPI("self", "catalog", "of-somebody-else")
	h.send("DELETE", "/components/"+record.ID, nil)
	if _, err := v.Delete(t.Context(), keyOf(c), target.Previous{Ref: record}); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, a := range h.snapshot().APIs {
		left = append(left, a.Name)
	}
	if diff := cmp.Diff([]string{"of-somebody-else"}, left); diff != "" {
		t.Error(diff)
	}
	// They belong to whoever has the name next.
	h.apply(v, c, target.Previous{})
	if diff := cmp.Diff(sampleEntry("catalog", "products"), h.entryOf("self", "catalog")); diff != "" {
		t.Error(diff)
	}
}

func TestDeleteCountsWhatAnotherDeletedAsDone(t *testing.T) {
	for _, path := range []string{"/exposed-apis/", "/components/"} {
		h := newHarness(t, refregistry.Config{})
		v := h.adapter()
		c := sample("catalog", "products")
		first := h.apply(v, c, target.Previous{})
		h.server.Load().SetFault(on(1, "DELETE", path, faults.Fault{After: true, Status: 404, Body: `{"detail":"not found"}`}))
		if _, err := v.Delete(t.Context(), keyOf(c), previousOf(first)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if s := h.snapshot(); len(s.Components)+len(s.APIs) != 0 {
			t.Errorf("%s: left %+v %+v", path, s.Components, s.APIs)
		}
	}
}

func TestDeleteUnderAnEarlierRegistryNameReadsItsList(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	c := sample("catalog", "products")
	h.apply(h.adapter(), c, target.Previous{})
	v := h.adapter(func(cfg *registry.Config) { cfg.Name = "north" })
	record := target.Ref{Registry: "self", Name: "catalog", ID: "99"} // the registry was restored under other ids
	if _, err := v.Delete(t.Context(), keyOf(c), target.Previous{Ref: record}); err != nil {
		t.Fatal(err)
	}
	if shown := h.entryOf("self", "catalog"); shown != "" {
		t.Errorf("still shown:\n%s", shown)
	}
}

func TestDeleteInDoubtFindsWhatWasCreatedUnnoticed(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	late := h.adapter()
	h.apply(late, sample("warm-up"), target.Previous{})
	c := sample("catalog", "products")
	h.apply(h.adapter(), c, target.Previous{}) // by a replica that died before it could record that
	if _, err := late.Delete(t.Context(), keyOf(c), target.Previous{InDoubt: true}); err != nil {
		t.Fatal(err)
	}
	if shown := h.entryOf("self", "catalog"); shown != "" {
		t.Errorf("still shown:\n%s", shown)
	}
}

func TestDeleteAfterAnUnfinishedChangeOfTheNameRemovesBoth(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	c := sample("catalog", "products")
	record := h.apply(h.adapter(), c, target.Previous{}).Ref
	namespaced := func(cfg *registry.Config) { cfg.NameFormat = registry.FormatNamespaceName }
	h.apply(h.adapter(namespaced), c, target.Previous{})
	if _, err := h.adapter(namespaced).Delete(t.Context(), keyOf(c), target.Previous{Ref: record, InDoubt: true}); err != nil {
		t.Fatal(err)
	}
	if s := h.snapshot(); len(s.Components)+len(s.APIs) != 0 {
		t.Errorf("left: %+v %+v", s.Components, s.APIs)
	}
}

func TestDeleteOfManyThatAreGoneSharesTheListing(t *testing.T) {
	const count = 60
	h := newHarness(t, refregistry.Config{})
	v := h.adapter()
	previous := make([]target.Previous, count)
	for i := range count {
		previous[i] = previousOf(h.apply(v, sample(fmt.Sprint("c", i)), target.Previous{}))
	}
	for i := range count {
		h.send("DELETE", "/components/"+previous[i].Ref.ID, nil)
	}
	h.resetRequests()
	for i := range count {
		if _, err := v.Delete(t.Context(), keyOf(sample(fmt.Sprint("c", i))), previous[i]); err != nil {
			t.Fatal(err)
		}
	}
	if listings := h.server.Load().Requests()["GET /components/"]; listings != 1 {
		t.Errorf("%d listings, want 1", listings)
	}
}
