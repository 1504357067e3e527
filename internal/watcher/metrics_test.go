package watcher

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"odasync/internal/config"
	"odasync/internal/prune"
	"odasync/internal/testcheck"
)

// An alert compares the age of the last full sync with the interval.
func TestNewMetrics_Configuration(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	cfg := Config{ClusterName: "north", Interval: config.Duration(90 * time.Second), Retention: config.Duration(time.Hour)}
	New(cfg, prune.Config{}, newFakeSource(), PublishErrors{}, func() bool { return true }, NewMetrics(registry), nil, zerolog.Nop())
	want := `# HELP odasync_full_sync_interval_seconds Configured time between two full syncs; 0 for none.
# TYPE odasync_full_sync_interval_seconds gauge
odasync_full_sync_interval_seconds 90
# HELP odasync_watcher_info Name of the cluster that this watcher publishes, always 1.
# TYPE odasync_watcher_info gauge
odasync_watcher_info{cluster_name="north"} 1
`
	testcheck.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(want), "odasync_full_sync_interval_seconds", "odasync_watcher_info"))
}
