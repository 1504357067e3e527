package stream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// backlogTimeout bounds what a scrape waits for the broker. Without an answer the metrics are missing from it.
const backlogTimeout = 2 * time.Second

// BacklogMetrics asks the broker at each scrape what waits for a target.
type BacklogMetrics struct {
	consumer            atomic.Pointer[Consumer]
	pending, unfinished *prometheus.Desc
}

// NewBacklogMetrics registers the metrics; they appear once a consumer is followed.
func NewBacklogMetrics(registry prometheus.Registerer) *BacklogMetrics {
	m := &BacklogMetrics{
		pending: prometheus.NewDesc("odasync_stream_pending_messages",
			"Messages that no syncer of the target has been given yet.", nil, nil),
		unfinished: prometheus.NewDesc("odasync_stream_unfinished_messages",
			"Messages given to a syncer of the target without an outcome yet, those that wait for a retry included.", nil, nil),
	}
	registry.MustRegister(m)
	return m
}

// Follow makes the metrics those of the consumer.
func (m *BacklogMetrics) Follow(c *Consumer) { m.consumer.Store(c) }

// Describe implements prometheus.Collector.
func (m *BacklogMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.pending
	to <- m.unfinished
}

// Collect implements prometheus.Collector.
func (m *BacklogMetrics) Collect(to chan<- prometheus.Metric) {
	consumer := m.consumer.Load()
	if consumer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	backlog, err := consumer.Backlog(ctx)
	if err != nil {
		return // readiness says what is wrong with the broker
	}
	to <- prometheus.MustNewConstMetric(m.pending, prometheus.GaugeValue, float64(backlog.Pending))
	to <- prometheus.MustNewConstMetric(m.unfinished, prometheus.GaugeValue, float64(backlog.Unfinished))
}
