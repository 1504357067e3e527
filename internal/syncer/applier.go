package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/flow"
	"odasync/internal/target"
	"odasync/internal/tracing"
)

// Applier applies single components to a registry, as the only writer of their keys: the messages of a [Syncer], and
// comparisons on request.
type Applier struct {
	deps     Dependencies
	cfg      Config
	metrics  *Metrics
	tracer   *tracing.Tracer
	log      zerolog.Logger
	registry registryCondition
	broker   brokerCondition
	limiter  *flow.Limiter
	breaker  *flow.Breaker
	cache    stateCache
	late     lateSampler

	mu   sync.Mutex
	busy map[component.Key]struct{} // keys that this process works on

	stopping context.Context // ends when nothing new is begun any more
	stop     context.CancelFunc
}

// NewApplier returns an applier, which does not use the Deliveries. probeInterval is the least time between two probes of an
// unavailable registry; [flow.ProbeInterval] if it is 0.
func NewApplier(deps Dependencies, cfg Config, probeInterval time.Duration, metrics *Metrics, log zerolog.Logger) *Applier {
	log = log.With().Str("target", cfg.Target).Logger()
	metrics.target.WithLabelValues(cfg.Target).Set(1)
	if deps.Tracer != nil {
		deps = traced(deps)
	}
	unavailable := func(err error) bool { return target.ClassOf(err) == target.ClassUnavailable }
	limiter, registry := flow.NewLimiter(cfg.Concurrency), newRegistryCondition(log)
	stopping, stop := context.WithCancel(context.Background())
	return &Applier{
		deps: deps, cfg: cfg, metrics: metrics, tracer: deps.Tracer, log: log, registry: registry, broker: newBrokerCondition(log),
		limiter: limiter,
		breaker: flow.NewBreaker(deps.Probe, unavailable, cmp.Or(probeInterval, flow.ProbeInterval), limiter, registry.Condition, metrics.flow, log),
		cache:   stateCache{states: map[component.Key]target.State{}},
		busy:    map[component.Key]struct{}{}, stopping: stopping, stop: stop,
	}
}

// Run probes the registry while it is unavailable, until the context ends.
func (a *Applier) Run(ctx context.Context) error {
	defer a.metrics.flow.Follow(a.limiter)()
	return a.breaker.Run(ctx)
}

// failureValidity is how long a failure of the registry or the broker counts if no attempt follows, because another replica
// succeeded. It is above the longest pause between two attempts.
const failureValidity = 90 * time.Second

// Check returns why the registry is not written; nil if the last attempt succeeded.
func (a *Applier) Check() error {
	if err := a.breaker.Err(); err != nil { // it includes the registry's failure
		return errors.Join(err, a.broker.Recent(failureValidity))
	}
	return errors.Join(a.registry.Recent(failureValidity), a.broker.Recent(failureValidity))
}

// Available blocks while the registry is unavailable. Its only error is the context's.
func (a *Applier) Available(ctx context.Context) error { return a.breaker.Await(ctx) }

// Flow is the state of the breaker and of the limiter.
type Flow struct {
	Breaker flow.Status
	// Limit is how many components may be applied at a time now, InFlight how many are.
	Limit, InFlight int
}

// Flow returns the current state of the breaker and of the limiter.
func (a *Applier) Flow() Flow {
	f := Flow{Breaker: a.breaker.Status()}
	f.Limit, f.InFlight = a.limiter.State()
	return f
}

// lock keeps the work of this process on a key apart; false if the key is locked.
func (a *Applier) lock(key component.Key) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, busy := a.busy[key]; busy {
		return false
	}
	a.busy[key] = struct{}{}
	return true
}

func (a *Applier) unlock(key component.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.busy, key)
}

// maxClaimed bounds the attempts of one comparison while another replica works on the key, and maxClaimedReconciles the
// comparisons.
const (
	maxClaimed           = 20
	maxClaimedReconciles = 3
)

// Reconcile compares the registry with the stream's newest message of the key, whatever the sync state says, and writes what
// differs. listed is what a listing of the registry shows for the component; zero without one. Its error is ErrClaimed if
// another replica kept the key, the registry's failure, or the context's error.
func (a *Applier) Reconcile(ctx context.Context, key component.Key, listed target.Listed) (target.Repair, error) {
	return a.reconcile(ctx, job{key: key, listed: listed})
}

func (a *Applier) reconcile(ctx context.Context, j job) (repair target.Repair, err error) {
	ctx, span := a.beginCompare(ctx, j.key)
	defer func() { end(span, err) }()
	if err := a.breaker.Await(ctx); err != nil {
		return target.Repair{}, err
	}
	if err := a.limiter.Acquire(ctx); err != nil {
		return target.Repair{}, err
	}
	defer a.limiter.Release()
	for j.number = 1; ; j.number++ {
		d := a.attempt(ctx, j)
		switch {
		case d.outcome == outcomeClaimed && j.number < maxClaimed:
		case d.outcome == outcomeClaimed:
			return target.Repair{}, fmt.Errorf("compare %s: %w", j.key, target.ErrClaimed)
		case d.action != ack:
			return target.Repair{Created: d.created, Writes: d.writes}, d.err
		default:
			return target.Repair{Deleted: d.outcome == outcomeDeleted, Created: d.created, Writes: d.writes, Overwritten: d.overwritten}, nil
		}
		if err := flow.Sleep(ctx, d.delay); err != nil {
			return target.Repair{}, err
		}
		j.listed.NameFree = false // another replica may have created it meanwhile
	}
}

// ReconcileUntilDone repeats Reconcile until there is an outcome: it waits for a registry or a broker that is unavailable.
// Its error is why the registry does not take the component, ErrClaimed if another replica kept the key for long, or the
// context's error.
func (a *Applier) ReconcileUntilDone(ctx context.Context, key component.Key) (target.Repair, error) {
	return a.untilDone(ctx, job{key: key})
}

// Compare is ReconcileUntilDone with the entry that the registry has now: a listing that is a few seconds old will not do.
func (a *Applier) Compare(ctx context.Context, key component.Key) (target.Repair, error) {
	return a.untilDone(ctx, job{key: key, now: true})
}

func (a *Applier) untilDone(ctx context.Context, j job) (target.Repair, error) {
	writes, claimed, created := 0, 0, false
	for number := 1; ; number++ {
		repair, err := a.reconcile(ctx, j)
		writes, created = writes+repair.Writes, created || repair.Created
		repair.Writes, repair.Created = writes, created
		if errors.Is(err, target.ErrClaimed) {
			claimed++
		}
		if err == nil || ctx.Err() != nil || claimed == maxClaimedReconciles || a.parked(ctx, j.key, err) {
			return repair, err
		}
		if err := retries.Sleep(ctx, number); err != nil {
			return repair, err
		}
	}
}

// parked reports whether a failed comparison ended in a dead letter.
func (a *Applier) parked(ctx context.Context, key component.Key, err error) bool {
	class := target.ClassOf(err)
	if class.Permanent() || !class.Particular() {
		return class.Permanent()
	}
	state, err := a.deps.States.Load(ctx, key)
	return err == nil && state.Outcome == target.OutcomeFailed && state.Intent == 0
}
