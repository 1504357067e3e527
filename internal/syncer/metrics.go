package syncer

import (
	"github.com/prometheus/client_golang/prometheus"

	"odasync/internal/component"
)

// Metrics tells what becomes of messages and how long it takes. The names that begin with oda_collector are those of
// the Python collector.
type Metrics struct {
	outcomes   *prometheus.CounterVec
	components *prometheus.CounterVec
	apis       *prometheus.CounterVec
	races      prometheus.Counter
	duration   prometheus.Histogram
	latency    prometheus.Histogram
}

// Label values of the collector's metrics.
const (
	statusSuccess = "success"
	statusError   = "error"
	statusReady   = "ready"
	statusPending = "pending"
)

// NewMetrics registers the syncer's metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_events_handled_total", Help: "Messages by what became of them.",
		}, []string{"outcome"}),
		components: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "oda_collector_components_total", Help: "Attempts to bring a component into the registry, by how they ended.",
		}, []string{"status"}),
		apis: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "oda_collector_apis_total", Help: "Exposed APIs of the components that were applied, by the APIs' state.",
		}, []string{"status"}),
		races: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "odasync_apply_races_total", Help: "Applies that another replica may have crossed, done again.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "oda_collector_sync_duration_seconds", Help: "Time to bring one component into the registry.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "odasync_end_to_end_seconds", Help: "Time from the watcher's sight of a change to the registry's answer.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 18),
		}),
	}
	registry.MustRegister(m.outcomes, m.components, m.apis, m.races, m.duration, m.latency)
	for _, outcome := range []string{
		outcomeApplied, outcomeUnchanged, outcomeDeleted, outcomeSuperseded, outcomeFailed, outcomeRetried, outcomeClaimed, outcomeHandedBack,
	} {
		m.outcomes.WithLabelValues(outcome)
	}
	m.components.WithLabelValues(statusSuccess)
	m.components.WithLabelValues(statusError)
	m.apis.WithLabelValues(statusReady)
	m.apis.WithLabelValues(statusPending)
	return m
}

// handled counts what became of a message.
func (m *Metrics) handled(outcome string) {
	m.outcomes.WithLabelValues(outcome).Inc()
	switch outcome {
	case outcomeApplied, outcomeDeleted:
		m.components.WithLabelValues(statusSuccess).Inc()
	case outcomeFailed, outcomeRetried:
		m.components.WithLabelValues(statusError).Inc()
	}
}

// applied counts the APIs of a component that the registry shows now; nil counts none.
func (m *Metrics) applied(c *component.Component) {
	if c == nil {
		return
	}
	for _, api := range c.ExposedAPIs {
		status := statusPending
		if api.Ready {
			status = statusReady
		}
		m.apis.WithLabelValues(status).Inc()
	}
}
