package adapter

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// Late is a registry that is opened at its first use, for a caller that waits for the registry anyway. While it cannot be
// opened, each use fails with the reason.
type Late struct {
	open func(context.Context) (Adapter, error)

	mu     sync.Mutex
	opened Adapter // nil until then
}

// OpenLate returns the registry for a configuration that passed Validate, and sends no request.
func OpenLate(cfg registry.Config, registerer prometheus.Registerer, log zerolog.Logger) *Late {
	return &Late{open: func(ctx context.Context) (Adapter, error) { return Open(ctx, cfg, registerer, log) }}
}

// adapter opens the registry. Concurrent callers wait for one opening.
func (l *Late) adapter(ctx context.Context) (Adapter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened != nil {
		return l.opened, nil
	}
	opened, err := l.open(ctx)
	if err == nil {
		l.opened = opened
	}
	return opened, err
}

// Apply implements [target.Registry].
func (l *Late) Apply(ctx context.Context, key component.Key, c *component.Component, previous target.Previous) (target.Result, error) {
	a, err := l.adapter(ctx)
	if err != nil {
		return target.Result{Ref: previous.Ref}, err
	}
	return a.Apply(ctx, key, c, previous)
}

// Delete implements [target.Registry].
func (l *Late) Delete(ctx context.Context, key component.Key, previous target.Previous) (target.Result, error) {
	a, err := l.adapter(ctx)
	if err != nil {
		return target.Result{Ref: previous.Ref}, err
	}
	return a.Delete(ctx, key, previous)
}

// Health implements [target.Probe].
func (l *Late) Health(ctx context.Context) error {
	a, err := l.adapter(ctx)
	if err != nil {
		return err
	}
	return a.Health(ctx)
}

// WriteProbe implements [target.Probe].
func (l *Late) WriteProbe(ctx context.Context) error {
	a, err := l.adapter(ctx)
	if err != nil {
		return err
	}
	return a.WriteProbe(ctx)
}

// Close closes idle connections. Call it once no request is in flight.
func (l *Late) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened != nil {
		l.opened.Close()
	}
}
