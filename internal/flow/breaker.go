package flow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/condition"
	"odasync/internal/target"
)

// State is the state of a breaker.
type State string

// The states of a breaker.
const (
	// Closed: messages flow.
	Closed State = "closed"
	// Open: no messages are fetched; the registry is probed.
	Open State = "open"
	// HalfOpen: the registry answers probes, and a few messages decide whether it takes writes.
	HalfOpen State = "half_open"
)

// Status describes a breaker.
type Status struct {
	State State
	Since time.Time
	// Reason is why it opened last; nil if it never did.
	Reason error
}

// distinctFailures is the number of components that must fail, without a success in between, for a failure that may be the
// component's to open the breaker.
const distinctFailures = 3

// ErrOpen is the cause of contexts that end because the breaker opens.
var ErrOpen = errors.New("the circuit breaker is open")

// Breaker stops the flow while the registry as a whole takes no writes. It is safe for concurrent use.
type Breaker struct {
	probe       target.Probe
	unavailable func(error) bool
	interval    time.Duration
	limiter     *Limiter
	condition   *condition.Condition
	metrics     *Metrics
	log         zerolog.Logger

	wake chan struct{} // buffered: there is a reason to probe

	writing   chan struct{} // held during a write probe
	lastWrite struct {      // result of the last write probe, valid for the interval
		at  time.Time
		err error
	}

	mu        sync.Mutex
	status    Status
	opened    time.Time                  // when it opened from the closed state
	notBefore time.Time                  // the registry asked for no probe before
	writable  bool                       // the last probe wrote something
	suspect   bool                       // something failed since the last probe
	failed    map[component.Key]struct{} // since the last success
	flow      context.Context            // ends when the breaker opens
	stop      context.CancelCauseFunc
	flowing   chan struct{} // closed while the breaker is not open
}

// NewBreaker returns a closed breaker. It probes at most once an interval. unavailable tells whether a probe's error means
// that the registry is unavailable. condition is reset when the breaker closes after a successful write probe.
func NewBreaker(
	probe target.Probe, unavailable func(error) bool, interval time.Duration, limiter *Limiter, condition *condition.Condition, metrics *Metrics, log zerolog.Logger,
) *Breaker {
	b := &Breaker{
		probe: probe, unavailable: unavailable, interval: interval, limiter: limiter, condition: condition, metrics: metrics, log: log,
		wake: make(chan struct{}, 1), writing: make(chan struct{}, 1),
		status: Status{State: Closed, Since: time.Now()}, failed: map[component.Key]struct{}{}, flowing: make(chan struct{}),
	}
	b.flow, b.stop = context.WithCancelCause(context.Background())
	close(b.flowing)
	metrics.setState(Closed) // an earlier breaker may have ended in another state
	return b
}

// Status returns the current status.
func (b *Breaker) Status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

// Err returns why the breaker is open; nil if it is not.
func (b *Breaker) Err() error {
	s := b.Status()
	if s.State != Open {
		return nil
	}
	return fmt.Errorf("circuit breaker open since %s, no messages are fetched: %w", s.Since.UTC().Format(time.RFC3339), s.Reason)
}

// Await blocks while the breaker is open. Its only error is the context's.
func (b *Breaker) Await(ctx context.Context) error {
	b.mu.Lock()
	flowing := b.flowing
	b.mu.Unlock()
	return Wait(ctx, flowing, 0)
}

// Opened returns a channel that is closed when the breaker opens.
func (b *Breaker) Opened() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flow.Done()
}

// While returns a context that ends with ctx or, with [ErrOpen] as its cause, when the breaker opens.
func (b *Breaker) While(ctx context.Context) (context.Context, context.CancelFunc) {
	b.mu.Lock()
	flow := b.flow
	b.mu.Unlock()
	open, cancel := context.WithCancelCause(ctx)
	if flow.Err() != nil { // AfterFunc would run concurrently
		cancel(ErrOpen)
	}
	stop := context.AfterFunc(flow, func() { cancel(ErrOpen) })
	return open, func() { stop(); cancel(nil) }
}

// Succeeded reports that the registry works: it took a component, or rejected one for its content.
func (b *Breaker) Succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.failed)
	if b.status.State == HalfOpen {
		b.setState(Closed, nil)
	}
}

// Failed reports that the registry did not take a component. certain means that it would take no other either. opened is
// what [Breaker.Opened] returned when the apply began: a breaker that has opened since ignores the report.
func (b *Breaker) Failed(key component.Key, reason error, certain bool, opened <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if opened != b.flow.Done() {
		return
	}
	b.failed[key] = struct{}{}
	switch {
	case b.status.State == Open:
		return
	case b.status.State == HalfOpen, certain, len(b.failed) >= distinctFailures:
		b.setState(Open, reason)
	default:
		b.suspect = true
	}
	b.probeSoon()
}

// Paused reports that the registry asked for a pause. opened is as for [Breaker.Failed].
func (b *Breaker) Paused(pause time.Duration, reason error, opened <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if opened != b.flow.Done() {
		return
	}
	if until := time.Now().Add(pause); until.After(b.notBefore) {
		b.notBefore = until
	}
	if b.status.State != Open { // else those that wait for its end would be forgotten
		b.setState(Open, reason)
	}
	b.probeSoon()
}

// CountFailure counts the component among those that failed since the last success, and returns true if they are so many
// that the registry is the cause.
func (b *Breaker) CountFailure(key component.Key) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed[key] = struct{}{}
	return len(b.failed) >= distinctFailures
}

// setState changes the state. The caller holds the lock.
func (b *Breaker) setState(to State, reason error) {
	from := b.status.State
	b.status.State, b.status.Since = to, time.Now()
	b.metrics.setState(to)
	switch {
	case to == Open:
		b.status.Reason = reason
		b.flowing = make(chan struct{})
		b.stop(ErrOpen)
		if from == HalfOpen {
			b.status.Since = b.opened
		} else {
			b.opened = b.status.Since
			b.log.Warn().Err(reason).Msg("circuit breaker open, no messages are fetched until the registry answers")
		}
	case from == Open:
		b.limiter.Reset(1)
		b.flow, b.stop = context.WithCancelCause(context.Background())
		close(b.flowing)
	}
	if to == Closed {
		if b.writable {
			b.condition.Set(nil) // a failure that another replica has resolved would stay otherwise
		}
		b.log.Info().Msg("circuit breaker closed, messages are fetched again")
	}
}
