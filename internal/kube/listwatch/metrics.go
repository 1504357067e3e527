package listwatch

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"k8s.io/apimachinery/pkg/watch"

	"odasync/internal/kube"
)

// Metrics are the metrics of a Source.
type Metrics struct {
	events    *prometheus.CounterVec
	restarts  *prometheus.CounterVec
	malformed prometheus.Counter
	source    atomic.Pointer[Source]
}

// NewMetrics registers the metrics, at zero.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	register := promauto.With(registerer)
	m := &Metrics{
		events: register.NewCounterVec(prometheus.CounterOpts{
			Name: "oda_collector_kubernetes_events_total",
			Help: "Events of the watches, by type; the objects of a list count as ADDED.",
		}, []string{"event_type"}),
		restarts: register.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_watch_restarts_total",
			Help: "Watches that ended, by reason; closed is the server's ordinary timeout.",
		}, []string{"reason"}),
		malformed: register.NewCounter(prometheus.CounterOpts{
			Name: "odasync_components_malformed_total",
			Help: "Components that could not be read, counted when first seen and when the problem changes.",
		}),
	}
	register.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_watch_age_seconds",
		Help: "Time since the last data from the API server, of the watch with the longest time.",
	}, func() float64 {
		if source := m.source.Load(); source != nil {
			return source.Age().Seconds()
		}
		return 0
	})
	for _, kind := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted, watch.Bookmark, watch.Error} {
		m.events.WithLabelValues(string(kind))
	}
	for _, reason := range slices.Concat(reasons, kube.Reasons) {
		m.restarts.WithLabelValues(reason)
	}
	return m
}
