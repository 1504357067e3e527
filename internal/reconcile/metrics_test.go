package reconcile_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"odasync/internal/prune"
	"odasync/internal/reconcile"
	"odasync/internal/target"
)

// TestMetrics_Last exposes the last reconciles of two clusters: sums, but of durations and rows of reconciles the maximum.
func TestMetrics_Last(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics := reconcile.NewMetrics(registry)
	metrics.SetLast([]target.Reconciliation{
		{Seconds: 2, Orphans: 1, Drifted: 5}, {Seconds: 1, Orphans: 2, Drifted: 3, PendingDeletion: &prune.PendingDeletion{Gone: 7}},
	})
	for name, want := range map[string]string{
		"odasync_reconcile_duration_seconds": "2", "odasync_orphans": "3", "odasync_orphans_pending_approval": "7", "odasync_drift_reconciles": "5",
	} {
		gathered, err := testutil.GatherAndFormat(registry, expfmt.TypeTextPlain, name)
		if err != nil || !strings.Contains(string(gathered), "\n"+name+" "+want+"\n") {
			t.Errorf("%s is not %s: %v\n%s", name, want, err, gathered)
		}
	}
}
