package manifests

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the metrics of a Source. They have the names of the metrics of a cluster's source: a registry has one of both.
type Metrics struct {
	malformed prometheus.Counter
	source    atomic.Pointer[Source]
}

// NewMetrics registers the metrics, at zero.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	register := promauto.With(registerer)
	m := &Metrics{malformed: register.NewCounter(prometheus.CounterOpts{
		Name: "odasync_components_malformed_total",
		Help: "Components that could not be read, counted when first seen and when the problem changes.",
	})}
	register.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_watch_age_seconds",
		Help: "Time since the folder of manifests was last read.",
	}, func() float64 {
		if source := m.source.Load(); source != nil {
			return source.Age().Seconds()
		}
		return 0
	})
	return m
}
