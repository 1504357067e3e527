package v1

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// fillByOthers fills a wiped registry so that every known id leads to another row.
func (h *harness) fillByOthers(registry bool) {
	if registry {
		h.Registry("self")
	}
	h.Registry("theirs")
	var ids []int64
	for i := range 20 {
		ids = append(ids, h.Label("theirs", fmt.Sprint(i)))
	}
	for i := range 3 {
		name := fmt.Sprint("theirs-", i)
		h.Component("theirs", name, ids[i], ids[i+3])
		h.API("theirs", name, "api", ids[i])
	}
}

// theirs describes the others' content.
func (h *harness) theirs() (all []string) {
	for i := range 3 {
		all = append(all, h.entryOf("theirs", fmt.Sprint("theirs-", i)))
	}
	return all
}

func (h *harness) wantTheirs(before []string) {
	h.Helper()
	testcheck.Equal(h, "others' content, before (-) and after (+)", before, h.theirs())
}

func TestApply_FillsAWipedRegistryAgain(t *testing.T) {
	tests := map[string]struct {
		fill     func(h *harness)
		previous func(target.Result) target.Previous
	}{
		"empty":                                  {previous: previousOf},
		"ids given to others":                    {previous: previousOf, fill: func(h *harness) { h.fillByOthers(false) }},
		"ids given to others, the entry created": {previous: previousOf, fill: func(h *harness) { h.fillByOthers(true) }},
		"without a reference":                    {previous: func(target.Result) target.Previous { return target.Previous{} }, fill: func(h *harness) { h.fillByOthers(true) }},
		"filled by another replica": {previous: previousOf, fill: func(h *harness) {
			h.fillByOthers(false)
			h.apply(h.adapter(), sample("catalog", "products"))
		}},
		"a foreign owner's labels under known ids": {previous: previousOf, fill: func(h *harness) { h.Registry("self"); h.createForeignLabels() }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, a, c, first := applied(t, "products", "offers")
			h.wipe()
			if test.fill != nil {
				test.fill(h)
			}
			before := h.theirs()
			// An unknown component comes first: its creation is the first request that meets the new ids.
			h.apply(a, sample("fresh", "products"))
			second := h.apply(a, c, test.previous(first))
			h.wantEntry("fresh", "products")
			h.wantEntry("catalog", "offers", "products")
			h.wantTheirs(before)
			h.wantNoWrite(a, c, previousOf(second))
			if all, _ := h.requests(); all != 2 {
				t.Errorf("the repeat takes %d requests, want 2", all)
			}
		})
	}
}

// createForeignLabels creates labels of other owners under the ids that the adapter knows.
func (h *harness) createForeignLabels() {
	for i := range 12 {
		h.Label("managed-by", fmt.Sprint("odasync/elsewhere-", i))
	}
}

func TestDelete_InAWipedRegistryKeepsOthers(t *testing.T) {
	h, a, c, first := applied(t, "products")
	h.wipe()
	h.fillByOthers(true)
	before := h.theirs()
	h.delete(a, c, previousOf(first))
	h.wantTheirs(before)
}

// The registry is wiped, and its entry created by another program, during many applies.
func TestApply_WipeAmongMany(t *testing.T) {
	const count = 120
	h, next := newHarness(t, refregistry.Config{}), newHarness(t, refregistry.Config{})
	next.fillByOthers(true)
	before := next.theirs()
	a := h.adapter()
	var begun atomic.Int32
	for range 2 {
		inParallel(8, count, func(i int) {
			if begun.Add(1) == count/2 {
				h.server.Store(next.server.Load())
			}
			c := sample(fmt.Sprint("c", i), "products")
			if _, err := a.Apply(t.Context(), keyOf(c), c, target.Previous{}); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range count {
		h.wantEntry(fmt.Sprint("c", i), "products")
	}
	h.wantTheirs(before)
}

func TestApply_FailsWhenTheContentKeepsChanging(t *testing.T) {
	h, a := newEmpty(t)
	h.fault(func(r *http.Request) *faults.Fault {
		if r.Method == "POST" && r.URL.Path == pathComponents {
			return &faults.Fault{Status: 400, Body: `{"detail":"Component 'catalog' already exists"}`}
		}
		return nil
	})
	c := sample("catalog")
	_, err := a.Apply(t.Context(), keyOf(c), c, target.Previous{})
	registrytest.WantFailure(t, err, target.ClassConflict, "already exists")
	testcheck.Equal(t, "attempts", maxAttempts, h.server.Load().Requests()["POST /components/"])
}
