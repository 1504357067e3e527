package ops

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout bounds how long a scrape waits for all checks: the other metrics matter most while one hangs.
const scrapeTimeout = time.Second

// readyMetrics has the recent results of the readiness checks.
type readyMetrics struct {
	health *Health
	ready  *prometheus.Desc
}

// RegisterReady registers odasync_ready, the results of the checks of /readyz.
func RegisterReady(registry prometheus.Registerer, health *Health) {
	registry.MustRegister(&readyMetrics{health, prometheus.NewDesc(
		"odasync_ready", "1 for each check of /readyz that succeeds, 0 for each that fails.", []string{"check"}, nil,
	)})
}

// Describe implements prometheus.Collector.
func (m *readyMetrics) Describe(to chan<- *prometheus.Desc) { to <- m.ready }

// Collect implements prometheus.Collector.
func (m *readyMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	for _, c := range m.health.checks(&m.health.ready) {
		value := 1.0
		if c.recent(ctx) != nil {
			value = 0
		}
		to <- prometheus.MustNewConstMetric(m.ready, prometheus.GaugeValue, value, c.name)
	}
}
