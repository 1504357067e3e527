package listwatch_test

import (
	"strings"
	"testing"

	"odasync/internal/kube/kubetest"
	"odasync/internal/kube/listwatch"
	"odasync/internal/testcheck"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

func TestSource_Read(t *testing.T) {
	t.Parallel()
	broken := kubetest.Object("shop", "x", "9")
	broken["spec"] = map[string]any{"componentMetadata": map[string]any{"version": []any{"1", "2"}}}
	tests := map[string]struct {
		answer kubetest.Answer
		want   string
		err    string
	}{
		"when it exists":          {answer: kubetest.Body(kubetest.Object("shop", "x", "1")), want: "1"},
		"when it does not exist":  {answer: kubetest.Refuses(404, "NotFound", `components.oda.tmforum.org "x" not found`)},
		"when it cannot be read":  {answer: kubetest.Body(broken), want: "9 spec.componentMetadata.version: must be text, not a list"},
		"when the server refuses": {answer: kubetest.Refuses(403, "Forbidden", "no"), err: "missing permission: get components"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := kubetest.NewServer(t, test.answer)
			cfg := kubetest.Configure(t, s.URL, nil)
			source, err := listwatch.NewSource(cfg, kubetest.NewClient(t, cfg), listwatch.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
			testcheck.NoError(t, err)
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
			testcheck.Equal(t, "requests", []string{"v1/namespaces/shop/components/x list"}, s.Requests())
		})
	}
	if _, _, err := new(listwatch.Source).Read(t.Context(), "no such/namespace", "x"); err == nil {
		t.Error("a namespace that cannot exist was read")
	}
}
