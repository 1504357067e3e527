package stream_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
)

func TestBacklogMetrics(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	conn := s.Conn(t)
	log := ensureLog(t, conn)
	registry := prometheus.NewPedanticRegistry()
	metrics := stream.NewBacklogMetrics(registry)
	gather := func() map[string]float64 {
		values := make(map[string]float64)
		for _, family := range must(registry.Gather()) {
			for _, metric := range family.GetMetric() {
				values[family.GetName()] = metric.GetGauge().GetValue()
			}
		}
		return values
	}
	if diff := cmp.Diff(map[string]float64{}, gather()); diff != "" {
		t.Errorf("before a consumer is followed (-want +got):\n%s", diff)
	}

	consumer := consumerOf(t, log)
	metrics.Follow(consumer)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		publish(t, log, upsert(keyOf(name), "A"), 0)
	}
	want := map[string]float64{"odasync_stream_pending_messages": 5, "odasync_stream_unfinished_messages": 0}
	if diff := cmp.Diff(want, gather()); diff != "" {
		t.Errorf("nothing is delivered (-want +got):\n%s", diff)
	}
	open(t, consumer, 5)
	ack(t, next(t, consumer))
	want = map[string]float64{"odasync_stream_pending_messages": 0, "odasync_stream_unfinished_messages": 4}
	eventually(t, "four are unfinished", func() bool { return cmp.Equal(want, gather()) })

	s.Shutdown()
	eventually(t, "the lost connection shows", func() bool { return !conn.Connected() })
	if diff := cmp.Diff(map[string]float64{}, gather()); diff != "" {
		t.Errorf("without a server (-want +got):\n%s", diff)
	}
}
