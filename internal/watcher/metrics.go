package watcher

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"odasync/internal/event"
)

// Metrics counts what the watcher publishes and what it does not.
type Metrics struct {
	published  *prometheus.CounterVec
	suppressed prometheus.Counter
	collapsed  prometheus.Counter
	retried    prometheus.Counter
	refused    prometheus.Counter
	tooLarge   prometheus.Counter
	table      atomic.Pointer[table] // of the present term
}

// NewMetrics registers the watcher's metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &Metrics{
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_events_published_total", Help: "Component events published to the stream.",
		}, []string{"type"}),
		suppressed: counter("odasync_events_suppressed_total", "Changes that left the normalized component as it was published."),
		collapsed:  counter("odasync_events_collapsed_total", "Waiting changes replaced by a newer one before they were published."),
		retried:    counter("odasync_publish_retries_total", "Publishes that failed and are tried again."),
		refused:    counter("odasync_publish_refused_total", "Publishes refused because another message stood in the stream."),
		tooLarge:   counter("odasync_events_too_large_total", "Components larger than the server's max_payload, not published."),
	}
	current := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "oda_collector_components_current", Help: "Components of the cluster that are published; 0 while another watcher leads.",
	}, func() float64 {
		if t := m.table.Load(); t != nil {
			return float64(len(t.existing("")))
		}
		return 0
	})
	leader := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_leader", Help: "1 while this process leads: it compares and publishes.",
	}, func() float64 {
		if m.table.Load() != nil {
			return 1
		}
		return 0
	})
	registry.MustRegister(current, leader, m.published, m.suppressed, m.collapsed, m.retried, m.refused, m.tooLarge)
	for _, kind := range []string{"upserted", "deleted"} {
		m.published.WithLabelValues(kind)
	}
	return m
}

func (m *Metrics) publishedEvent(e event.Event) {
	kind := "upserted"
	if e.Deleted() {
		kind = "deleted"
	}
	m.published.WithLabelValues(kind).Inc()
}
