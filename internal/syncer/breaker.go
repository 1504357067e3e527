package syncer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/target"
)

// BreakerState says whether messages flow to the registry.
type BreakerState string

// The states of the breaker.
const (
	// BreakerClosed: messages flow.
	BreakerClosed BreakerState = "closed"
	// BreakerOpen: nothing is fetched; the registry is probed.
	BreakerOpen BreakerState = "open"
	// BreakerHalfOpen: the registry answers a probe, and a few messages show whether it takes writes.
	BreakerHalfOpen BreakerState = "half_open"
)

// Breaker is what is to be known of a breaker.
type Breaker struct {
	State BreakerState
	Since time.Time
	// Reason is why it opened last; nil while it never did.
	Reason error
}

// The breaker opens for what may be one component's trouble only when that many failed and none succeeded.
const distinctFailures = 3

// Times between two probes of a registry that is down. Several replicas probe the same one.
const (
	probeEvery  = time.Second
	probeAtMost = 5 * time.Second
)

// handBackDelay is how long what was in hand when the breaker opened stays away, and as much again at random: another
// replica may have more luck, and this one does not fetch.
const handBackDelay = time.Second

// errOpened ends the flow of messages.
var errOpened = errors.New("the circuit breaker has opened")

// breaker stops the flow while the registry as a whole does not take writes. What one component meets does not open it:
// a probe decides, or that several components fail and none succeeds. Failures of what began before it opened last say
// nothing new.
type breaker struct {
	probe   target.Probe
	pace    time.Duration
	limiter *limiter
	sink    sink
	metrics *Metrics
	log     zerolog.Logger

	wake chan struct{} // holds one: there is something to probe for

	trying chan struct{} // holds one while a trial is under way
	tried  struct {      // the last trial, whose result holds for the pace
		at  time.Time
		err error
	}

	mu      sync.Mutex
	now     Breaker
	broke   time.Time                  // when it opened, from a closed state
	until   time.Time                  // the registry asked not to be probed before
	writes  bool                       // the last probe wrote something
	suspect bool                       // something failed since the last probe
	failed  map[component.Key]struct{} // since the last success
	flow    context.Context            // ends when the breaker opens
	stop    context.CancelCauseFunc
	flowing chan struct{} // closed while the breaker is not open
}

func newBreaker(probe target.Probe, pace time.Duration, limiter *limiter, sink sink, metrics *Metrics, log zerolog.Logger) *breaker {
	b := &breaker{
		probe: probe, pace: pace, limiter: limiter, sink: sink, metrics: metrics, log: log,
		wake: make(chan struct{}, 1), trying: make(chan struct{}, 1),
		now: Breaker{State: BreakerClosed, Since: time.Now()}, failed: map[component.Key]struct{}{}, flowing: make(chan struct{}),
	}
	b.flow, b.stop = context.WithCancelCause(context.Background())
	close(b.flowing)
	metrics.breaker(BreakerClosed) // an earlier session may have ended with another state
	return b
}

// state returns a copy.
func (b *breaker) state() Breaker {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// Err says in words that nothing is fetched; nil while messages flow.
func (b *breaker) Err() error {
	now := b.state()
	if now.State != BreakerOpen {
		return nil
	}
	return fmt.Errorf("circuit breaker open since %s, no messages are fetched: %w", now.Since.UTC().Format(time.RFC3339), now.Reason)
}

// await waits until messages may flow. Its only error is the context's.
func (b *breaker) await(ctx context.Context) error {
	b.mu.Lock()
	flowing := b.flowing
	b.mu.Unlock()
	return waitFor(ctx, flowing, 0)
}

// opened is closed when the breaker opens.
func (b *breaker) opened() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flow.Done()
}

// while returns a context that ends with ctx or, with errOpened as its cause, when the breaker opens.
func (b *breaker) while(ctx context.Context) (context.Context, context.CancelFunc) {
	b.mu.Lock()
	flow := b.flow
	b.mu.Unlock()
	open, cancel := context.WithCancelCause(ctx)
	if flow.Err() != nil { // the function below would run in its own time
		cancel(errOpened)
	}
	forget := context.AfterFunc(flow, func() { cancel(errOpened) })
	return open, func() { forget(); cancel(nil) }
}

// succeeded says that the registry works: it took a component, or refused one for its content.
func (b *breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.failed)
	if b.now.State == BreakerHalfOpen {
		b.turn(BreakerClosed, nil)
	}
}

// failedFor says that the registry did not take a component. certain says that it would take no other either. flow is what
// opened returned when that conversation began.
func (b *breaker) failedFor(key component.Key, reason error, certain bool, flow <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if flow != b.flow.Done() {
		return
	}
	b.failed[key] = struct{}{}
	switch {
	case b.now.State == BreakerOpen:
		return
	case b.now.State == BreakerHalfOpen, certain, len(b.failed) >= distinctFailures:
		b.turn(BreakerOpen, reason)
	default:
		b.suspect = true
	}
	b.probeSoon()
}

// pausedFor says that the registry asked to be left alone for a while. flow is as for failedFor.
func (b *breaker) pausedFor(pause time.Duration, reason error, flow <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if flow != b.flow.Done() {
		return
	}
	if until := time.Now().Add(pause); until.After(b.until) {
		b.until = until
	}
	if b.now.State != BreakerOpen { // or whoever waits for its end would be forgotten
		b.turn(BreakerOpen, reason)
	}
	b.probeSoon()
}

// probeSoon has run look whether there is something to probe for.
func (b *breaker) probeSoon() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// several says whether so many components failed since the last success that it is not one component's trouble; the key
// counts among them from now on.
func (b *breaker) several(key component.Key) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed[key] = struct{}{}
	return len(b.failed) >= distinctFailures
}

// turn changes the state. The caller holds the lock.
func (b *breaker) turn(to BreakerState, reason error) {
	from := b.now.State
	b.now.State, b.now.Since = to, time.Now()
	b.metrics.breaker(to)
	switch {
	case to == BreakerOpen:
		b.now.Reason = reason
		b.flowing = make(chan struct{})
		b.stop(errOpened)
		if from == BreakerHalfOpen {
			b.now.Since = b.broke
		} else {
			b.broke = b.now.Since
			b.log.Warn().Err(reason).Msg("circuit breaker open: no messages are fetched until the registry answers")
		}
	case from == BreakerOpen:
		b.limiter.restart(1)
		b.flow, b.stop = context.WithCancelCause(context.Background())
		close(b.flowing)
	}
	if to == BreakerClosed {
		if b.writes {
			b.sink.Set(nil) // or what another replica finished would leave its failure here
		}
		b.log.Info().Msg("circuit breaker closed: messages flow again")
	}
}

// run probes the registry while there is reason to, until the context ends.
func (b *breaker) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.wake:
		}
		for pause := b.pace; b.wanted(); pause = min(pause*3/2, b.pace*time.Duration(probeAtMost/probeEvery)) {
			if b.rest(ctx) != nil {
				return nil
			}
			b.probed(b.ask(ctx))
			if waitFor(ctx, nil, pause+rand.N(pause/2)) != nil {
				return nil
			}
		}
	}
}

// rest waits while the registry asked to be left alone.
func (b *breaker) rest(ctx context.Context) error {
	b.mu.Lock()
	left := time.Until(b.until)
	b.mu.Unlock()
	if left <= 0 {
		return nil
	}
	return waitFor(ctx, nil, left)
}

func (b *breaker) wanted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.suspect || b.now.State != BreakerClosed
}

// ask says whether the registry is there, by its own word and by a write that changes nothing. Any answer but that it is
// down will do: it may not know these questions, or not allow them, and then a few messages tell.
func (b *breaker) ask(ctx context.Context) error {
	err := b.probe.Health(ctx)
	if target.ClassOf(err) != target.ClassUnavailable {
		err = b.trial(ctx)
		b.mu.Lock()
		b.writes = err == nil
		b.mu.Unlock()
	}
	if target.ClassOf(err) != target.ClassUnavailable {
		return nil
	}
	return err
}

// trial has the registry write something. Those who ask at about the same time share one answer.
func (b *breaker) trial(ctx context.Context) error {
	select {
	case b.trying <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.trying }()
	if time.Since(b.tried.at) < b.pace {
		return b.tried.err
	}
	err := b.probe.WriteProbe(ctx)
	if ctx.Err() == nil {
		b.tried.at, b.tried.err = time.Now(), err
	}
	return err
}

// probed takes a probe's result.
func (b *breaker) probed(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.suspect = false
	switch {
	case errors.Is(err, context.Canceled):
		return
	case err == nil:
		b.metrics.probes.WithLabelValues(probeGood).Inc()
	default:
		b.metrics.probes.WithLabelValues(probeBad).Inc()
	}
	switch {
	case err != nil && b.now.State == BreakerOpen:
		b.now.Reason = err
	case err != nil:
		b.turn(BreakerOpen, err)
	case b.now.State == BreakerOpen:
		b.turn(BreakerHalfOpen, nil)
	case b.now.State == BreakerHalfOpen:
		if _, trying := b.limiter.state(); trying == 0 { // there is nothing to try
			b.turn(BreakerClosed, nil)
		}
	}
}
