package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"odasync/internal/component"
	"odasync/internal/store"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
)

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

func applyOnce(b *testing.B, states *store.States, key component.Key) error {
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
