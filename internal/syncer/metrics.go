package syncer

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"odasync/internal/component"
	"odasync/internal/flow"
	"odasync/internal/target"
)

// Metrics exposes the outcomes of messages and their latency. The names with the prefix oda_collector are those of the
// Python collector.
type Metrics struct {
	flow *flow.Metrics

	outcomes    *prometheus.CounterVec
	components  *prometheus.CounterVec
	apis        *prometheus.CounterVec
	failures    *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	conflicts   prometheus.Counter
	claimsLost  prometheus.Counter
	target      *prometheus.GaugeVec
	duration    prometheus.Histogram
	attempts    *prometheus.HistogramVec
	latency     prometheus.Histogram
}

// Label values of the collector's metrics.
const (
	statusSuccess = "success"
	statusError   = "error"
	statusReady   = "ready"
	statusPending = "pending"
)

// NewMetrics registers the metrics of the syncer, and those of its breaker and limiter.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	auto := promauto.With(registerer)
	m := &Metrics{
		flow: flow.NewMetrics(registerer),
		outcomes: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_events_handled_total", Help: "Messages handled, by outcome.",
		}, []string{"outcome"}),
		components: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "oda_collector_components_total", Help: "Attempts to apply a component to the registry, by result.",
		}, []string{"status"}),
		apis: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "oda_collector_apis_total", Help: "Exposed APIs of the components that were applied, by the APIs' state.",
		}, []string{"status"}),
		failures: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_apply_failures_total", Help: "Applies and deletions that failed, by the class of the failure.",
		}, []string{"class"}),
		deadLetters: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_dead_letters_total", Help: "Dead letters written, by reason.",
		}, []string{"reason"}),
		conflicts: auto.NewCounter(prometheus.CounterOpts{
			Name: "odasync_apply_conflicts_total", Help: "Applies during which another replica may have written the component; they are repeated.",
		}),
		claimsLost: auto.NewCounter(prometheus.CounterOpts{
			Name: "odasync_claims_lost_total", Help: "Applies whose session was lost before they ended.",
		}),
		target: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "odasync_syncer_info", Help: "The target of this syncer, always 1.",
		}, []string{"target"}),
		attempts: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name: "odasync_apply_duration_seconds", Help: "Duration of an attempt to apply a component to the registry, by outcome.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}, []string{"outcome"}),
		duration: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "oda_collector_sync_duration_seconds", Help: "Time to apply one component to the registry.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}),
		latency: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "odasync_end_to_end_seconds", Help: "Time from the watcher's observation of a change to the registry's answer.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 18),
		}),
	}
	for _, outcome := range []string{
		outcomeApplied, outcomeUnchanged, outcomeDeleted, outcomeSuperseded, outcomeFailed, outcomeRetried, outcomeClaimed, outcomeRequeued,
	} {
		m.outcomes.WithLabelValues(outcome)
	}
	for _, outcome := range []string{outcomeApplied, outcomeDeleted, outcomeFailed, outcomeRetried} {
		m.attempts.WithLabelValues(outcome)
	}
	for _, class := range target.Classes() {
		m.failures.WithLabelValues(string(class))
	}
	for _, class := range target.DeadLetterClasses() {
		m.deadLetters.WithLabelValues(string(class))
	}
	m.components.WithLabelValues(statusSuccess)
	m.components.WithLabelValues(statusError)
	m.apis.WithLabelValues(statusReady)
	m.apis.WithLabelValues(statusPending)
	return m
}

// countMessage counts a message by its outcome.
func (m *Metrics) countMessage(outcome string) {
	m.outcomes.WithLabelValues(outcome).Inc()
	switch outcome {
	case outcomeApplied, outcomeDeleted:
		m.components.WithLabelValues(statusSuccess).Inc()
	case outcomeFailed, outcomeRetried:
		m.components.WithLabelValues(statusError).Inc()
	}
}

// countAPIs counts the APIs of a component that was applied; a deleted one is nil.
func (m *Metrics) countAPIs(c *component.Component) {
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
