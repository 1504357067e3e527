package syncer

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/flow"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// registryProbe is a probe of a registry that is available once the test says so.
type registryProbe struct {
	available atomic.Bool
	failure   error
}

func (p *registryProbe) Health(context.Context) error {
	if p.available.Load() {
		return nil
	}
	return p.failure
}

func (p *registryProbe) WriteProbe(ctx context.Context) error { return p.Health(ctx) }

// What the registry rejects for its content shows that it is available.
func TestApplier_RejectionClosesTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 503}
		rejected := &target.Failure{Class: target.ClassInvalid, Request: "POST /components/", Status: 422}
		probe := &registryProbe{failure: down}
		a := NewApplier(Dependencies{Probe: probe}, Config{Target: "default", Concurrency: 16}, 0, NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		a.breaker.Failed(component.Key{Name: "a"}, down, true, a.breaker.Opened())
		synctest.Wait()
		probe.available.Store(true)
		time.Sleep(1600 * time.Millisecond) // longer than the first pause between two probes
		synctest.Wait()
		testcheck.MustEqual(t, "breaker after a good probe", flow.HalfOpen, a.Flow().Breaker.State)
		_ = a.assess(t.Context(), nil, rejected, a.breaker.Opened())
		testcheck.Equal(t, "breaker after a rejection", flow.Closed, a.Flow().Breaker.State)
		stop()
		testcheck.NoError(t, <-ended)
	})
}

// A replica that gets no more messages is ready again.
func TestApplier_FailuresExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewApplier(Dependencies{Probe: &registryProbe{}}, Config{Target: "default", Concurrency: 1}, 0, NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
		a.broker.record(errors.New("save the sync state: nats is away"))
		a.registry.record(&target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 503})
		time.Sleep(failureValidity)
		if err := a.Check(); err == nil {
			t.Error("failures expire too early")
		}
		time.Sleep(time.Nanosecond)
		testcheck.NoError(t, a.Check())
	})
}
