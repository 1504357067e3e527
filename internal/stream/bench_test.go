package stream_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"odasync/internal/component"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
)

// BenchmarkPublish publishes components of 2 KB, each after its last message, one at a time and with many in flight.
func BenchmarkPublish(b *testing.B) {
	body := strings.Repeat("x", 2000)
	for _, flight := range []int{1, 64} {
		b.Run(fmt.Sprint("flight=", flight), func(b *testing.B) {
			log := ensureLog(b, streamtest.Start(b).Conn(b))
			ctx := b.Context()
			var workers atomic.Int32
			b.SetParallelism(flight) // goroutines for each processor
			run := func(next func() bool) {
				key, expected := keyOf(fmt.Sprint("c", workers.Add(1))), uint64(0)
				for i := 0; next(); i++ {
					sequence, err := log.Publish(ctx, upsert(key, fmt.Sprint(i, body)), expected)
					if err != nil {
						b.Error(err)
						return
					}
					expected = sequence
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			if flight == 1 {
				n := 0
				run(func() bool { n++; return n <= b.N })
				return
			}
			b.RunParallel(func(pb *testing.PB) { run(pb.Next) })
		})
	}
}

// BenchmarkApply is what a syncer asks of the server for one event: load, save the intent, save the outcome.
func BenchmarkApply(b *testing.B) {
	s := streamtest.Start(b)
	conn := s.Conn(b)
	states := statesOf(b, ensureLog(b, conn), "default")
	var workers atomic.Int32
	b.SetParallelism(8) // sixteen on two processors
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		key := keyOf(fmt.Sprint("c", workers.Add(1)))
		for pb.Next() {
			if err := applyOnce(b, states, key); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func applyOnce(b *testing.B, states *stream.States, key component.Key) error {
	state, err := states.Load(b.Context(), key)
	if err != nil {
		return err
	}
	state.Intent++
	if state.Revision, err = states.Save(b.Context(), state); err != nil {
		return err
	}
	state.Sequence, state.Outcome = state.Intent, target.OutcomeApplied
	_, err = states.Save(b.Context(), state)
	return err
}
