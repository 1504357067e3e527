package v1

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"odasync/internal/testcheck"
)

func TestMetrics_FollowTheConventions(t *testing.T) {
	gatherer := prometheus.NewRegistry()
	NewMetrics(gatherer)
	problems := testcheck.Must(testutil.GatherAndLint(gatherer))
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if n, err := testutil.GatherAndCount(gatherer, "oda_collector_registry_api_calls_total"); err != nil || n != 34 {
		t.Errorf("%d counters exist at the start (%v), want 34", n, err)
	}
}
