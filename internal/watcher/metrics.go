package watcher

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"odasync/internal/event"
)

// Metrics counts what the watcher publishes and what it does not.
type Metrics struct {
	published    *prometheus.CounterVec
	suppressed   prometheus.Counter
	collapsed    prometheus.Counter
	retried      prometheus.Counter
	conflicts    prometheus.Counter
	tooLarge     prometheus.Counter
	purged       prometheus.Counter
	lastSync     atomic.Int64 // when the last full sync ended, in Unix nanoseconds; 0 for never
	syncDuration prometheus.Gauge
	interval     prometheus.Gauge
	cluster      *prometheus.GaugeVec
	corrections  *prometheus.CounterVec
	term         atomic.Pointer[publisher] // the present one; nil while another watcher leads
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
		conflicts:  counter("odasync_publish_conflicts_total", "Publishes refused because another message stood in the stream."),
		tooLarge:   counter("odasync_events_too_large_total", "Components larger than the server's max_payload, not published."),
	}
	m.purged = counter("odasync_tombstones_purged_total", "Deleted components whose messages were removed after their retention.")
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	pending := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_deletions_pending_approval", Help: "Components that are missing in the cluster and whose deletion waits for an approval; at least 1 while another cluster under the name waits to be accepted.",
	}, func() float64 {
		if p := m.term.Load(); p != nil {
			if waits := p.pendingDeletion(); waits != nil {
				return float64(max(waits.Gone, 1))
			}
		}
		return 0
	})
	m.syncDuration = gauge("odasync_full_sync_duration_seconds", "How long the last full sync took.")
	m.interval = gauge("odasync_full_sync_interval_seconds", "The time between two full syncs that is configured; 0 for none.")
	m.cluster = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "odasync_watcher_info", Help: "The name of the cluster that this watcher publishes, always 1.",
	}, []string{"cluster_name"}) // Prometheus often sets a label cluster itself
	m.corrections = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "odasync_full_sync_corrections_total", Help: "Differences between the cluster and the stream that full syncs found.",
	}, []string{"type"})
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_full_sync_age_seconds", Help: "Time since the last full sync of the cluster; 0 while another watcher leads.",
	}, func() float64 {
		if last := m.lastSync.Load(); last != 0 && m.term.Load() != nil {
			return time.Since(time.Unix(0, last)).Seconds()
		}
		return 0
	})
	current := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "oda_collector_components_current", Help: "Components of the cluster that are published; 0 while another watcher leads.",
	}, func() float64 {
		if p := m.term.Load(); p != nil {
			return float64(p.inventory.count())
		}
		return 0
	})
	leader := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "odasync_leader", Help: "1 while this process leads: it compares and publishes.",
	}, func() float64 {
		if m.term.Load() != nil {
			return 1
		}
		return 0
	})
	registry.MustRegister(current, leader, age, m.purged, pending, m.syncDuration, m.interval, m.cluster, m.corrections,
		m.published, m.suppressed, m.collapsed, m.retried, m.conflicts, m.tooLarge)
	for _, kind := range []string{"upserted", "deleted"} {
		m.published.WithLabelValues(kind)
		m.corrections.WithLabelValues(kind)
	}
	return m
}

// fullSynced shows the last full sync, which another watcher may have done; the zero marker stands for none.
func (m *Metrics) setLastSync(last event.Snapshot) {
	if last.Time.IsZero() {
		return
	}
	m.lastSync.Store(last.Time.UnixNano())
	m.syncDuration.Set(last.Seconds)
}

// corrected counts what a full sync found.
func (m *Metrics) addCorrections(by event.Snapshot) {
	m.corrections.WithLabelValues("upserted").Add(float64(by.Published))
	m.corrections.WithLabelValues("deleted").Add(float64(by.Tombstoned))
}

func (m *Metrics) publishedEvent(e event.Event) {
	kind := "upserted"
	if e.Deleted() {
		kind = "deleted"
	}
	m.published.WithLabelValues(kind).Inc()
}
