package daemon

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/ops"
)

// Env is what the parts of one process share.
type Env struct {
	Log     zerolog.Logger
	Metrics *prometheus.Registry
	Health  *ops.Health
}

// The names of the readiness checks.
const (
	checkNATS       = "nats"
	checkKubernetes = "kubernetes"
	checkManifests  = "manifests"
	checkRegistry   = "registry"
)

var (
	// WatcherChecks are what a watcher registers.
	WatcherChecks = []string{checkNATS, checkKubernetes}
	// FolderChecks are what a watcher of manifests registers.
	FolderChecks = []string{checkNATS, checkManifests}
	// SyncerChecks are what a syncer registers.
	SyncerChecks = []string{checkNATS, checkRegistry}
)

// NewEnv returns the log, the metrics and the health of a process, and run, which serves them until its context ends.
// The process is not ready before it has registered the readiness checks.
func NewEnv(cfg ops.Config, out io.Writer, checks ...string) (env Env, run func(context.Context) error, err error) {
	env = Env{Log: ops.NewLogger(cfg, out), Metrics: ops.NewRegistry(), Health: new(ops.Health)}
	for _, name := range checks {
		env.Health.Ready(name, func(context.Context) error { return errors.New("starting") })
	}
	ops.RegisterReady(env.Metrics, env.Health)
	run, err = ops.Serve(cfg, env.Metrics, env.Health, env.Log)
	return env, run, err
}

// part is a piece of a process that comes into being later; until then its check says what it waits for.
type part[T any] struct {
	mu      sync.Mutex
	waiting string
	value   *T
}

func (p *part[T]) set(value *T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value = value
}

// lost takes the value away; the error says what is waited for now.
func (p *part[T]) lost(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value = nil
	if err != nil {
		p.waiting = err.Error()
	}
}

// get returns the value; nil where it is not there.
func (p *part[T]) get() *T {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.value
}

// check asks the value, or says that it is not there yet.
func (p *part[T]) check(ask func(*T) error) func(context.Context) error {
	return func(context.Context) error {
		p.mu.Lock()
		value, waiting := p.value, p.waiting
		p.mu.Unlock()
		if value == nil {
			return errors.New(waiting)
		}
		return ask(value)
	}
}
