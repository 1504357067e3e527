package watcher

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"odasync/internal/event"
)

// Metrics are the metrics of a Watcher.
type Metrics struct {
	published    *prometheus.CounterVec
	suppressed   prometheus.Counter
	collapsed    prometheus.Counter
	retried      prometheus.Counter
	conflicts    prometheus.Counter
	tooLarge     prometheus.Counter
	purged       prometheus.Counter
	lastSync     atomic.Int64 // end of the last full sync in Unix nanoseconds; 0 for none
	syncDuration prometheus.Gauge
	interval     prometheus.Gauge
	cluster      *prometheus.GaugeVec
	corrections  *prometheus.CounterVec
	term         atomic.Pointer[publisher] // the current one; nil while another watcher leads
}

// NewMetrics registers the metrics, at zero.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	register := promauto.With(registerer)
	counter := func(name, help string) prometheus.Counter {
		return register.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return register.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		published: register.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_events_published_total", Help: "Component events published to the stream.",
		}, []string{"type"}),
		suppressed:   counter("odasync_events_suppressed_total", "Changes that left the normalized component as it was published."),
		collapsed:    counter("odasync_events_collapsed_total", "Queued changes replaced by a newer one before they were published."),
		retried:      counter("odasync_publish_retries_total", "Publishes that failed and are retried."),
		conflicts:    counter("odasync_publish_conflicts_total", "Publishes rejected because of a newer message in the stream."),
		tooLarge:     counter("odasync_events_too_large_total", "Components larger than the server's max_payload, not published."),
		purged:       counter("odasync_tombstones_purged_total", "Deleted components whose messages were removed after their retention."),
		syncDuration: gauge("odasync_full_sync_duration_seconds", "Duration of the last full sync."),
		interval:     gauge("odasync_full_sync_interval_seconds", "Configured time between two full syncs; 0 for none."),
		cluster: register.NewGaugeVec(prometheus.GaugeOpts{
			Name: "odasync_watcher_info", Help: "Name of the cluster that this watcher publishes, always 1.",
		}, []string{"cluster_name"}), // Prometheus often sets a label cluster itself
		corrections: register.NewCounterVec(prometheus.CounterOpts{
			Name: "odasync_full_sync_corrections_total", Help: "Differences between the cluster and the stream that full syncs found.",
		}, []string{"type"}),
	}
	// leading registers a gauge that is 0 while another watcher leads.
	leading := func(name, help string, value func(*publisher) float64) {
		register.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if p := m.term.Load(); p != nil {
				return value(p)
			}
			return 0
		})
	}
	leading("odasync_leader", "1 while this process leads: it compares and publishes.", func(*publisher) float64 { return 1 })
	leading("oda_collector_components_current", "Components of the cluster that are published; 0 while another watcher leads.",
		func(p *publisher) float64 { return float64(p.inventory.Count()) })
	leading("odasync_full_sync_age_seconds", "Time since the last full sync of the cluster; 0 while another watcher leads.",
		func(*publisher) float64 {
			if last := m.lastSync.Load(); last != 0 {
				return time.Since(time.Unix(0, last)).Seconds()
			}
			return 0
		})
	leading("odasync_deletions_pending_approval", "Components that are missing in the cluster and whose deletion waits for an approval; at least 1 while another cluster under the name waits to be accepted.",
		func(p *publisher) float64 {
			if pending := p.pendingDeletion(); pending != nil {
				return float64(max(pending.Gone, 1))
			}
			return 0
		})
	for _, kind := range []string{"upserted", "deleted"} {
		m.published.WithLabelValues(kind)
		m.corrections.WithLabelValues(kind)
	}
	return m
}

// setLastSync records the last full sync, of any watcher; the zero marker means none.
func (m *Metrics) setLastSync(last event.Snapshot) {
	if last.Time.IsZero() {
		return
	}
	m.lastSync.Store(last.Time.UnixNano())
	m.syncDuration.Set(last.Seconds)
}

// addCorrections counts the differences that a full sync found.
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
