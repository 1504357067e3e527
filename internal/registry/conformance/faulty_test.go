package conformance_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/registry"
	"odasync/internal/registry/conformance"
	"odasync/internal/testcheck"
)

// TestSuite_FindsAFaultyRegistry runs cases against registries with one fault each. Every case has to fail for one of them.
func TestSuite_FindsAFaultyRegistry(t *testing.T) {
	tests := map[string]struct {
		api   string
		fault faulty
		fails []string
	}{
		"that loses APIs": {
			registry.APIV1, on("POST", "/exposed-apis/", answer(http.StatusCreated, "{}")),
			[]string{"create", "repeat", "update-api", "update-component", "add-api", "drop-api", "delete", "rename", "move-name-format", "move-place",
				"special-characters", "longest-names", "same-names", "other-cluster", "other-namespace", "adopt", "overwritten", "apis-left", "api-deleted",
				"crash-create", "crash-update", "crash-move", "crash-repair", "crash-delete", "concurrent-creators", "concurrent-names", "inventory", "inventory-edited", "orphans"},
		},
		"that stores APIs twice": {
			registry.APIV1, on("POST", "/exposed-apis/", twice),
			[]string{"create", "repeat", "delete", "crash-create"},
		},
		"that does not delete APIs": {
			registry.APIV1, on("DELETE", "/exposed-apis/", answer(http.StatusNoContent, "")),
			[]string{"drop-api", "delete", "rename", "move-name-format", "move-place", "crash-update", "crash-delete"},
		},
		"that does not change APIs": {
			registry.APIV1, on("PUT", "/exposed-apis/", answer(http.StatusOK, "{}")),
			[]string{"update-api", "update-component"},
		},
		"that shortens long names": {
			registry.APIV1, on("POST", "/", replace(strings.Repeat("n", 101), strings.Repeat("n", 99))),
			[]string{"longest-names"},
		},
		"that changes special characters": {
			registry.APIV1, on("POST", "/exposed-apis/", replace("%2F", "/")),
			[]string{"special-characters"},
		},
		"whose lists lack what is beyond a page": {
			registry.APIV1, on("GET", "/", onePage),
			[]string{"pages"},
		},
		"that shows documents of another kind as components": {
			registry.APITMF639, on("POST", "/resource", replace("Printer", "ODAComponent")),
			[]string{"foreign-document"},
		},
		"that does not delete documents": {
			registry.APITMF639, on("DELETE", "/resource/", answer(http.StatusNoContent, "")),
			[]string{"drop-api", "delete", "rename", "move-place", "crash-delete", "links-broken", "crash-relink"},
		},
		"that does not change documents": {
			registry.APITMF639, on("PATCH", "/resource/", answer(http.StatusOK, "{}")),
			[]string{"stub", "update-api", "update-component", "adopt", "overwritten"},
		},
	}
	proven := map[string]bool{}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			next := refregistry.New(refregistry.Config{API: test.api}).Handler()
			var broken atomic.Bool
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !broken.Load() {
					next.ServeHTTP(w, r)
					return
				}
				test.fault(next, w, r)
			}))
			defer server.Close()
			for _, c := range selected(t, test.api, test.fails...) {
				// Each case has a suite of its own: the fault may also prevent that it is cleared.
				s := open(t, registry.Config{URL: server.URL, API: test.api})
				broken.Store(true)
				r, err := s.Run(t.Context(), c)
				if err != nil || r.Status != conformance.StatusFailed || r.Detail == "" {
					t.Errorf("%s: %+v, %v, want it to fail", c.Name, r, err)
				}
				broken.Store(false)
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
				proven[c.Name] = true
			}
		})
	}
	for _, c := range slices.Concat(conformance.Cases(registry.APIV1, true), conformance.Cases(registry.APITMF639, true)) {
		if !proven[c.Name] {
			t.Errorf("case %s has never failed", c.Name)
		}
	}
}

func selected(t *testing.T, api string, names ...string) []conformance.Case {
	t.Helper()
	cases, err := conformance.Select(conformance.Cases(api, true), names...)
	testcheck.NoError(t, err)
	return cases
}

// faulty answers a request in place of the registry, which is next.
type faulty func(next http.Handler, w http.ResponseWriter, r *http.Request)

// on applies a fault to the requests of a method below a path.
func on(method, path string, fault faulty) faulty {
	return func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method == method && strings.HasPrefix(r.URL.Path, path) {
			fault(next, w, r)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// answer does nothing but answer.
func answer(status int, body string) faulty {
	return func(_ http.Handler, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // a client that has gone needs no answer
	}
}

// replace changes the body of a request.
func replace(old, changed string) faulty {
	return func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, withBody(r, strings.ReplaceAll(bodyOf(r), old, changed)))
	}
}

// twice carries a request out twice.
func twice(next http.Handler, w http.ResponseWriter, r *http.Request) {
	body := bodyOf(r)
	next.ServeHTTP(httptest.NewRecorder(), withBody(r, body))
	next.ServeHTTP(w, withBody(r, body))
}

// onePage answers that nothing is behind the first page.
func onePage(next http.Handler, w http.ResponseWriter, r *http.Request) {
	if skip := r.URL.Query().Get("skip"); skip != "" && skip != "0" {
		answer(http.StatusOK, "[]")(next, w, r)
		return
	}
	next.ServeHTTP(w, r)
}

func bodyOf(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client left
	}
	return string(body)
}

func withBody(r *http.Request, body string) *http.Request {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return r
}
