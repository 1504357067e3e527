package registry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestPages_ReadAgainWhenRowsMove(t *testing.T) {
	const count = 2100
	tests := map[string]struct {
		change func(h *harness, page int)
		rows   int // -1 for any number
		steady bool
		pages  int
	}{
		"when nothing changes": {rows: count, steady: true, pages: 3},
		"when a row is deleted between pages": {
			change: func(h *harness, page int) {
				if page == 2 {
					h.Expect(204, "DELETE", "/labels/1", "")
				}
			},
			rows: count - 1, steady: true, pages: 6,
		},
		"when a row is added at the end": {
			change: func(h *harness, page int) {
				if page == 2 {
					h.Label("late", "x")
				}
			},
			rows: count + 1, steady: true, pages: 3,
		},
		"when rows are deleted all the time": {
			change: func(h *harness, page int) { h.Expect(204, "DELETE", fmt.Sprint("/labels/", page), "") },
			rows:   -1, steady: false, pages: 9,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, refregistry.Config{})
			for i := range count {
				h.Label("filler", fmt.Sprint(i))
			}
			pages := 0
			h.SetFault(func(r *http.Request) *faults.Fault {
				if r.Method == http.MethodGet {
					pages++
					if test.change != nil {
						test.change(h, pages)
					}
				}
				return nil
			})
			rows, steady, err := labels.Collect(t.Context(), h.client().NewSession())
			testcheck.NoError(t, err)
			if steady != test.steady || pages != test.pages || test.rows >= 0 && len(rows) != test.rows {
				t.Errorf("%d rows in %d pages, steady %v; want %d in %d, %v", len(rows), pages, steady, test.rows, test.pages, test.steady)
			}
			seen := map[int64]bool{}
			for _, row := range rows {
				if seen[row.ID] {
					t.Fatalf("label %d twice", row.ID)
				}
				seen[row.ID] = true
			}
		})
	}
}

// A registry, or a proxy before it, that does not page must lead to an error, not to endless requests.
func TestPages_FailWithoutPaging(t *testing.T) {
	page := func(count int) string {
		rows := make([]label, count)
		for i := range rows {
			rows[i] = label{int64(i + 1), "filler", fmt.Sprint(i)}
		}
		body := testcheck.Must(json.Marshal(rows))
		return string(body)
	}
	for name, test := range map[string]struct {
		body     string
		parts    []string
		requests int
	}{
		"when skip is ignored":     {page(labels.Size), []string{"ignores the parameter skip", "COMPONENT_REGISTRY_URL"}, 2},
		"when limit is ignored":    {page(labels.Size + 1), []string{"more than the requested 1000 rows", "the parameter limit is ignored"}, 1},
		"when a row is huge":       {`[{"id":1,"key":"k","value":"` + strings.Repeat("x", 2*maxItem) + `"}]`, []string{"larger than 1 MiB"}, 1},
		"when it is not a list":    {`{"items":[]}`, []string{"not a list"}, 1},
		"when the list is cut off": {`[{"id":1,"key":"k","value":"v"},`, []string{"not that of a v1 Component Registry"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, refregistry.Config{})
			h.fault(faults.Fault{Status: http.StatusOK, Body: test.body})
			_, _, err := labels.Collect(t.Context(), h.client().NewSession())
			registrytest.WantFailure(t, err, target.ClassUnauthorized, append(test.parts, "GET /labels/")...)
			testcheck.Equal(t, "requests", test.requests, h.Requests()["GET /labels/"])
		})
	}
}

// All pages come over one connection: the rest of a body behind its list must be read too.
func TestPages_KeepTheConnection(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	connections := map[string]bool{}
	h.SetFault(func(r *http.Request) *faults.Fault {
		connections[r.RemoteAddr] = true
		return nil
	})
	c := h.client()
	for range 3 {
		if _, _, err := labels.Collect(t.Context(), c.NewSession()); err != nil {
			t.Fatal(err)
		}
	}
	testcheck.Equal(t, "connections", 1, len(connections))
}
