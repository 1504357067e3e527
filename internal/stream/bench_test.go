package stream_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"odasync/internal/stream/streamtest"
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
