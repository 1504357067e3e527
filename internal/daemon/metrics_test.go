package daemon_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"odasync/internal/kube"
	"odasync/internal/ops"
	"odasync/internal/registry"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/watcher"
)

// collectorNames are the Python collector's metrics, whose dashboards must go on working.
var collectorNames = []string{
	"oda_collector_components_total",
	"oda_collector_components_current",
	"oda_collector_apis_total",
	"oda_collector_kubernetes_events_total",
	"oda_collector_sync_duration_seconds",
}

func TestMetricsOfOneProcess(t *testing.T) {
	all := ops.NewRegistry()
	kube.NewMetrics(all)
	watcher.NewMetrics(all)
	syncer.NewMetrics(all)
	registry.NewMetrics(all)
	stream.NewBacklogMetrics(all)
	families, err := all.Gather()
	if err != nil {
		t.Fatal(err)
	}
	present := map[string]bool{}
	var ours []string
	for _, family := range families {
		present[family.GetName()] = true
		ours = append(ours, family.GetName())
	}
	for _, name := range collectorNames {
		if !present[name] {
			t.Errorf("%s is missing at start", name)
		}
	}
	problems, err := testutil.GatherAndLint(all, ours...)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("lint: %s: %s", problem.Metric, problem.Text)
	}
}
