package tmf639

import (
	"fmt"
	"testing"

	"odasync/internal/component"
	"odasync/internal/registry/tmf639/document/documenttest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestInventory_HasTheRecordedReferences(t *testing.T) {
	h := newHarness(t)
	a := h.adapter()
	var want []target.Entry
	for _, c := range []*component.Component{documenttest.Sample("a", "offers"), documenttest.Sample("b"), documenttest.Sample("c.d", "x", "y")} {
		ref := h.apply(a, c, target.Previous{}).Ref
		ref.Parts = ""
		want = append(want, target.Entry{Key: documenttest.Key(c), Ref: ref})
	}
	testcheck.Equal(t, "inventory", want, h.inventory(h.adapter(), documenttest.Cluster))
	if got := h.inventory(a, "west"); len(got) != 6 || !got[0].Foreign || got[0].Key != (component.Key{}) {
		t.Errorf("another cluster's: %+v", got)
	}
	if got := h.inventory(h.adapter(documenttest.WithPrefix("other")), documenttest.Cluster); len(got) != 0 {
		t.Errorf("under another prefix: %+v", got)
	}
	if got := h.inventory(h.adapter(documenttest.WithNamespace), documenttest.Cluster); len(got) != 3 || got[0].Ref.ID != "self:a" || got[0].Ref.Name != "a" || got[0].Ref.Digest == want[0].Ref.Digest {
		t.Errorf("with another format: %+v", got)
	}
}

func TestInventory_ShowsChanges(t *testing.T) {
	h, a, c, first := applied(t, "offers")
	entries := func() map[string]target.Entry {
		all := map[string]target.Entry{}
		for _, e := range h.inventory(a, documenttest.Cluster) {
			all[e.Key.Name+" "+e.Ref.ID] = e
		}
		return all
	}
	h.send(204, "DELETE", "/resource/self:catalog-offers", nil)
	if e := entries()["catalog self:catalog"]; e.Ref.Digest == first.Ref.Digest || e.Ref.Digest == "" {
		t.Errorf("an API is gone: %+v", e)
	}
	h.apply(a, c, verifyOf(first))
	h.send(200, "PATCH", "/resource/self:catalog", collectedBy(c)[0])
	if all := entries(); len(all) != 2 || all[" self:catalog"].Ref.Name != "catalog" || all[" self:catalog"].Foreign || all["catalog "].Ref.Digest != "" {
		t.Errorf("the Component is written over: %+v", all)
	}
	h.send(204, "DELETE", "/resource/self:catalog", nil)
	if all := entries(); len(all) != 1 || all["catalog "].Ref != a.Place(documenttest.Key(c)) {
		t.Errorf("only an API is left: %+v", all)
	}
}

func TestInventory_TenThousandDocumentsWithinBudget(t *testing.T) {
	const components, apis = 2500, 3
	h := newHarness(t)
	a := h.adapter()
	refs := make([]target.Ref, components)
	inParallel(4, components, func(i int) {
		c := documenttest.Sample(fmt.Sprint("productcatalog-", i), "offers", "products", "metrics")
		result, err := a.Apply(t.Context(), documenttest.Key(c), c, target.Previous{})
		if err != nil {
			t.Error(err)
		}
		refs[i] = result.Ref
	})
	h.server.ResetRequests()
	recorded := map[string]string{}
	for _, ref := range refs {
		recorded[ref.ID] = ref.Digest
	}
	inSync := 0
	for _, e := range h.inventory(h.adapter(), documenttest.Cluster) {
		if recorded[e.Ref.ID] == e.Ref.Digest {
			inSync++
		}
	}
	all, writes := h.requests()
	if inSync != components || all > 10 || writes != 0 {
		t.Errorf("%d components in sync after %d requests and %d writes", inSync, all, writes)
	}
	if size := len(h.Do("GET", "/resource?fields=resourceVersion&limit=-1", "").Body); size > 3<<20 {
		t.Errorf("the listing of %d documents has %d bytes", components*(1+apis), size)
	}
}

func TestApply_ThousandComponentsWithinBudget(t *testing.T) {
	const count = 1000
	h := newHarness(t)
	a := h.adapter()
	refs := make([]target.Ref, count)
	each := func(a *Adapter, previous func(i int) target.Previous) (all, writes int) {
		t.Helper()
		h.server.ResetRequests()
		inParallel(8, count, func(i int) {
			c := documenttest.Sample(fmt.Sprint("component-", i), "products", "offers")
			result, err := a.Apply(t.Context(), documenttest.Key(c), c, previous(i))
			if err != nil {
				t.Error(err)
			}
			refs[i] = result.Ref
		})
		return h.requests()
	}
	if all, writes := each(a, func(int) target.Previous { return target.Previous{} }); writes != 3*count || all > writes+10 {
		t.Errorf("the first sync takes %d requests, %d of which write; want %d and at most 10 reads", all, writes, 3*count)
	}
	if all, _ := each(a, func(i int) target.Previous { return target.Previous{Ref: refs[i]} }); all != 0 {
		t.Errorf("a repeat takes %d requests", all)
	}
	if all, writes := each(h.adapter(), func(i int) target.Previous { return target.Previous{Ref: refs[i], Verify: true} }); writes != 0 || all > 10 {
		t.Errorf("a comparison takes %d requests, %d of which write", all, writes)
	}
}
