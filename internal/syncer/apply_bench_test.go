package syncer_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
)

// BenchmarkApplier_Reconcile is one comparison without a difference and without a broker: the cost of the syncer itself.
func BenchmarkApplier_Reconcile(b *testing.B) {
	e := syncertest.Upserted("a", "one")
	e.Sequence = 1
	registry := &quietRegistry{}
	applier := syncer.NewApplier(syncer.InMemory(singleHead(e), registry, registry),
		syncer.Config{Target: syncertest.Target, Concurrency: 1, Tries: 1}, 0, syncer.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := applier.Reconcile(b.Context(), e.Key, target.Listed{}); err != nil {
			b.Fatal(err)
		}
	}
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
