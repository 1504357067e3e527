package kube

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/watch"
)

// Metrics are those of the Source.
type Metrics struct {
	events    *prometheus.CounterVec
	restarts  *prometheus.CounterVec
	malformed prometheus.Counter
	age       atomic.Pointer[Source]
}

// NewMetrics registers the metrics, at zero.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "oda_collector_kubernetes_events_total",
			Help: "Events that watches of Components brought, by type; the objects of a list count as ADDED.",
		}, []string{"event_type"}),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_watch_restarts_total",
			Help: "Watches that ended, by reason; closed is the server's ordinary timeout.",
		}, []string{"reason"}),
		malformed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "odasync_components_malformed_total",
			Help: "Components that could not be read, counted when first seen and when the problem changes.",
		}),
	}
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_watch_age_seconds",
		Help: "Time since the last word from the API server, of the watch that has heard nothing for longest.",
	}, func() float64 {
		if source := m.age.Load(); source != nil {
			return source.Age().Seconds()
		}
		return 0
	})
	for _, kind := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted, watch.Bookmark, watch.Error} {
		m.events.WithLabelValues(string(kind))
	}
	for _, reason := range reasons {
		m.restarts.WithLabelValues(reason)
	}
	registry.MustRegister(m.events, m.restarts, m.malformed, age)
	return m
}
