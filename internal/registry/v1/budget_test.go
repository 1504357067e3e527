package v1

import (
	"fmt"
	"sync"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestApply_ThousandComponentsWithinBudget(t *testing.T) {
	const count = 1000
	h := newHarness(t, refregistry.Config{})
	results := make([]target.Result, count)
	each := func(a *Adapter, previous func(i int) target.Previous) {
		t.Helper()
		h.resetRequests()
		inParallel(16, count, func(i int) {
			c := sample(fmt.Sprint("component-", i), "products", "offers")
			result, err := a.Apply(t.Context(), keyOf(c), c, previous(i))
			if err != nil {
				t.Error(err)
			}
			results[i] = result
		})
	}
	known := func(i int) target.Previous { return previousOf(results[i]) }
	unknown := func(int) target.Previous { return target.Previous{} }

	a := h.adapter()
	each(a, unknown)
	all, writes := h.requests()
	t.Logf("first sync: %d requests, %d of them writes", all, writes)
	testcheck.AtMost(t, "requests of the first sync", 4100, all)
	if s := h.snapshot(); len(s.Components) != count || len(s.APIs) != 2*count {
		t.Errorf("%d components and %d APIs", len(s.Components), len(s.APIs))
	}

	for name, previous := range map[string]func(int) target.Previous{"with references": known, "without references": unknown} {
		for which, adapter := range map[string]*Adapter{"the same adapter": a, "a new one": h.adapter()} {
			each(adapter, previous)
			all, writes := h.requests()
			t.Logf("repeat %s by %s: %d requests, %d of them writes", name, which, all, writes)
			if writes != 0 || all > 2*count+10 {
				t.Errorf("the repeat %s by %s takes %d requests and writes %d times", name, which, all, writes)
			}
		}
	}
	if t.Failed() {
		t.Log(h.server.Load().Requests())
	}
}

// Two replicas start at once on components that share their labels.
func TestApply_ConcurrentReplicasShareLabels(t *testing.T) {
	const count = 40
	h := newHarness(t, refregistry.Config{})
	var group sync.WaitGroup
	for replica := range 2 {
		a := h.adapter()
		group.Go(func() {
			inParallel(8, count, func(i int) {
				c := sample(fmt.Sprintf("component-%d-%d", replica, i), "products")
				c.Labels["team"] = fmt.Sprint("team-", i)
				if _, err := a.Apply(t.Context(), keyOf(c), c, target.Previous{}); err != nil {
					t.Error(err)
				}
			})
		})
	}
	group.Wait()
	s := h.snapshot()
	if len(s.Registries) != 1 || len(s.Components) != 2*count || len(s.APIs) != 2*count {
		t.Errorf("%d registries, %d components, %d APIs", len(s.Registries), len(s.Components), len(s.APIs))
	}
	h.wantDistinctLabels()
	for _, c := range s.Components {
		if len(c.Labels) != 7 {
			t.Errorf("%s has the labels %v", c.Name, c.Labels)
		}
	}
}
