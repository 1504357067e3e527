package kube_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestClient_Components(t *testing.T) {
	t.Parallel()
	broken := object("shop", "broken", "9")
	broken["spec"] = map[string]any{"componentMetadata": map[string]any{"version": []any{"1", "2"}}}
	expired := refuses(410, "Expired", "the provided continue parameter is too old")
	tests := map[string]struct {
		answers  []answer
		scope    string
		name     string
		want     []string
		requests []string
	}{
		"a namespace, in pages": {
			[]answer{pages("7", "more", object("shop", "a", "1"), broken), pages("7", "", object("shop", "b", "2"))}, "shop", "",
			[]string{"shop/a@1", "shop/broken@9 spec.componentMetadata.version: must be text, not a list", "shop/b@2"},
			[]string{"v1/namespaces/shop/components list 500", "v1/namespaces/shop/components list 500 more"},
		},
		"two namespaces": {
			[]answer{pages("7", "", object("a", "x", "1")), pages("8", "", object("b", "x", "2"))}, "a,b", "",
			[]string{"a/x@1", "b/x@2"},
			[]string{"v1/namespaces/a/components list 500", "v1/namespaces/b/components list 500"},
		},
		"a glob": {
			[]answer{pages("7", "", object("shop-1", "x", "1"), object("other", "x", "2"))}, "shop-*", "",
			[]string{"shop-1/x@1"}, []string{"v1/components list 500"},
		},
		"a page that has expired": {
			[]answer{pages("7", "more", object("shop", "gone", "1")), expired, pages("9", "", object("shop", "b", "2"))}, "shop", "",
			[]string{"shop/b@2"},
			[]string{"v1/namespaces/shop/components list 500", "v1/namespaces/shop/components list 500 more", "v1/namespaces/shop/components list 500"},
		},
		"one by its name": {
			[]answer{body(object("a", "x", "1")), refuses(404, "NotFound", `components.oda.tmforum.org "x" not found`)}, "a,b", "x",
			[]string{"a/x@1"}, []string{"v1/namespaces/a/components/x list", "v1/namespaces/b/components/x list"},
		},
		"one by its name, anywhere": {
			[]answer{pages("7", "", object("shop", "x", "1"), object("shop", "y", "2"))}, "all", "x",
			[]string{"shop/x@1"}, []string{"v1/components list 500 metadata.name=x"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newAPIServer(t, test.answers...)
			got, err := list(t, s, test.scope, test.name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Components (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.requests, s.seen()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClient_ComponentsReportsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	forbidden := refuses(403, "Forbidden", "no")
	tests := map[string]struct {
		answers  []answer
		crd      answer
		name     string
		messages []string
	}{
		"may not list":     {[]answer{forbidden}, nil, "", []string{"namespace shop", "missing permission: list components", "deploy/rbac.yaml"}},
		"may not get":      {[]answer{forbidden}, nil, "x", []string{"namespace shop", "missing permission: get components"}},
		"always expired":   {[]answer{refuses(410, "Expired", "too old")}, nil, "", []string{"no longer knows the resourceVersion"}},
		"a broken list":    {[]answer{func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"items":[`)) }}, nil, "", []string{"connection lost"}},
		"not installed":    {[]answer{pages("7", "")}, refuses(404, "NotFound", "no such CRD"), "", []string{"is not installed"}},
		"half of it fails": {[]answer{pages("7", "more", object("shop", "a", "1")), refuses(500, "InternalError", "etcd is away")}, nil, "", []string{"etcd is away"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newAPIServer(t, test.answers...)
			if test.crd != nil {
				s.set(test.crd)
			}
			got, err := list(t, s, "shop", test.name)
			if err == nil || len(got) != 0 {
				t.Fatalf("read %v, %v", got, err)
			}
			for _, message := range test.messages {
				if !strings.Contains(err.Error(), message) {
					t.Errorf("the error lacks %q: %v", message, err)
				}
			}
		})
	}
}

// The timeout limits the silence of the server, not the time of a large page over a slow line.
func TestClient_WaitsForASlowPage(t *testing.T) {
	const timeout = 300 * time.Millisecond
	items, err := json.Marshal(map[string]any{"items": []any{object("shop", "a", "1")}, "metadata": map[string]any{"resourceVersion": "7"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		answer answer
		want   int
		bad    string
	}{
		"a page that comes slowly": {func(w http.ResponseWriter, r *http.Request) { inParts(w, r, items, 6, timeout/3) }, 1, ""},
		"a page that stalls": {func(w http.ResponseWriter, r *http.Request) {
			inParts(w, r, items[:20], 1, 0)
			<-r.Context().Done()
		}, 0, "no answer from the API server in time"},
		"no answer": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, "no answer from the API server in time"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newAPIServer(t, test.answer)
			client := newClient(t, configure(t, s.URL, nil))
			client.SetTimeout(timeout)
			seen, err := client.Components(t.Context(), parseScope(t, "shop"), "")
			if len(seen) != test.want || (err == nil) != (test.bad == "") || err != nil && !strings.Contains(err.Error(), test.bad) {
				t.Errorf("read %d Components, %v, want %d and an error with %q", len(seen), err, test.want, test.bad)
			}
		})
	}
}
