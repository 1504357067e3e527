package manifests

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of the Source. Names and meanings are those of a cluster's source, which it stands in for: one
// registry has either.
type Metrics struct {
	malformed prometheus.Counter
	age       atomic.Pointer[Source]
}

// NewMetrics registers the metrics, at zero.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{malformed: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "odasync_components_malformed_total",
		Help: "Components that could not be read, counted when first seen and when the problem changes.",
	})}
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_watch_age_seconds",
		Help: "Time since the folder of manifests was last read.",
	}, func() float64 {
		if source := m.age.Load(); source != nil {
			return source.Age().Seconds()
		}
		return 0
	})
	registry.MustRegister(m.malformed, age)
	return m
}
