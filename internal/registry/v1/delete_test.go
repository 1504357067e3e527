package v1

import (
	"fmt"
	"strings"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestDelete_RemovesTheAPIsFirst(t *testing.T) {
	h := newHarness(t, refregistry.Config{RecordHistory: true})
	a := h.adapter()
	c := sample("catalog", "products", "offers")
	testcheck.Equal(t, "writes of a delete from an empty registry: its registry entry is not the component's", 0, h.delete(a, c, target.Previous{}).Writes)
	first := h.apply(a, c)
	h.apply(a, sample("other", "stays"))
	result := h.delete(a, c, previousOf(first))
	testcheck.Equal(t, "result", (target.Result{Requests: 5, Writes: 3}), result)
	var order []string
	for _, w := range h.server.Load().History() {
		if w.Method == "DELETE" {
			order = append(order, strings.TrimSpace(w.Kind+" "+w.Component+" "+w.API))
		}
	}
	want := []string{"exposed-api catalog products", "exposed-api catalog offers", "component catalog"}
	testcheck.Equal(t, "deletions in order", want, order)
	h.wantEntry("other", "stays")

	h.resetRequests()
	h.delete(a, c, target.Previous{})
	if all, _ := h.requests(); all != 0 {
		t.Errorf("deleting what is known to be gone takes %d requests", all)
	}
	h.apply(a, c)
	h.wantEntry("catalog", "offers", "products")
}

func TestDelete_RemovesOnlyItsOwn(t *testing.T) {
	tests := map[string]struct {
		edit     func(h *harness)
		unknown  bool   // there is no reference
		id       string // in the reference, where it is wrong
		inDoubt  bool
		wantKept bool
	}{
		"by the reference":                                 {},
		"by the cache, without a reference":                {unknown: true},
		"by the list, when the reference's id is wrong":    {id: "77"},
		"by the reference alone, when its labels are gone": {edit: func(h *harness) { h.relabel(1) }},
		"not without an owner or a reference":              {edit: func(h *harness) { h.relabel(1) }, unknown: true, wantKept: true},
		"not of another cluster":                           {edit: func(h *harness) { h.relabel(1, h.Label("managed-by", "odasync/west")) }, wantKept: true},
		"not of another namespace":                         {edit: func(h *harness) { h.relabel(1, h.Label("namespace", "elsewhere")) }, inDoubt: true, wantKept: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, _, c, first := applied(t, "products")
			if test.edit != nil {
				test.edit(h)
			}
			previous := target.Previous{Ref: first.Ref, InDoubt: test.inDoubt}
			if test.id != "" {
				previous.Ref.ID = test.id
			}
			if test.unknown {
				previous.Ref = target.Ref{}
			}
			before := h.snapshot()
			testcheck.Equal(t, "reference", target.Ref{}, h.delete(h.adapter(), c, previous).Ref)
			if !test.wantKept {
				h.wantNoEntry("catalog")
			} else {
				h.wantUnchanged(before)
			}
		})
	}
}

func TestDelete_RemovesLeftAPIs(t *testing.T) {
	h, a, c, first := applied(t, "products")
	h.API("self", "catalog", "unowned")
	h.send("DELETE", "/components/"+first.Ref.ID, nil)
	h.delete(a, c, previousOf(first))
	var left []string
	for _, a := range h.snapshot().APIs {
		left = append(left, a.Name)
	}
	testcheck.Equal(t, "APIs left", []string{"unowned"}, left)
	// The next component of the name takes them over.
	h.apply(a, c)
	h.wantEntry("catalog", "products")
}

func TestDelete_AcceptsWhatIsGone(t *testing.T) {
	for _, path := range []string{"/exposed-apis/", "/components/"} {
		h, a, c, first := applied(t, "products")
		h.fault(on(1, "DELETE", path, faults.Fault{After: true, Status: 404, Body: `{"detail":"not found"}`}))
		h.delete(a, c, previousOf(first))
		if s := h.snapshot(); len(s.Components)+len(s.APIs) != 0 {
			t.Errorf("%s: left %+v %+v", path, s.Components, s.APIs)
		}
	}
}

func TestDelete_ReadsTheListOfAnEarlierRegistryName(t *testing.T) {
	h, _, c, _ := applied(t, "products")
	a := h.adapter(func(cfg *registry.Config) { cfg.Name = "north" })
	ref := target.Ref{Registry: "self", Name: "catalog", ID: "99"} // the registry was restored under other ids
	h.delete(a, c, target.Previous{Ref: ref})
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
	h, _, c, first := applied(t, "products")
	h.apply(h.adapter(withNamespace), c)
	h.delete(h.adapter(withNamespace), c, target.Previous{Ref: first.Ref, InDoubt: true})
	if s := h.snapshot(); len(s.Components)+len(s.APIs) != 0 {
		t.Errorf("left: %+v %+v", s.Components, s.APIs)
	}
}

func TestDelete_OfManyGoneEntriesReadsOneList(t *testing.T) {
	const count = 60
	h, a := newEmpty(t)
	previous := make([]target.Previous, count)
	for i := range count {
		previous[i] = previousOf(h.apply(a, sample(fmt.Sprint("c", i))))
	}
	for i := range count {
		h.send("DELETE", "/components/"+previous[i].Ref.ID, nil)
	}
	h.resetRequests()
	for i := range count {
		h.delete(a, sample(fmt.Sprint("c", i)), previous[i])
	}
	testcheck.Equal(t, "listings", 1, h.server.Load().Requests()["GET /components/"])
}
