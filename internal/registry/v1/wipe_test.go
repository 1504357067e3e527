package v1

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/target"
)

// fillByOthers fills a wiped registry as somebody else would: every id that was known stands for another thing.
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

// theirs is the others' content.
func (h *harness) theirs() string {
	var all []string
	for i := range 3 {
		all = append(all, h.entryOf("theirs", fmt.Sprint("theirs-", i)))
	}
	return strings.Join(all, "\n")
}

func TestApply_FillsAWipedRegistryAgain(t *testing.T) {
	tests := map[string]struct {
		fill     func(h *harness)
		previous func(target.Result) target.Previous
	}{
		"empty":                                  {previous: previousOf},
		"ids given to others":                    {previous: previousOf, fill: func(h *harness) { h.fillByOthers(false) }},
		"ids given to others, the entry created": {previous: previousOf, fill: func(h *harness) { h.fillByOthers(true) }},
		"without a record":                       {previous: func(target.Result) target.Previous { return target.Previous{} }, fill: func(h *harness) { h.fillByOthers(true) }},
		"filled by another replica": {previous: previousOf, fill: func(h *harness) {
			h.fillByOthers(false)
			h.apply(h.adapter(), sample("catalog", "products"))
		}},
		"a foreign owner's labels under known ids": {previous: previousOf, fill: func(h *harness) { h.Registry("self"); h.createForeignLabels() }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, refregistry.Config{})
			v := h.adapter()
			c, fresh := sample("catalog", "products", "offers"), sample("fresh", "products")
			first := h.apply(v, c)
			h.wipe()
			if test.fill != nil {
				test.fill(h)
			}
			before := h.theirs()
			// A component that nothing is known of comes first: its creation is the first that meets the new ids.
			h.apply(v, fresh)
			second := h.apply(v, c, test.previous(first))
			h.wantEntry("fresh", "products")
			h.wantEntry("catalog", "offers", "products")
			if diff := cmp.Diff(before, h.theirs()); diff != "" {
				t.Errorf("others were harmed: %s", diff)
			}
			h.resetRequests()
			h.apply(v, c, previousOf(second))
			if all, writes := h.requests(); all != 2 || writes != 0 {
				t.Errorf("the repeat takes %d requests, %d writes", all, writes)
			}
		})
	}
}

// createForeignLabels creates labels whose ids a component created with known ids would show as another owner's.
func (h *harness) createForeignLabels() {
	for i := range 12 {
		h.Label("managed-by", fmt.Sprint("odasync/elsewhere-", i))
	}
}

func TestDelete_InAWipedRegistryKeepsOthers(t *testing.T) {
	h, v, c, first := applied(t, "products")
	h.wipe()
	h.fillByOthers(true)
	before := h.theirs()
	h.delete(v, c, previousOf(first))
	if diff := cmp.Diff(before, h.theirs()); diff != "" {
		t.Error(diff)
	}
}

// The registry is wiped, and its entry created by another, in the middle of a busy time.
func TestApply_WipeAmongMany(t *testing.T) {
	const count, workers = 120, 8
	h, next := newHarness(t, refregistry.Config{}), newHarness(t, refregistry.Config{})
	next.fillByOthers(true)
	before := next.theirs()
	v := h.adapter()
	var begun atomic.Int32
	for range 2 {
		var group sync.WaitGroup
		for worker := range workers {
			group.Go(func() {
				for i := worker; i < count; i += workers {
					if begun.Add(1) == count/2 {
						h.server.Store(next.server.Load())
					}
					c := sample(fmt.Sprint("c", i), "products")
					if _, err := v.Apply(t.Context(), keyOf(c), c, target.Previous{}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
	}
	for i := range count {
		name := fmt.Sprint("c", i)
		h.wantEntry(name, "products")
	}
	if diff := cmp.Diff(before, h.theirs()); diff != "" {
		t.Errorf("others were harmed: %s", diff)
	}
}

func TestApply_FailsWhenTheContentKeepsChanging(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	v := h.adapter()
	h.fault(func(r *http.Request) *faults.Fault {
		if r.Method == "POST" && r.URL.Path == pathComponents {
			return &faults.Fault{Status: 400, Body: `{"detail":"Component 'catalog' already exists"}`}
		}
		return nil
	})
	c := sample("catalog")
	_, err := v.Apply(t.Context(), keyOf(c), c, target.Previous{})
	wantFailure(t, err, target.ClassConflict, "already exists")
	if posts := h.server.Load().Requests()["POST /components/"]; posts != maxAttempts {
		t.Errorf("%d attempts, want %d", posts, maxAttempts)
	}
}
