package syncer

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"odasync/internal/component"
	"odasync/internal/target"
)

// Metrics tells what becomes of messages and how long it takes. The names that begin with oda_collector are those of
// the Python collector.
type Metrics struct {
	outcomes   *prometheus.CounterVec
	components *prometheus.CounterVec
	apis       *prometheus.CounterVec
	failures   *prometheus.CounterVec
	letters    *prometheus.CounterVec
	probes     *prometheus.CounterVec
	state      *prometheus.GaugeVec
	drift      *prometheus.CounterVec
	reconciles *prometheus.CounterVec
	took       prometheus.Gauge
	held       prometheus.Gauge
	orphans    prometheus.Gauge
	races      prometheus.Counter
	lost       prometheus.Counter
	target     *prometheus.GaugeVec
	duration   prometheus.Histogram
	attempts   *prometheus.HistogramVec
	latency    prometheus.Histogram
	limiter    atomic.Pointer[limiter] // of the present session
}

// Label values of the collector's metrics.
const (
	statusSuccess = "success"
	statusError   = "error"
	statusReady   = "ready"
	statusPending = "pending"
)

// Results of a probe.
const (
	probeGood = "good"
	probeBad  = "bad"
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
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_apply_failures_total", Help: "Applies and deletions that the registry did not take, by the class of the failure.",
		}, []string{"class"}),
		letters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_dead_letters_total", Help: "Dead letters written, by their reason.",
		}, []string{"reason"}),
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_registry_probes_total", Help: "Probes of a registry that failed before, by their result.",
		}, []string{"result"}),
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "odasync_breaker_state", Help: "1 for the state of the circuit breaker towards the registry, 0 for the others.",
		}, []string{"state"}),
		drift: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_drift_total", Help: "Entries that a reconcile found not to be as the stream wants them, by what was wrong.",
		}, []string{"problem"}),
		reconciles: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_reconciles_total", Help: "Reconciles of the registry with the stream that this process did, by how they ended.",
		}, []string{"result"}),
		took: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "odasync_reconcile_duration_seconds", Help: "How long the last reconcile of the target took, whichever process did it; of several clusters the longest.",
		}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "odasync_orphans_pending_approval", Help: "Entries that the last reconcile of the target would have deleted and that wait to be approved.",
		}),
		orphans: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "odasync_orphans", Help: "Entries that the last reconcile of the target found and the stream does not want.",
		}),
		races: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "odasync_apply_conflicts_total", Help: "Applies that another replica may have crossed, done again.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "odasync_claims_lost_total", Help: "Applies whose session was lost before they had ended.",
		}),
		target: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "odasync_syncer_info", Help: "The target that this syncer feeds, always 1.",
		}, []string{"target"}),
		attempts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "odasync_apply_duration_seconds", Help: "Time that one attempt to bring a component into the registry took, by how it ended.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "oda_collector_sync_duration_seconds", Help: "Time to bring one component into the registry.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "odasync_end_to_end_seconds", Help: "Time from the watcher's sight of a change to the registry's answer.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 18),
		}),
	}
	limit := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_concurrency_limit", Help: "How many components may be applied at a time now; 0 while the syncer waits for the stream.",
	}, func() float64 {
		if l := m.limiter.Load(); l != nil {
			limit, _ := l.state()
			return float64(limit)
		}
		return 0
	})
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_concurrency_in_flight", Help: "How many components are being applied now.",
	}, func() float64 {
		if l := m.limiter.Load(); l != nil {
			_, inFlight := l.state()
			return float64(inFlight)
		}
		return 0
	})
	registry.MustRegister(limit, inFlight, m.outcomes, m.components, m.apis, m.failures, m.letters, m.probes, m.state, m.drift, m.reconciles,
		m.took, m.held, m.orphans, m.races, m.lost, m.target, m.attempts, m.duration, m.latency)
	for _, outcome := range []string{
		outcomeApplied, outcomeUnchanged, outcomeDeleted, outcomeSuperseded, outcomeFailed, outcomeRetried, outcomeClaimed, outcomeHandedBack,
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
		m.letters.WithLabelValues(string(class))
	}
	for _, problem := range []string{problemMissing, problemDifferent, problemUnacknowledged, problemOrphan} {
		m.drift.WithLabelValues(problem)
	}
	m.reconciles.WithLabelValues(statusSuccess)
	m.reconciles.WithLabelValues(statusError)
	m.probes.WithLabelValues(probeGood)
	m.probes.WithLabelValues(probeBad)
	m.breaker(BreakerClosed)
	m.components.WithLabelValues(statusSuccess)
	m.components.WithLabelValues(statusError)
	m.apis.WithLabelValues(statusReady)
	m.apis.WithLabelValues(statusPending)
	return m
}

// breaker shows the breaker's state.
func (m *Metrics) breaker(now BreakerState) {
	for _, state := range []BreakerState{BreakerClosed, BreakerOpen, BreakerHalfOpen} {
		value := 0.0
		if state == now {
			value = 1
		}
		m.state.WithLabelValues(string(state)).Set(value)
	}
}

// reconciled shows what a reconcile found.
func (m *Metrics) reconciled(done target.Reconciliation) {
	if done.Error != "" {
		m.reconciles.WithLabelValues(statusError).Inc()
		return
	}
	m.reconciles.WithLabelValues(statusSuccess).Inc()
	m.drift.WithLabelValues(problemMissing).Add(float64(done.Missing))
	m.drift.WithLabelValues(problemDifferent).Add(float64(done.Different))
	m.drift.WithLabelValues(problemUnacknowledged).Add(float64(done.Unacknowledged))
	m.drift.WithLabelValues(problemOrphan).Add(float64(done.Orphans))
}

// Noted shows what the last reconciles of the target found, one a cluster, whichever process did them.
func (m *Metrics) Noted(last []target.Reconciliation) {
	took, orphans, held := 0.0, 0, 0
	for _, r := range last {
		took, orphans = max(took, r.Seconds), orphans+r.Orphans
		if r.PendingDeletion != nil {
			held += r.PendingDeletion.Gone
		}
	}
	m.took.Set(took)
	m.orphans.Set(float64(orphans))
	m.held.Set(float64(held))
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
