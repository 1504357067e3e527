package conformance_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/registry"
	"odasync/internal/registry/conformance"
)

// TestSuite_FindsAFaultyRegistry runs cases against registries with one fault each. Every case has to fail for one of them.
func TestSuite_FindsAFaultyRegistry(t *testing.T) {
	tests := map[string]struct {
		fault func(next http.Handler, w http.ResponseWriter, r *http.Request)
		fails []string
	}{
		"that loses APIs": {
			onPath("POST", "/exposed-apis/", func(_ http.Handler, w http.ResponseWriter, _ *http.Request) {
				answer(w, http.StatusCreated, "{}")
			}),
			[]string{"create", "repeat", "update-api", "update-component", "add-api", "drop-api", "delete", "rename", "move-name-format", "move-place",
				"special-characters", "longest-names", "other-cluster", "other-namespace", "adopt", "overwritten", "apis-left", "api-deleted",
				"crash-create", "crash-update", "crash-delete", "concurrent-creators", "concurrent-names", "inventory", "inventory-edited", "orphans"},
		},
		"that stores APIs twice": {
			onPath("POST", "/exposed-apis/", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				for _, to := range []http.ResponseWriter{httptest.NewRecorder(), w} {
					r.Body = io.NopCloser(bytes.NewReader(body))
					next.ServeHTTP(to, r)
				}
			}),
			[]string{"create", "repeat", "delete", "crash-create"},
		},
		"that does not delete APIs": {
			onPath("DELETE", "/exposed-apis/", func(_ http.Handler, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
			[]string{"drop-api", "delete", "rename", "move-name-format", "move-place", "crash-update", "crash-delete"},
		},
		"that does not change APIs": {
			onPath("PUT", "/exposed-apis/", func(_ http.Handler, w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "{}") }),
			[]string{"update-api", "update-component"},
		},
		"that shortens long names": {
			onPath("POST", "/", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				body = bytes.ReplaceAll(body, bytes.Repeat([]byte("n"), 101), bytes.Repeat([]byte("n"), 99))
				r.Body = io.NopCloser(bytes.NewReader(body))
				next.ServeHTTP(w, r)
			}),
			[]string{"longest-names"},
		},
		"that changes special characters": {
			onPath("POST", "/exposed-apis/", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(body, []byte("%2F"), []byte("/"))))
				next.ServeHTTP(w, r)
			}),
			[]string{"special-characters"},
		},
		"whose lists lack what is beyond a page": {
			onPath("GET", "/", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
				if query := r.URL.Query(); query.Get("skip") != "" && query.Get("skip") != "0" {
					answer(w, http.StatusOK, "[]")
					return
				}
				next.ServeHTTP(w, r)
			}),
			[]string{"pages"},
		},
	}
	proven := map[string]bool{}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			next := refregistry.New(refregistry.Config{}).Handler()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { test.fault(next, w, r) }))
			defer server.Close()
			for _, c := range selected(t, registry.APIV1, test.fails...) {
				// Each case has a suite of its own: a fault may also keep the one before it from being cleared.
				s := open(t, registry.Config{URL: server.URL, API: registry.APIV1})
				r, err := s.Run(t.Context(), c)
				if err != nil || r.Status != conformance.StatusFailed || r.Detail == "" {
					t.Errorf("%s: %+v, %v, want it to fail", c.Name, r, err)
				}
				proven[c.Name] = true
				_ = s.Close(t.Context()) // the fault may prevent that
			}
		})
	}
	for _, c := range conformance.Cases(registry.APIV1, true) {
		if !proven[c.Name] {
			t.Errorf("case %s has never failed", c.Name)
		}
	}
}

func selected(t *testing.T, api string, names ...string) []conformance.Case {
	t.Helper()
	cases, err := conformance.Select(conformance.Cases(api, true), names...)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// onPath applies a fault to the requests of a method below a path.
func onPath(method, path string, fault func(http.Handler, http.ResponseWriter, *http.Request)) func(http.Handler, http.ResponseWriter, *http.Request) {
	return func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method == method && strings.HasPrefix(r.URL.Path, path) {
			fault(next, w, r)
			return
		}
		next.ServeHTTP(w, r)
	}
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // a client that has gone needs no answer
}
