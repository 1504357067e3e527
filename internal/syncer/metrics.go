package syncer

import "github.com/prometheus/client_golang/prometheus"

// Metrics tells what becomes of messages and how long it takes.
type Metrics struct {
	outcomes *prometheus.CounterVec
	races    prometheus.Counter
	duration prometheus.Histogram
	latency  prometheus.Histogram
}

// NewMetrics registers the syncer's metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_events_handled_total", Help: "Messages by what became of them.",
		}, []string{"outcome"}),
		races: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "odasync_apply_races_total", Help: "Applies that another replica may have crossed, done again.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "odasync_apply_duration_seconds", Help: "Time to handle one message.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "odasync_end_to_end_seconds", Help: "Time from the watcher's sight of a change to the registry's answer.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 18),
		}),
	}
	registry.MustRegister(m.outcomes, m.races, m.duration, m.latency)
	for _, outcome := range []string{
		outcomeApplied, outcomeUnchanged, outcomeDeleted, outcomeSuperseded, outcomeFailed, outcomeRetried, outcomeClaimed, outcomeHandedBack,
	} {
		m.outcomes.WithLabelValues(outcome)
	}
	return m
}

func (m *Metrics) outcome(name string) { m.outcomes.WithLabelValues(name).Inc() }
