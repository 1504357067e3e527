package v1

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// labelPage answers with count labels from the first id on.
func labelPage(first, count int) *faults.Fault {
	page := make([]wireLabel, count)
	for i := range page {
		page[i] = wireLabel{ID: int64(first + i), Key: "filler", Value: fmt.Sprint(first + i)}
	}
	body, err := json.Marshal(page)
	if err != nil {
		panic(err)
	}
	return &faults.Fault{Status: http.StatusOK, Body: string(body)}
}

// A registry, or a proxy before it, that does not page must end in words, not in requests without end.
func TestList_NamesARegistryThatDoesNotPage(t *testing.T) {
	for name, test := range map[string]struct {
		page     func() *faults.Fault
		words    []string
		requests int32
	}{
		"when skip is ignored":  {func() *faults.Fault { return labelPage(1, registry.PageSize) }, []string{"GET /labels/", "ignores the parameter skip", "COMPONENT_REGISTRY_URL"}, 2},
		"when limit is ignored": {func() *faults.Fault { return labelPage(1, registry.PageSize+1) }, []string{"GET /labels/", "more than the 1000 rows", "the parameter limit is ignored"}, 1},
		"when a row is huge": {func() *faults.Fault {
			return &faults.Fault{Status: http.StatusOK, Body: `[{"id":1,"key":"k","value":"` + strings.Repeat("x", 2*registry.MaxItem) + `"}]`}
		}, []string{"GET /labels/", "larger than 1 MiB"}, 1},
		"when it is no list": {func() *faults.Fault {
			return &faults.Fault{Status: http.StatusOK, Body: `{"items":[]}`}
		}, []string{"GET /labels/", "no list"}, 1},
		"when the list is cut off": {func() *faults.Fault {
			return &faults.Fault{Status: http.StatusOK, Body: `[{"id":1,"key":"k","value":"v"},`}
		}, []string{"GET /labels/", "not what a v1 Component Registry sends"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, refregistry.Config{})
			var requests atomic.Int32
			b.server.Load().SetFault(func(*http.Request) *faults.Fault {
				requests.Add(1)
				return test.page()
			})
			c := sample("catalog")
			_, err := b.adapter().Apply(t.Context(), keyOf(c), c, target.Previous{})
			fails(t, err, target.ClassUnauthorized, test.words...)
			if got := requests.Load(); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
		})
	}
}

func TestClient_BoundsSingleItems(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	v := b.adapter()
	c := sample("catalog", "products")
	first := b.apply(v, c, target.Previous{})
	b.server.Load().SetFault(on(1, http.MethodGet, "/components/1", faults.Fault{
		Status: http.StatusOK, Body: `{"id":1,"name":"` + strings.Repeat("x", registry.MaxItem) + `"}`,
	}))
	_, err := v.Apply(t.Context(), keyOf(c), c, recordOf(first))
	fails(t, err, target.ClassUnauthorized, "GET /components/{id}", "larger than 1 MiB")
}

// Pages come over one connection: what is left of a body behind its list must be read too.
func TestList_KeepsTheConnection(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	var connections atomic.Int32
	seen := map[string]bool{}
	b.server.Load().SetFault(func(r *http.Request) *faults.Fault {
		if !seen[r.RemoteAddr] {
			seen[r.RemoteAddr] = true
			connections.Add(1)
		}
		return nil
	})
	v := b.adapter()
	for range 3 {
		b.inventory(v, testCluster)
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}
