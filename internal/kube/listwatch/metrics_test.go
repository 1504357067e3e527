package listwatch_test

import (
	"slices"
	"testing"

	"odasync/internal/kube/kubetest"
	"odasync/internal/kube/listwatch"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestNewMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	listwatch.NewMetrics(registry)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, family := range families {
		got[family.GetName()] = []string{}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				got[family.GetName()] = append(got[family.GetName()], label.GetName()+"="+label.GetValue())
			}
			if value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue(); value != 0 {
				t.Errorf("%s starts at %v", family.GetName(), value)
			}
		}
		slices.Sort(got[family.GetName()])
	}
	want := map[string][]string{
		"oda_collector_kubernetes_events_total": {"event_type=ADDED", "event_type=BOOKMARK", "event_type=DELETED", "event_type=ERROR", "event_type=MODIFIED"},
		"odasync_watch_restarts_total": {"reason=closed", "reason=due", "reason=expired", "reason=forbidden", "reason=lost", "reason=not_found", "reason=other",
			"reason=silent", "reason=unauthorized", "reason=unavailable", "reason=unmarked", "reason=unreachable"},
		"odasync_watch_age_seconds":          {},
		"odasync_components_malformed_total": {},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestSource_CountsEvents(t *testing.T) {
	server := kubetest.NewServer(t, closes(added("a", "x", "1"), ends("2"), modified("a", "x", "3"), modified("a", "x", "4"), deleted("a", "x", "5"),
		bookmark("6"), failed(500, "InternalError", "")), holds())
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"})
	expect(t, "requests", []string{"v1/namespaces/a/components watch initial", "v1/namespaces/a/components watch from 6"}, server.Requests)
	for kind, want := range map[string]float64{"ADDED": 1, "MODIFIED": 2, "DELETED": 1, "BOOKMARK": 2, "ERROR": 1} {
		if got := counter(t, r, "oda_collector_kubernetes_events_total", "event_type", kind); got != want {
			t.Errorf("%s: %v, want %v", kind, got, want)
		}
	}
}
