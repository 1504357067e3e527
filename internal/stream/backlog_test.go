package stream_test

import (
	"math"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestBacklogMetrics(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	log, letters := ensureLog(t, conn), must(store.EnsureDeadLetters(within(t), conn, "default"))
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
	aged := func() (values map[string]float64, age float64) {
		const name = "odasync_stream_oldest_unacked_age_seconds"
		values = gather()
		age, found := values[name]
		if !found {
			t.Errorf("%s is missing", name)
		}
		delete(values, name)
		return values, age
	}
	testcheck.Equal(t, "before a consumer is followed", map[string]float64{}, gather())

	consumer := consumerOf(t, log)
	var available atomic.Bool
	available.Store(true)
	metrics.Follow(consumer, letters, available.Load)
	for name, of := range map[string]string{"a": "default", "b": "default", "c": "another"} {
		d := target.DeadLetter{Target: of, Event: upsert(keyOf(name), "A"), Reason: target.ClassInvalid}
		testcheck.NoError(t, must(store.EnsureDeadLetters(within(t), conn, of)).Put(within(t), d))
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		publish(t, log, upsert(keyOf(name), "A"), 0)
	}
	eventually(t, "the server to count every message", func() bool { return gather()["odasync_stream_pending_messages"] == 5 })
	want := map[string]float64{"odasync_stream_pending_messages": 5, "odasync_scaling_pending_messages": 5, "odasync_stream_ack_pending_messages": 0, "odasync_dead_letters": 2}
	got, age := aged()
	testcheck.Equal(t, "nothing is delivered", want, got)
	if age <= 0 || age > patience.Seconds() {
		t.Errorf("the oldest message is %v s old", age)
	}
	available.Store(false)
	want["odasync_scaling_pending_messages"] = 0
	if got, _ := aged(); !cmp.Equal(want, got) {
		t.Errorf("while the registry is unavailable (-want +got):\n%s", cmp.Diff(want, got))
	}
	open(t, consumer, 5)
	ack(t, next(t, consumer))
	want["odasync_stream_pending_messages"], want["odasync_stream_ack_pending_messages"] = 0, 4
	eventually(t, "four are unfinished", func() bool {
		got, age := aged()
		return cmp.Equal(want, got) && age > 0
	})
	for range 4 {
		ack(t, next(t, consumer))
	}
	testcheck.NoError(t, letters.Remove(within(t), keyOf("a"), math.MaxUint64))
	want["odasync_stream_ack_pending_messages"], want["odasync_dead_letters"] = 0, 1
	eventually(t, "everything is done", func() bool {
		got, age := aged()
		return cmp.Equal(want, got) && age == 0
	})

	s.Shutdown()
	eventually(t, "the lost connection shows", func() bool { return !conn.NATS().IsConnected() })
	testcheck.Equal(t, "without a server", map[string]float64{}, gather())
}
