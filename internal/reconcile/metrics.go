package reconcile

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"odasync/internal/target"
)

// Metrics exposes what reconciles find.
type Metrics struct {
	drift      *prometheus.CounterVec
	reconciles *prometheus.CounterVec
	duration   prometheus.Gauge
	drifted    prometheus.Gauge
	orphans    prometheus.Gauge
	pending    prometheus.Gauge
}

// Results of a reconcile.
const (
	resultSuccess = "success"
	resultError   = "error"
)

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	auto := promauto.With(registerer)
	m := &Metrics{
		drift: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_drift_total", Help: "Differences between the registry and the stream that reconciles found, by problem.",
		}, []string{"problem"}),
		reconciles: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_reconciles_total", Help: "Reconciles of the registry with the stream by this process, by result.",
		}, []string{"result"}),
		duration: auto.NewGauge(prometheus.GaugeOpts{
			Name: "odasync_reconcile_duration_seconds", Help: "Duration of the last reconcile of the target, whichever process did it; the longest of several clusters.",
		}),
		drifted: auto.NewGauge(prometheus.GaugeOpts{
			Name: "odasync_drift_reconciles", Help: "Reconciles of the target in a row that found entries missing or changed by another client, whichever process did them.",
		}),
		orphans: auto.NewGauge(prometheus.GaugeOpts{
			Name: "odasync_orphans", Help: "Entries that the last reconcile of the target found and the stream does not contain.",
		}),
		pending: auto.NewGauge(prometheus.GaugeOpts{
			Name: "odasync_orphans_pending_approval", Help: "Deletions of orphans that wait for an approval since the last reconcile of the target.",
		}),
	}
	for _, problem := range []string{problemMissing, problemDifferent, problemOverwritten, problemUnacknowledged, problemOrphan} {
		m.drift.WithLabelValues(problem)
	}
	m.reconciles.WithLabelValues(resultSuccess)
	m.reconciles.WithLabelValues(resultError)
	return m
}

// count adds the result of a reconcile of this process.
func (m *Metrics) count(done target.Reconciliation) {
	if done.Error != "" {
		m.reconciles.WithLabelValues(resultError).Inc()
		return
	}
	m.reconciles.WithLabelValues(resultSuccess).Inc()
	m.drift.WithLabelValues(problemMissing).Add(float64(done.Missing))
	m.drift.WithLabelValues(problemDifferent).Add(float64(done.Different))
	m.drift.WithLabelValues(problemOverwritten).Add(float64(done.Overwritten))
	m.drift.WithLabelValues(problemUnacknowledged).Add(float64(done.Unacknowledged))
	m.drift.WithLabelValues(problemOrphan).Add(float64(done.Orphans))
}

// SetLast exposes the last results of the target, one a cluster, whichever process stored them.
func (m *Metrics) SetLast(last []target.Reconciliation) {
	duration, drifted, orphans, pending := 0.0, 0, 0, 0
	for _, r := range last {
		duration, drifted, orphans = max(duration, r.Seconds), max(drifted, r.Drifted), orphans+r.Orphans
		if r.PendingDeletion != nil {
			pending += r.PendingDeletion.Gone
		}
	}
	m.duration.Set(duration)
	m.drifted.Set(float64(drifted))
	m.orphans.Set(float64(orphans))
	m.pending.Set(float64(pending))
}
