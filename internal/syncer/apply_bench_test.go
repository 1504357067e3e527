package syncer_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

// BenchmarkMend is one comparison with a registry that is right, without a broker: what a syncer itself spends on it.
func BenchmarkMend(b *testing.B) {
	e := upserted("a", "one")
	e.Sequence = 1
	registry := &quietRegistry{}
	applier := syncer.NewApplier(syncer.InMemory(benchHead{Event: e}, registry, registry),
		syncer.Config{Target: fed, Concurrency: 1, Tries: 1}, 0, syncer.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := applier.Reconcile(b.Context(), e.Key); err != nil {
			b.Fatal(err)
		}
	}
}

type benchHead struct {
	wholeStream
	event.Event
}

func (h benchHead) Newest(context.Context, component.Key) (event.Event, bool, error) {
	return h.Event, true, nil
}

// quietRegistry takes everything and keeps nothing.
type quietRegistry struct{}

func (*quietRegistry) Health(context.Context) error     { return nil }
func (*quietRegistry) WriteProbe(context.Context) error { return nil }
func (*quietRegistry) Apply(context.Context, component.Key, *component.Component, target.Previous) (target.Result, error) {
	return target.Result{Requests: 1}, nil
}
func (*quietRegistry) Delete(context.Context, component.Key, target.Previous) (target.Result, error) {
	return target.Result{Requests: 1}, nil
}
