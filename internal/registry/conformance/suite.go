package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/registry/conformance/outsider"
	"odasync/internal/registry/transport"
)

// Suite is one run against one registry. It is not safe for concurrent use.
type Suite struct {
	name string
	cfg  registry.Config
	// writer and other are two replicas, which share nothing but the registry. The other one checks what the writer has done.
	writer, other adapter.Adapter
	outsider      outsider.Outsider
	// closers close what was opened, the last one first.
	closers []func()
	// transport is the proxy's way to the registry.
	transport *transport.Transport
}

// Open connects to the registry and makes sure that it takes writes. It replaces the names in the
// configuration, which may be in use, by the suite's own. The caller calls Close, also after a failed run.
func Open(ctx context.Context, cfg registry.Config) (*Suite, error) {
	s := &Suite{name: fmt.Sprintf("odasync-verify-%08x", rand.Uint32()), cfg: cfg, transport: transport.New(cfg.Transport, 0)}
	s.closers = append(s.closers, s.transport.CloseIdleConnections)
	s.cfg.Name, s.cfg.IDPrefix, s.cfg.NameFormat = s.name, s.name, registry.FormatName
	s.cfg.Segments, s.cfg.Adopt = component.Segments(), true
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *Suite) open(ctx context.Context) (err error) {
	if s.writer, err = s.adapter(ctx, s.cfg); err != nil {
		return err
	}
	s.cfg.API = s.writer.API() // is not recognised again
	if s.other, err = s.adapter(ctx, s.cfg); err != nil {
		return err
	}
	if err := s.writer.Contract(ctx); err != nil {
		return err
	}
	s.outsider = outsider.New(s.cfg)
	return s.writer.WriteProbe(ctx)
}

// adapter opens an adapter that Close closes.
func (s *Suite) adapter(ctx context.Context, cfg registry.Config) (adapter.Adapter, error) {
	a, err := adapter.Open(ctx, cfg, prometheus.NewRegistry(), zerolog.Nop())
	if err == nil {
		s.closers = append(s.closers, a.Close)
	}
	return a, err
}

// Name is what the names of all that the suite creates begin with.
func (s *Suite) Name() string { return s.name }

// API returns the name of the registry's API, as in COMPONENT_REGISTRY_API.
func (s *Suite) API() string { return s.writer.API() }

// cleanUpLimit bounds the removal of what a suite has created.
const cleanUpLimit = 5 * time.Minute

// Close removes all that the suite has created, also after the end of the context.
func (s *Suite) Close(ctx context.Context) error {
	defer func() {
		for _, closer := range slices.Backward(s.closers) {
			closer()
		}
	}()
	if s.outsider == nil { // nothing was written
		return nil
	}
	defer s.outsider.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancel()
	err := s.deleteAll(ctx)
	if err == nil {
		err = s.outsider.Sweep(ctx)
	}
	if err != nil {
		return fmt.Errorf("clean up: %w: remove what begins with %s from the registry by hand", err, s.name)
	}
	return nil
}

// deleteAll deletes every document of the suite.
func (s *Suite) deleteAll(ctx context.Context) error {
	found, err := s.outsider.All(ctx)
	if err != nil {
		return err
	}
	return s.deleteEach(ctx, found)
}

func (s *Suite) deleteEach(ctx context.Context, found []outsider.Document) error {
	for _, d := range found {
		if err := s.outsider.Delete(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// Result is the outcome of a case.
type Result struct {
	Name string `json:"name"`
	// Status is ok or failed.
	Status string `json:"status"`
	// Detail is what the case shows, or what was found instead.
	Detail       string `json:"detail"`
	Milliseconds int64  `json:"milliseconds"`
}

// The values of Result.Status.
const (
	StatusOK     = "ok"
	StatusFailed = "failed"
)

// grace is how long a case may go on after an interruption. A write that is in flight has to end before the clean-up begins:
// what it creates would stay.
const grace = 5 * time.Second

// Run runs a case. Its error is the end of the context, which says nothing about the registry.
func (s *Suite) Run(ctx context.Context, c Case) (Result, error) {
	graceful, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
	started := time.Now()
	err := (&scenario{Suite: s, ctx: graceful, interrupted: ctx.Err}).run(c)
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	r := Result{Name: c.Name, Status: StatusOK, Detail: c.Shows, Milliseconds: time.Since(started).Milliseconds()}
	if err != nil {
		r.Status, r.Detail = StatusFailed, err.Error()
	}
	return r, nil
}
