package flow

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics exposes the state of the breaker and of the limiter. They outlive both.
type Metrics struct {
	probes  *prometheus.CounterVec
	state   *prometheus.GaugeVec
	limiter atomic.Pointer[Limiter]
}

// Results of a probe.
const (
	probeGood = "good"
	probeBad  = "bad"
)

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	auto, m := promauto.With(registerer), &Metrics{}
	m.probes = auto.NewCounterVec(prometheus.CounterOpts{
		Name: "odasync_registry_probes_total", Help: "Probes of a registry after a failure, by their result.",
	}, []string{"result"})
	m.state = auto.NewGaugeVec(prometheus.GaugeOpts{
		Name: "odasync_breaker_state", Help: "1 for the current state of the circuit breaker of the registry, 0 for the others.",
	}, []string{"state"})
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_concurrency_limit", Help: "Components that may be applied at a time now; 0 while the syncer waits for the stream.",
	}, func() float64 { limit, _ := m.load(); return float64(limit) })
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_concurrency_in_flight", Help: "Components that are being applied now.",
	}, func() float64 { _, inFlight := m.load(); return float64(inFlight) })
	m.probes.WithLabelValues(probeGood)
	m.probes.WithLabelValues(probeBad)
	m.setState(Closed)
	return m
}

// Follow exposes the limiter until stop is called.
func (m *Metrics) Follow(l *Limiter) (stop func()) {
	m.limiter.Store(l)
	return func() { m.limiter.Store(nil) }
}

func (m *Metrics) load() (limit, inFlight int) {
	if l := m.limiter.Load(); l != nil {
		return l.State()
	}
	return 0, 0
}

func (m *Metrics) setState(current State) {
	for _, state := range []State{Closed, Open, HalfOpen} {
		value := 0.0
		if state == current {
			value = 1
		}
		m.state.WithLabelValues(string(state)).Set(value)
	}
}

func (m *Metrics) countProbe(err error) {
	result := probeGood
	if err != nil {
		result = probeBad
	}
	m.probes.WithLabelValues(result).Inc()
}
