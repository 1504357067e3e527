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
	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/target"
	"odasync/internal/tracing"
)

// Config is the syncer's own.
type Config struct {
	// Target names the registry that is fed. A second syncer with another target feeds another registry.
	Target string `env:"SYNC_TARGET, default=default" help:"name of the registry that is fed; another for each registry"`
	// Clusters are those whose components go to the registry; empty for all.
	Clusters []string `env:"SYNC_CLUSTERS" help:"clusters on the stream whose components go to this registry, with commas; empty for all"`
	// Concurrency is how many components one replica writes to the registry at a time.
	Concurrency int `env:"SYNC_CONCURRENCY, default=16" help:"components that one syncer writes to the registry at a time, 1 to 1024"`
	// Batch is how many messages wait in the process beside those that are being applied.
	Batch int `env:"BATCH_SIZE, default=100" help:"messages that one syncer fetches ahead, 1 to 1000"`
	// Tries and Pause are for a registry that does not answer; then the message goes back to the stream.
	Tries int             `env:"COMPONENT_REGISTRY_RETRY_ATTEMPTS, default=3" help:"tries of an apply before its message goes back to the stream, 1 to 100"`
	Pause config.Duration `env:"COMPONENT_REGISTRY_RETRY_DELAY, default=5" help:"pause between these tries: seconds, or a duration such as 500ms"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	var problems []error
	if c.Target == "" || len(c.Target) > 100 {
		problems = append(problems, fmt.Errorf("SYNC_TARGET is %q: 1 to 100 characters, another for each registry", c.Target))
	}
	for _, cluster := range c.Clusters {
		if cluster == "" || len(cluster) > 100 {
			problems = append(problems, fmt.Errorf("SYNC_CLUSTERS names %q: each has 1 to 100 characters, as CLUSTER_NAME of its watcher", cluster))
		}
	}
	if c.Concurrency < 1 || c.Concurrency > 1024 {
		problems = append(problems, fmt.Errorf("SYNC_CONCURRENCY is %d: 1 to 1024", c.Concurrency))
	}
	if c.Batch < 1 || c.Batch > 1000 {
		problems = append(problems, fmt.Errorf("BATCH_SIZE is %d: 1 to 1000", c.Batch))
	}
	if c.Tries < 1 || c.Tries > 100 {
		problems = append(problems, fmt.Errorf("COMPONENT_REGISTRY_RETRY_ATTEMPTS is %d: 1 to 100", c.Tries))
	}
	if c.Pause < 0 || time.Duration(c.Pause) > time.Hour {
		problems = append(problems, fmt.Errorf("COMPONENT_REGISTRY_RETRY_DELAY is %s: 0 to 1h", c.Pause))
	}
	return errors.Join(problems...)
}

// Ports are what a syncer works with.
type Dependencies struct {
	Deliveries  Deliveries
	Heads       Heads
	Sessions    Sessions
	States      States
	DeadLetters DeadLetters
	Registry    target.Registry
	Probe       target.Probe
	// Tracer is nil for no tracing.
	Tracer *tracing.Tracer
}

// Timing is how long things may take. Tests shorten it.
type Timing struct {
	// Heartbeat is how often the broker hears of each message in hand; well below its acknowledgement wait.
	Heartbeat time.Duration
	// Grace is how long running applies may take after the context has ended.
	Grace time.Duration
	// Probe is the least time between two probes of a registry that is down; a second where it is 0.
	Probe time.Duration
}

// Syncer applies the events that a consumer delivers.
type Syncer struct {
	*Applier
	timing Timing
	lanes  *coalesce.Queue[component.Key, *event.Delivery]

	taking sync.Mutex // held by the worker that waits for a message and for room

	beat atomic.Int64 // when the heartbeat was last sent, in Unix nanoseconds

	mu   sync.Mutex
	hand map[*event.Delivery]struct{}
}

// New returns a syncer, which runs once.
func New(ports Dependencies, cfg Config, timing Timing, metrics *Metrics, log zerolog.Logger) *Syncer {
	return &Syncer{
		Applier: NewApplier(ports, cfg, timing.Probe, metrics, log), timing: timing,
		lanes: coalesce.New[component.Key](4*cfg.Concurrency, func(a, b *event.Delivery) bool {
			return a.Sequence < b.Sequence
		}),
		hand: make(map[*event.Delivery]struct{}),
	}
}

// Run applies messages until the context ends or the consumer is gone, and returns that error. What waits then is
// handed back at once; what is being applied is finished, or cut off after the grace.
func (s *Syncer) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	var background errgroup.Group
	background.Go(func() error { return s.heartbeat(work) })
	background.Go(func() error { return s.Applier.Run(work) })

	// Of the workers, half may be storing outcomes while the others write to the registry, which is not left waiting.
	writing := make(chan struct{}, s.cfg.Concurrency)
	var workers errgroup.Group
	for range 2 * s.cfg.Concurrency {
		workers.Go(func() error {
			for {
				writing <- struct{}{}
				leave := sync.OnceFunc(func() { <-writing })
				key, d, refused, ok := s.next(work)
				if ok {
					s.process(work, d, refused, leave)
					s.lanes.Done(key)
				}
				if leave(); !ok {
					return nil
				}
			}
		})
	}

	err := s.fetch(ctx)
	s.stop()
	s.handBack(s.lanes.Close(), 0)
	cut := time.AfterFunc(s.timing.Grace, stop)
	defer cut.Stop()
	_ = workers.Wait()
	stop()
	_ = background.Wait()
	return err
}

// next takes a message once there is room to apply it. Only one worker at a time waits for room: what the others would take
// early could no longer be replaced by a newer message. A stop and the breaker end the wait, and the message is refused.
func (s *Syncer) next(work context.Context) (key component.Key, d *event.Delivery, refused *verdict, ok bool) {
	s.taking.Lock()
	defer s.taking.Unlock()
	if key, d, ok = s.lanes.Get(); !ok {
		return key, d, nil, false
	}
	waiting, forget := s.breaker.while(work)
	defer forget()
	defer context.AfterFunc(s.stopping, forget)()
	if err := s.limiter.enter(waiting); err != nil {
		v := handedBack(0)
		if errors.Is(context.Cause(waiting), errOpened) {
			v = handedBack(handBackDelay)
		}
		return key, d, &v, true
	}
	return key, d, nil, true
}

// apply brings one message's state into the registry, and calls leave when it is done there.
func (s *Syncer) apply(ctx context.Context, d *event.Delivery, leave func()) verdict {
	started := time.Now()
	v := s.attempt(ctx, job{key: d.Key, event: &d.Event, unreadable: d.Err, first: d.First, number: d.Attempt, leave: leave})
	if v.outcome == outcomeApplied || v.outcome == outcomeDeleted {
		s.metrics.duration.Observe(time.Since(started).Seconds())
	}
	return v
}

// fetch hands messages to the lanes until the context ends or the consumer is gone. While the breaker is open it does
// not.
func (s *Syncer) fetch(ctx context.Context) error {
	for {
		if err := s.breaker.await(ctx); err != nil {
			return err
		}
		flow, forget := s.breaker.while(ctx)
		err := s.ports.Deliveries.Open(flow, s.cfg.Batch)
		if err == nil {
			err = s.pull(flow)
			s.ports.Deliveries.Close() // or what is handed back could come here again
		}
		opened := errors.Is(context.Cause(flow), errOpened)
		forget()
		if !opened || ctx.Err() != nil {
			return err
		}
		s.handBack(s.lanes.Clear(), handBackDelay)
	}
}

// pull takes messages until the context ends or the consumer is gone.
func (s *Syncer) pull(ctx context.Context) error {
	for {
		d, err := s.ports.Deliveries.Next(ctx)
		if err != nil {
			return err
		}
		s.hold(&d)
		older, superseded, err := s.lanes.Add(ctx, d.Key, &d)
		if err != nil {
			delay := time.Duration(0)
			if errors.Is(context.Cause(ctx), errOpened) {
				delay = handBackDelay
			}
			s.handBack(map[component.Key]*event.Delivery{d.Key: &d}, delay)
			return err
		}
		switch {
		case superseded && older != &d && older.Sequence == d.Sequence:
			s.letGo(older) // the same message came twice: an acknowledgement now would end both
		case superseded:
			s.skip(ctx, older)
		}
	}
}

// handBack gives messages that were not begun to whoever asks next, after the delay and up to as much again.
func (s *Syncer) handBack(waiting map[component.Key]*event.Delivery, delay time.Duration) {
	for _, d := range waiting {
		s.settle(context.Background(), d, handedBack(delay))
	}
}

// heartbeat tells the broker about the messages in hand, so that it does not give them to another replica.
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
		for d := range s.hand {
			_ = d.Progress() // an outage shows elsewhere; the message then comes again and is recognised
		}
		s.mu.Unlock()
	}
}

func (s *Syncer) hold(d *event.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hand[d] = struct{}{}
}

func (s *Syncer) letGo(d *event.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.hand, d)
}

// Turning says in words whether the loops stand still; nil while they turn.
func (s *Syncer) Liveness() error {
	last := s.beat.Load()
	if last == 0 { // the first is still to come
		return nil
	}
	if age := time.Since(time.Unix(0, last)); age > 30*s.timing.Heartbeat {
		return fmt.Errorf("no heartbeat for %s", age.Round(time.Second))
	}
	return nil
}
