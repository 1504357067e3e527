package daemon

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/config"
	"odasync/internal/ops"
	"odasync/internal/tracing"
)

// Env is what the parts of one process share.
type Env struct {
	Log     zerolog.Logger
	Metrics *prometheus.Registry
	Health  *ops.Health
	Tracer  *tracing.Tracer // nil for no tracing
}

// EnvConfig configures monitoring, logs and tracing.
type EnvConfig struct {
	Ops     ops.Config
	Tracing tracing.Config
}

// Sections lists the parts for config.Load.
func (c *EnvConfig) Sections() []config.Section { return []config.Section{&c.Ops, &c.Tracing} }

// The names of the readiness checks. Those of CheckRegistry are about the registry and the way to it.
const (
	checkNATS       = "nats"
	checkStream     = "stream"
	checkKubernetes = "kubernetes"
	checkManifests  = "manifests"
	CheckRegistry   = "registry"
)

var (
	// WatcherChecks are the readiness checks of a watcher.
	WatcherChecks = []string{checkNATS, checkKubernetes}
	// FolderChecks are those of a watcher of manifests.
	FolderChecks = []string{checkNATS, checkManifests}
	// SyncerChecks are those of a syncer.
	SyncerChecks = []string{checkNATS, checkStream, CheckRegistry}
)

// flushTimeout bounds how long a stopped process sends its last spans.
const flushTimeout = 3 * time.Second

// NewEnv returns the log, the metrics, the health and the tracer of the named process, and run, which serves them until its
// context ends and then sends the last spans. The process is not ready before it has registered the readiness checks.
func NewEnv(cfg EnvConfig, name string, out io.Writer, checks ...string) (env Env, run func(context.Context) error, err error) {
	logs := ops.NewLogs(cfg.Ops, out, tracing.LogHook{})
	env = Env{Log: logs.Logger, Metrics: ops.NewRegistry(), Health: new(ops.Health)}
	for _, name := range checks {
		env.Health.Ready(name, func(context.Context) error { return errors.New("starting") })
	}
	ops.RegisterReady(env.Metrics, env.Health)
	traces, err := tracing.New(context.Background(), cfg.Tracing, tracing.Service{Name: name, Version: ops.Version()}, env.Log)
	if err != nil {
		return env, nil, &configError{err}
	}
	serve, err := ops.Serve(cfg.Ops, env.Metrics, env.Health, logs)
	if err != nil {
		return env, nil, errors.Join(err, traces.Close(context.Background())) // there is nothing to send yet
	}
	env.Tracer = traces.Tracer()
	return env, func(ctx context.Context) error {
		defer logs.Flush()
		defer logs.Signals()()
		err := serve(ctx)
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := traces.Close(flush); err != nil {
			env.Log.Warn().Err(err).Msg("some spans are lost")
		}
		return err
	}, nil
}

// part is a part of a process that is created later; until then its check returns what it waits for.
type part[T any] struct {
	mu      sync.Mutex
	waiting error
	value   *T
}

func newPart[T any](waiting string) *part[T] { return &part[T]{waiting: errors.New(waiting)} }

func (p *part[T]) set(value *T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value = value
}

// lost removes the value; the error is what the part waits for now.
func (p *part[T]) lost(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value = nil
	if err != nil {
		p.waiting = err
	}
}

// get returns the value, or nil and what the part waits for.
func (p *part[T]) get() (*T, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.value == nil {
		return nil, p.waiting
	}
	return p.value, nil
}

// check returns a readiness check of the value; it fails while there is none.
func (p *part[T]) check(ask func(*T) error) func(context.Context) error {
	return func(context.Context) error {
		value, err := p.get()
		if err != nil {
			return err
		}
		return ask(value)
	}
}
