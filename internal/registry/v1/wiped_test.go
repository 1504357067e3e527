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

// fillByAnother fills a wiped registry as somebody else would: every id that was known stands for another thing.
func (b *bench) fillByAnother(registry bool) {
	if registry {
		b.rawRegistry("self")
	}
	b.rawRegistry("theirs")
	var ids []int64
	for i := range 20 {
		ids = append(ids, b.rawLabel("theirs", fmt.Sprint(i)))
	}
	for i := range 3 {
		name := fmt.Sprint("theirs-", i)
		b.rawComponent("theirs", name, ids[i], ids[i+3])
		b.rawAPI("theirs", name, "api", ids[i])
	}
}

// theirs is the others' content.
func (b *bench) theirs() string {
	var all []string
	for i := range 3 {
		all = append(all, b.shown("theirs", fmt.Sprint("theirs-", i)))
	}
	return strings.Join(all, "\n")
}

func TestAWipedRegistryIsFilledAgainAndOthersAreNotHarmed(t *testing.T) {
	tests := map[string]struct {
		fill  func(b *bench)
		prior func(target.Result) target.Previous
	}{
		"empty":                                  {prior: recordOf},
		"ids given to others":                    {prior: recordOf, fill: func(b *bench) { b.fillByAnother(false) }},
		"ids given to others, the entry created": {prior: recordOf, fill: func(b *bench) { b.fillByAnother(true) }},
		"without a record":                       {prior: func(target.Result) target.Previous { return target.Previous{} }, fill: func(b *bench) { b.fillByAnother(true) }},
		"filled by another replica": {prior: recordOf, fill: func(b *bench) {
			b.fillByAnother(false)
			b.apply(b.adapter(), sample("catalog", "products"), target.Previous{})
		}},
		"a foreign owner's labels under known ids": {prior: recordOf, fill: func(b *bench) { b.rawRegistry("self"); b.rawForeignLabels() }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, refregistry.Config{})
			v := b.adapter()
			c, fresh := sample("catalog", "products", "offers"), sample("fresh", "products")
			first := b.apply(v, c, target.Previous{})
			b.wipe()
			if test.fill != nil {
				test.fill(b)
			}
			before := b.theirs()
			// A component that nothing is known of comes first: its creation is the first that meets the new ids.
			b.apply(v, fresh, target.Previous{})
			second := b.apply(v, c, test.prior(first))
			if diff := cmp.Diff(sampleShown("fresh", "products"), b.shown("self", "fresh")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(sampleShown("catalog", "offers", "products"), b.shown("self", "catalog")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, b.theirs()); diff != "" {
				t.Errorf("others were harmed: %s", diff)
			}
			b.resetRequests()
			b.apply(v, c, recordOf(second))
			if all, writes := b.requests(); all != 2 || writes != 0 {
				t.Errorf("the repeat takes %d requests, %d writes", all, writes)
			}
		})
	}
}

// rawForeignLabels creates labels whose ids a component created with known ids would show as another owner's.
func (b *bench) rawForeignLabels() {
	for i := range 12 {
		b.rawLabel("managed-by", fmt.Sprint("odasync/elsewhere-", i))
	}
}

func TestDeleteInAWipedRegistryLeavesOthersAlone(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	v := b.adapter()
	c := sample("catalog", "products")
	first := b.apply(v, c, target.Previous{})
	b.wipe()
	b.fillByAnother(true)
	before := b.theirs()
	if _, err := v.Delete(t.Context(), keyOf(c), recordOf(first)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, b.theirs()); diff != "" {
		t.Error(diff)
	}
}

// The registry is wiped, and its entry created by another, in the middle of a busy time.
func TestAWipeAmongManyApplies(t *testing.T) {
	const count, workers = 120, 8
	b, next := newBench(t, refregistry.Config{}), newBench(t, refregistry.Config{})
	next.fillByAnother(true)
	before := next.theirs()
	v := b.adapter()
	var begun atomic.Int32
	for range 2 {
		var group sync.WaitGroup
		for worker := range workers {
			group.Go(func() {
				for i := worker; i < count; i += workers {
					if begun.Add(1) == count/2 {
						b.server.Store(next.server.Load())
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
		if diff := cmp.Diff(sampleShown(name, "products"), b.shown("self", name)); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff(before, b.theirs()); diff != "" {
		t.Errorf("others were harmed: %s", diff)
	}
}

func TestARegistryThatKeepsChangingEndsInAFailure(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	v := b.adapter()
	b.server.Load().SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == "POST" && r.URL.Path == pathComponents {
			return &faults.Fault{Status: 400, Body: `{"detail":"Component 'catalog' already exists"}`}
		}
		return nil
	})
	c := sample("catalog")
	_, err := v.Apply(t.Context(), keyOf(c), c, target.Previous{})
	fails(t, err, target.ClassConflict, "already exists")
	if posts := b.server.Load().Requests()["POST /components/"]; posts != maxRounds {
		t.Errorf("%d attempts, want %d", posts, maxRounds)
	}
}
