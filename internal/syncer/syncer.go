package syncer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"odasync/internal/coalesce"
	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/flow"
)

// Timing sets the timing of a [Syncer]. Tests shorten it.
type Timing struct {
	// Heartbeat is the interval of progress reports for the messages in hand; well below the acknowledgement wait.
	Heartbeat time.Duration
	// Grace is how long applies in progress may take after the context has ended.
	Grace time.Duration
	// Probe is the least time between two probes of an unavailable registry; [flow.ProbeInterval] if it is 0.
	Probe time.Duration
}

// Syncer applies the messages of a consumer.
type Syncer struct {
	// Applier applies them. It runs as long as the syncer.
	Applier *Applier

	timing Timing
	queue  *coalesce.Queue[component.Key, *event.Delivery]
	slot   sync.Mutex   // held by the worker that waits for a slot: a released slot wakes all that wait
	beat   atomic.Int64 // time of the last heartbeat, in Unix nanoseconds

	mu     sync.Mutex
	inHand map[*event.Delivery]struct{}
}

// New returns a syncer, which runs once.
func New(deps Dependencies, cfg Config, timing Timing, metrics *Metrics, log zerolog.Logger) *Syncer {
	return &Syncer{
		Applier: NewApplier(deps, cfg, timing.Probe, metrics, log), timing: timing,
		queue: coalesce.New[component.Key](4*cfg.Concurrency, func(a, b *event.Delivery) bool {
			return a.Sequence < b.Sequence
		}),
		inHand: make(map[*event.Delivery]struct{}),
	}
}

// Run applies messages until the context ends or the consumer is gone, and returns that error. Messages that wait then are
// requeued at once; applies in progress finish, or are canceled after the grace period.
func (s *Syncer) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	var background errgroup.Group
	background.Go(func() error { return s.heartbeat(work) })
	background.Go(func() error { return s.Applier.Run(work) })

	// There are twice as many workers as slots: half of them may store outcomes while the others write to the registry.
	var workers errgroup.Group
	for range 2 * s.Applier.cfg.Concurrency {
		workers.Go(func() error {
			for s.work(work) {
			}
			return nil
		})
	}

	err := s.fetch(ctx)
	s.Applier.stop()
	s.requeue(s.queue.Close(), 0)
	cut := time.AfterFunc(s.timing.Grace, stop)
	defer cut.Stop()
	_ = workers.Wait()
	stop()
	_ = background.Wait()
	return err
}

// work handles one message; false if there will be no more. The message is taken once there is a slot for it: until then a
// newer one can replace it, and fetch or Run can requeue it.
func (s *Syncer) work(ctx context.Context) bool {
	key, ok := s.queue.Next()
	if !ok {
		return false
	}
	defer s.queue.Done(key)
	if !s.awaitSlot(ctx) {
		return true
	}
	message, found := s.queue.Take(key)
	if !found {
		s.Applier.limiter.Release()
		return true
	}
	s.process(ctx, message)
	return true
}

// awaitSlot waits until the limiter permits another write; false if the breaker opens or the syncer stops before.
func (s *Syncer) awaitSlot(ctx context.Context) bool {
	s.slot.Lock()
	defer s.slot.Unlock()
	waiting, cancel := s.Applier.breaker.While(ctx)
	defer cancel()
	defer context.AfterFunc(s.Applier.stopping, cancel)()
	return s.Applier.limiter.Acquire(waiting) == nil
}

// opened reports whether the context ended because the breaker opened.
func opened(ctx context.Context) bool { return errors.Is(context.Cause(ctx), flow.ErrOpen) }

// apply applies one message, and calls written when the registry has its state.
func (s *Syncer) apply(ctx context.Context, message *event.Delivery, written func()) disposition {
	started := time.Now()
	d := s.Applier.attempt(ctx, job{
		key: message.Key, event: &message.Event, malformed: message.Err, first: message.First, number: message.Attempt, written: written,
	})
	if d.outcome == outcomeApplied || d.outcome == outcomeDeleted {
		s.Applier.metrics.duration.Observe(time.Since(started).Seconds())
	}
	return d
}

// fetch queues messages until the context ends or the consumer is gone. It pauses while the breaker is open.
func (s *Syncer) fetch(ctx context.Context) error {
	deliveries := s.Applier.deps.Deliveries
	for {
		if err := s.Applier.breaker.Await(ctx); err != nil {
			return err
		}
		fetching, cancel := s.Applier.breaker.While(ctx)
		err := deliveries.Open(fetching, s.Applier.cfg.Batch)
		if err == nil {
			err = s.pull(fetching)
			deliveries.Close() // else requeued messages could be delivered here again
		}
		open := opened(fetching)
		cancel()
		if !open || ctx.Err() != nil {
			return err
		}
		s.requeue(s.queue.Clear(), requeueDelay)
	}
}

// pull queues messages until the context ends or the consumer is gone.
func (s *Syncer) pull(ctx context.Context) error {
	for {
		d, err := s.Applier.deps.Deliveries.Next(ctx)
		if err != nil {
			return err
		}
		s.hold(&d)
		older, replaced, err := s.queue.Add(ctx, d.Key, &d)
		if err != nil {
			delay := time.Duration(0)
			if opened(ctx) {
				delay = requeueDelay
			}
			s.requeue(map[component.Key]*event.Delivery{d.Key: &d}, delay)
			return err
		}
		switch {
		case replaced && older != &d && older.Sequence == d.Sequence:
			s.release(older) // the message was delivered twice: an acknowledgement now would end both
		case replaced:
			s.skip(ctx, older)
		}
	}
}

// requeue returns messages that were not begun to the stream, to be delivered after the delay and up to as much again.
func (s *Syncer) requeue(waiting map[component.Key]*event.Delivery, delay time.Duration) {
	for _, d := range waiting {
		s.dispose(context.Background(), d, requeued(delay))
	}
}

// heartbeat restarts the acknowledgement wait of the messages in hand, so that they are not delivered to another replica.
func (s *Syncer) heartbeat(ctx context.Context) error {
	ticker := time.NewTicker(s.timing.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		s.beat.Store(time.Now().UnixNano())
		s.mu.Lock()
		for d := range s.inHand {
			_ = d.Progress() // an outage is reported elsewhere; the message is then redelivered and recognized
		}
		s.mu.Unlock()
	}
}

func (s *Syncer) hold(d *event.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inHand[d] = struct{}{}
}

func (s *Syncer) release(d *event.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inHand, d)
}

// Liveness returns an error if the heartbeat has stopped.
func (s *Syncer) Liveness() error {
	last := s.beat.Load()
	if last == 0 { // the first one is still to come
		return nil
	}
	if age := time.Since(time.Unix(0, last)); age > 30*s.timing.Heartbeat {
		return fmt.Errorf("no heartbeat for %s", age.Round(time.Second))
	}
	return nil
}
