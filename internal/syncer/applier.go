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
	"odasync/internal/target"
	"odasync/internal/tracing"
)

// Applier brings single components into a registry, as the only writer of their keys. A Syncer does so for what the
// consumer delivers; others ask for a comparison with Mend.
type Applier struct {
	ports   Dependencies
	cfg     Config
	metrics *Metrics
	tracer  *tracing.Tracer
	log     zerolog.Logger
	sink    sink
	broker  broker
	limiter *limiter
	breaker *breaker

	mu       sync.Mutex
	busy     map[component.Key]struct{}     // what this process works on
	recent   map[component.Key]target.State // what it stored last, of some
	lateSeen uint                           // late messages that were not skipped at once
	lateLeft int                            // how many more of them are asked about in a row

	stopping context.Context // ends when nothing new is begun any more
	stop     context.CancelFunc
}

// NewApplier returns an applier; Deliveries are not used. pace is the least time between two probes of a registry that is
// down; a second where it is 0.
func NewApplier(ports Dependencies, cfg Config, pace time.Duration, metrics *Metrics, log zerolog.Logger) *Applier {
	log = log.With().Str("target", cfg.Target).Logger()
	metrics.target.WithLabelValues(cfg.Target).Set(1)
	if ports.Tracer != nil {
		ports = traced(ports)
	}
	limiter, sink := newLimiter(cfg.Concurrency), newSink(log)
	stopping, stop := context.WithCancel(context.Background())
	return &Applier{
		ports: ports, cfg: cfg, metrics: metrics, tracer: ports.Tracer, log: log, sink: sink, broker: newBroker(log),
		limiter: limiter, breaker: newBreaker(ports.Probe, cmp.Or(pace, probeEvery), limiter, sink, metrics, log),
		busy: map[component.Key]struct{}{}, recent: map[component.Key]target.State{}, stopping: stopping, stop: stop,
	}
}

// Run probes the registry whenever it is down, until the context ends.
func (a *Applier) Run(ctx context.Context) error {
	a.metrics.limiter.Store(a.limiter)
	defer a.metrics.limiter.Store(nil)
	return a.breaker.run(ctx)
}

// Mended is what a comparison did.
type Repair struct {
	// Deleted says that the component is not to stand in the registry.
	Deleted bool
	// Writes counts the requests that changed something.
	Writes int
}

// claimedTries bounds how often a comparison waits for another replica to finish with the key.
const claimedTries = 20

// Mend compares the registry with the stream's newest message of the key, whatever the sync state says, and writes what
// differs. It returns ErrClaimed where others kept the claim, the registry's failure, or the context's error.
func (a *Applier) Reconcile(ctx context.Context, key component.Key) (Repair, error) {
	return a.mendFound(ctx, found{key: key})
}

// mendFound is Mend for a component that a reconcile found.
func (a *Applier) mendFound(ctx context.Context, f found) (mended Repair, err error) {
	key := f.key
	ctx, span := a.comparing(ctx, key)
	defer func() { end(span, err) }()
	if err := a.breaker.await(ctx); err != nil {
		return Repair{}, err
	}
	if err := a.limiter.enter(ctx); err != nil {
		return Repair{}, err
	}
	defer a.limiter.leave()
	for number := 1; ; number++ {
		v := a.attempt(ctx, job{key: key, record: f.record, absent: f.absent && number == 1, number: number})
		switch {
		case v.outcome == outcomeClaimed && number < claimedTries:
		case v.outcome == outcomeClaimed:
			return Repair{}, fmt.Errorf("compare %s: %w", key, target.ErrClaimed)
		case v.action != ack:
			return Repair{Writes: v.writes}, v.err
		default:
			return Repair{Deleted: v.outcome == outcomeDeleted, Writes: v.writes}, nil
		}
		if err := waitFor(ctx, nil, max(v.delay, time.Nanosecond)); err != nil {
			return Repair{}, err
		}
	}
}

// forgotten is how long a failure says something about the registry where no other attempt follows, since another replica
// had more luck. It is above the longest pause between two attempts.
const forgotten = 90 * time.Second

// Check says in words why the registry is not being written; nil when the last attempt went well.
func (a *Applier) Check() error {
	if err := a.breaker.Err(); err != nil { // with the sink's words
		return errors.Join(err, a.broker.Err())
	}
	return errors.Join(a.sink.Recent(forgotten), a.broker.Err())
}

// Flow is how messages flow to the registry.
type Flow struct {
	Breaker Breaker
	// Limit is how many components may be applied at a time now, InFlight how many are.
	Limit, InFlight int
}

// Flow tells how messages flow now.
func (a *Applier) Flow() Flow {
	f := Flow{Breaker: a.breaker.state()}
	f.Limit, f.InFlight = a.limiter.state()
	return f
}
