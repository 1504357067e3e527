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

func TestDelete_RemovesTheAPIsFirst(t *testing.T) {
	h := newHarness(t, refregistry.Config{RecordHistory: true})
	v := h.adapter()
	c := sample("catalog", "products", "offers")
	if empty, err := v.Delete(t.Context(), keyOf(c), target.Previous{}); err != nil || empty.Writes != 0 {
		t.Errorf("delete from an empty registry: %d writes, %v; the registry entry is not the component's", empty.Writes, err)
	}
	first := h.apply(v, c)
	h.apply(v, sample("other", "stays"))
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
	h.wantEntry("other", "stays")

	h.resetRequests()
	if _, err := v.Delete(t.Context(), keyOf(c), target.Previous{}); err != nil {
		t.Errorf("delete what is gone: %v", err)
	}
	if all, _ := h.requests(); all != 0 {
		t.Errorf("deleting what is known to be gone takes %d requests", all)
	}
	h.apply(v, c)
	h.wantEntry("catalog", "offers", "products")
}

func TestDelete_RemovesOnlyItsOwn(t *testing.T) {
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
				h.send("PUT", "/components/1", componentUpdate{LabelIDs: []int64{h.Label("managed-by", "odasync/west")}})
			},
			previous: func(r target.Ref) target.Previous { return target.Previous{Ref: r} },
		},
		"nothing of another namespace": {
			prepare: func(h *harness) {
				h.send("PUT", "/components/1", componentUpdate{LabelIDs: []int64{h.Label("namespace", "elsewhere")}})
			},
			previous: func(r target.Ref) target.Previous { return target.Previous{Ref: r, InDoubt: true} },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, refregistry.Config{})
			c := sample("catalog", "products")
			record := h.apply(h.adapter(), c).Ref
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
			h.wantNoEntry("catalog")
		})
	}
}

func TestDelete_RemovesLeftAPIs(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	v := h.adapter()
	c := sample("catalog", "products")
	record := h.apply(v, c).Ref
	h.API("self", "catalog", "of-somebody-else")
	h.send("DELETE", "/components/"+record.ID, nil)
	h.delete(v, c, target.Previous{Ref: record})
	var left []string
	for _, a := range h.snapshot().APIs {
		left = append(left, a.Name)
	}
	if diff := cmp.Diff([]string{"of-somebody-else"}, left); diff != "" {
		t.Error(diff)
	}
	// They belong to whoever has the name next.
	h.apply(v, c)
	h.wantEntry("catalog", "products")
}

func TestDelete_AcceptsWhatIsGone(t *testing.T) {
	for _, path := range []string{"/exposed-apis/", "/components/"} {
		h, v, c, first := applied(t, "products")
		h.fault(on(1, "DELETE", path, faults.Fault{After: true, Status: 404, Body: `{"detail":"not found"}`}))
		if _, err := v.Delete(t.Context(), keyOf(c), previousOf(first)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if s := h.snapshot(); len(s.Components)+len(s.APIs) != 0 {
			t.Errorf("%s: left %+v %+v", path, s.Components, s.APIs)
		}
	}
}

func TestDelete_ReadsTheListOfAnEarlierRegistryName(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	c := sample("catalog", "products")
	h.apply(h.adapter(), c)
	v := h.adapter(func(cfg *registry.Config) { cfg.Name = "north" })
	record := target.Ref{Registry: "self", Name: "catalog", ID: "99"} // the registry was restored under other ids
	h.delete(v, c, target.Previous{Ref: record})
	h.wantNoEntry("catalog")
}

func TestDelete_InDoubtFindsAnUnrecordedEntry(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	late := h.adapter()
	h.apply(late, sample("warm-up"))
	c := sample("catalog", "products")
	h.apply(h.adapter(), c) // by a replica that died before it could record that
	h.delete(late, c, target.Previous{InDoubt: true})
	h.wantNoEntry("catalog")
}

func TestDelete_AfterAnUnfinishedMoveRemovesBoth(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	c := sample("catalog", "products")
	record := h.apply(h.adapter(), c).Ref
	namespaced := withNamespace
	h.apply(h.adapter(namespaced), c)
	h.delete(h.adapter(namespaced), c, target.Previous{Ref: record, InDoubt: true})
	if s := h.snapshot(); len(s.Components)+len(s.APIs) != 0 {
		t.Errorf("left: %+v %+v", s.Components, s.APIs)
	}
}

func TestDelete_OfManyGoneEntriesReadsOneList(t *testing.T) {
	const count = 60
	h := newHarness(t, refregistry.Config{})
	v := h.adapter()
	previous := make([]target.Previous, count)
	for i := range count {
		previous[i] = previousOf(h.apply(v, sample(fmt.Sprint("c", i))))
	}
	for i := range count {
		h.send("DELETE", "/components/"+previous[i].Ref.ID, nil)
	}
	h.resetRequests()
	for i := range count {
		h.delete(v, sample(fmt.Sprint("c", i)), previous[i])
	}
	if listings := h.server.Load().Requests()["GET /components/"]; listings != 1 {
		t.Errorf("%d listings, want 1", listings)
	}
}
