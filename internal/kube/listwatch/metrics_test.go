package listwatch_test

import (
	"fmt"
	"slices"
	"testing"

	"odasync/internal/kube/kubetest"
	"odasync/internal/kube/listwatch"
	"odasync/internal/testcheck"

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
	families := testcheck.Must(registry.Gather())
	got := map[string][]string{}
	for _, family := range families {
		got[family.GetName()] = []string{}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				got[family.GetName()] = append(got[family.GetName()], label.GetName()+"="+label.GetValue())
			}
			testcheck.Equal(t, fmt.Sprintf("%s starts at", family.GetName()), 0, metric.GetCounter().GetValue()+metric.GetGauge().GetValue())
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
	testcheck.Equal(t, "metrics", want, got)
}

func TestSource_CountsEvents(t *testing.T) {
	server := kubetest.NewServer(t, closes(added("a", "x", "1"), ends("2"), modified("a", "x", "3"), modified("a", "x", "4"), deleted("a", "x", "5"),
		bookmark("6"), failed(500, "InternalError", "")), holds())
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"})
	expect(t, "requests", []string{"v1/namespaces/a/components watch initial", "v1/namespaces/a/components watch from 6"}, server.Requests)
	for kind, want := range map[string]float64{"ADDED": 1, "MODIFIED": 2, "DELETED": 1, "BOOKMARK": 2, "ERROR": 1} {
		testcheck.Equal(t, kind, want, counter(t, r, "oda_collector_kubernetes_events_total", "event_type", kind))
	}
}
