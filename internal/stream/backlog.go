package stream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// backlogTimeout bounds how long a scrape waits for the server. The metrics are missing where it does not answer.
const backlogTimeout = 2 * time.Second

// BacklogMetrics are the backlog and the dead letters of a target, read from the server at each scrape.
type BacklogMetrics struct {
	target                                            atomic.Pointer[followed]
	pending, scaling, ackPending, oldest, deadLetters *prometheus.Desc
}

// followed is the target whose backlog is read.
type followed struct {
	consumer    *Consumer
	deadLetters counter
	available   func() bool // the registry takes writes
}

// counter counts the dead letters of a target.
type counter interface {
	Count(ctx context.Context) (int, error)
}

// NewBacklogMetrics registers the metrics; they appear after [BacklogMetrics.Follow].
func NewBacklogMetrics(registry prometheus.Registerer) *BacklogMetrics {
	m := &BacklogMetrics{
		pending: prometheus.NewDesc("odasync_stream_pending_messages",
			"Messages not yet delivered to a syncer of the target.", nil, nil),
		scaling: prometheus.NewDesc("odasync_scaling_pending_messages",
			"Pending messages that further syncers could apply, for an autoscaler: 0 while the registry is unavailable.", nil, nil),
		ackPending: prometheus.NewDesc("odasync_stream_ack_pending_messages",
			"Messages delivered to a syncer of the target and not acknowledged, including those that wait for a retry.", nil, nil),
		oldest: prometheus.NewDesc("odasync_stream_oldest_unacked_age_seconds",
			"Age of the target's oldest unacknowledged message; 0 while there is none.", nil, nil),
		deadLetters: prometheus.NewDesc("odasync_dead_letters",
			"Components with a dead letter of the target.", nil, nil),
	}
	registry.MustRegister(m)
	return m
}

// Follow sets the target whose consumer and dead letters are read. available reports whether its registry takes writes.
func (m *BacklogMetrics) Follow(c *Consumer, l counter, available func() bool) {
	m.target.Store(&followed{c, l, available})
}

// Describe implements prometheus.Collector.
func (m *BacklogMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{m.pending, m.scaling, m.ackPending, m.oldest, m.deadLetters} {
		to <- desc
	}
}

// Collect implements prometheus.Collector. The readiness check reports a server that does not answer.
func (m *BacklogMetrics) Collect(to chan<- prometheus.Metric) {
	target := m.target.Load()
	if target == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	gauge := func(desc *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	now, err := target.consumer.consumer.Info(ctx)
	if err != nil {
		return
	}
	gauge(m.pending, float64(now.NumPending))
	scaling := float64(now.NumPending)
	if !target.available() {
		scaling = 0
	}
	gauge(m.scaling, scaling)
	gauge(m.ackPending, float64(now.NumAckPending))
	if age, err := target.consumer.age(ctx, now); err == nil {
		gauge(m.oldest, age.Seconds())
	}
	if count, err := target.deadLetters.Count(ctx); err == nil {
		gauge(m.deadLetters, float64(count))
	}
}
