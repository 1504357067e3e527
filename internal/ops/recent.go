package ops

import (
	"context"
	"sync"
	"time"
)

// freshness is how long the result of a check answers requests. The port has no authentication, and a check asks the NATS
// server or the API server: however many requests come, each check runs at most once in this time.
const freshness = time.Second

// lastResult is the last result of a check.
type lastResult struct {
	mu      sync.Mutex
	running chan struct{} // closed when the check ends; nil while it does not run
	ended   time.Time
	err     error
}

// recent returns the result of the check, which ran within [freshness] or runs now. Its error may be that of the context, the
// end of which does not end the check.
func (c check) recent(ctx context.Context) error {
	last := c.last
	last.mu.Lock()
	if last.running == nil && !last.ended.IsZero() && time.Since(last.ended) < freshness {
		defer last.mu.Unlock()
		return last.err
	}
	if last.running == nil {
		last.running = make(chan struct{})
		go c.run(context.WithoutCancel(ctx))
	}
	running := last.running
	last.mu.Unlock()
	select {
	case <-running:
		last.mu.Lock()
		defer last.mu.Unlock()
		return last.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run runs the check once.
func (c check) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := c.ask(ctx)
	c.last.mu.Lock()
	defer c.last.mu.Unlock()
	c.last.err, c.last.ended = err, time.Now()
	close(c.last.running)
	c.last.running = nil
}
