package kube_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"odasync/internal/kube/kubetest"
	"odasync/internal/testcheck"
)

// The timeout limits the silence of the server, not the time of a large page over a slow line.
func TestClient_WaitsForASlowPage(t *testing.T) {
	const timeout = 300 * time.Millisecond
	items, err := json.Marshal(map[string]any{"items": []any{kubetest.Object("shop", "a", "1")}, "metadata": map[string]any{"resourceVersion": "7"}})
	testcheck.NoError(t, err)
	for name, test := range map[string]struct {
		answer kubetest.Answer
		want   int
		bad    string
	}{
		"a page that comes slowly": {func(w http.ResponseWriter, r *http.Request) { kubetest.InParts(w, r, items, 6, timeout/3) }, 1, ""},
		"a page that stalls": {func(w http.ResponseWriter, r *http.Request) {
			kubetest.InParts(w, r, items[:20], 1, 0)
			<-r.Context().Done()
		}, 0, "no answer from the API server in time"},
		"no answer": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, "no answer from the API server in time"},
	} {
		t.Run(name, func(t *testing.T) {
			s := kubetest.NewServer(t, test.answer)
			client := kubetest.NewClient(t, kubetest.Configure(t, s.URL, nil))
			client.SetTimeout(timeout)
			seen := 0
			err := client.List(t.Context(), client.ComponentResource("v1"), kubetest.Scope(t, "shop"), nil, func() { seen = 0 },
				func(json.RawMessage) error { seen++; return nil })
			if seen != test.want || (err == nil) != (test.bad == "") || err != nil && !strings.Contains(err.Error(), test.bad) {
				t.Errorf("read %d Components, %v, want %d and an error with %q", seen, err, test.want, test.bad)
			}
		})
	}
}
