package stream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// backlogTimeout bounds what a scrape waits for the broker. Without an answer the metrics are missing from it.
const backlogTimeout = 2 * time.Second

// BacklogMetrics asks the broker at each scrape what waits for a target, and what was given up.
type BacklogMetrics struct {
	target                               atomic.Pointer[followed]
	pending, unfinished, oldest, letters *prometheus.Desc
}

// followed is what a target has in the broker.
type followed struct {
	consumer *Consumer
	letters  counter
}

// counter counts the dead letters of a target.
type counter interface {
	Count(ctx context.Context) (int, error)
}

// NewBacklogMetrics registers the metrics; they appear once a target is followed.
func NewBacklogMetrics(registry prometheus.Registerer) *BacklogMetrics {
	m := &BacklogMetrics{
		pending: prometheus.NewDesc("odasync_stream_pending_messages",
			"Messages that no syncer of the target has been given yet.", nil, nil),
		unfinished: prometheus.NewDesc("odasync_stream_ack_pending_messages",
			"Messages given to a syncer of the target without an outcome yet, those that wait for a retry included.", nil, nil),
		oldest: prometheus.NewDesc("odasync_stream_oldest_unacked_age_seconds",
			"Age of the target's oldest message without an outcome; 0 while there is none.", nil, nil),
		letters: prometheus.NewDesc("odasync_dead_letters",
			"Components that have a dead letter of the target now.", nil, nil),
	}
	registry.MustRegister(m)
	return m
}

// Follow makes the metrics those of a target.
func (m *BacklogMetrics) Follow(c *Consumer, l counter) { m.target.Store(&followed{c, l}) }

// Describe implements prometheus.Collector.
func (m *BacklogMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{m.pending, m.unfinished, m.oldest, m.letters} {
		to <- desc
	}
}

// Collect implements prometheus.Collector. Readiness says what is wrong with a broker that does not answer.
func (m *BacklogMetrics) Collect(to chan<- prometheus.Metric) {
	target := m.target.Load()
	if target == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	show := func(desc *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	now, err := target.consumer.consumer.Info(ctx)
	if err != nil {
		return
	}
	show(m.pending, float64(now.NumPending))
	show(m.unfinished, float64(now.NumAckPending))
	if age, err := target.consumer.age(ctx, now); err == nil {
		show(m.oldest, age.Seconds())
	}
	if count, err := target.letters.Count(ctx); err == nil {
		show(m.letters, float64(count))
	}
}
