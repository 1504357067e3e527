package kube_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/kube"
)

func TestSource_Read(t *testing.T) {
	t.Parallel()
	broken := object("shop", "x", "9")
	broken["spec"] = map[string]any{"componentMetadata": map[string]any{"version": []any{"1", "2"}}}
	tests := map[string]struct {
		answer answer
		want   string
		err    string
	}{
		"when it exists":          {answer: body(object("shop", "x", "1")), want: "1"},
		"when it does not exist":  {answer: refuses(404, "NotFound", `components.oda.tmforum.org "x" not found`)},
		"when it cannot be read":  {answer: body(broken), want: "9 spec.componentMetadata.version: must be text, not a list"},
		"when the server refuses": {answer: refuses(403, "Forbidden", "no"), err: "missing permission: get components"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newAPIServer(t, test.answer)
			cfg := configure(t, s.URL, nil)
			source, err := kube.NewSource(cfg, newClient(t, cfg), kube.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
			if err != nil {
				t.Fatal(err)
			}
			seen, found, err := source.Read(t.Context(), "shop", "x")
			got := seen.ResourceVersion
			if seen.Err != nil {
				got += " " + seen.Err.Error()
			}
			if got != test.want || found != (test.want != "") {
				t.Errorf("read %q, %t, want %q", got, found, test.want)
			}
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
			if diff := cmp.Diff([]string{"v1/namespaces/shop/components/x list"}, s.seen()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
	if _, _, err := new(kube.Source).Read(t.Context(), "no such/namespace", "x"); err == nil {
		t.Error("a namespace that cannot exist was read")
	}
}
