package flow

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// ProbeInterval is the default of the least time between two probes. Several replicas probe the same registry.
const ProbeInterval = time.Second

// backoffLimit bounds the pause between two probes, in intervals.
const backoffLimit = 5

// Run probes the registry whenever there is a reason to, until the context ends.
func (b *Breaker) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.wake:
		}
		for pause := b.interval; b.shouldProbe(); pause = min(pause*3/2, backoffLimit*b.interval) {
			if b.awaitPause(ctx) != nil {
				return nil
			}
			b.probed(b.ask(ctx))
			if Sleep(ctx, pause+rand.N(pause/2)) != nil {
				return nil
			}
		}
	}
}

// probeSoon has Run check whether there is a reason to probe.
func (b *Breaker) probeSoon() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *Breaker) shouldProbe() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.suspect || b.status.State != Closed
}

// awaitPause waits for the end of the pause that the registry asked for.
func (b *Breaker) awaitPause(ctx context.Context) error {
	b.mu.Lock()
	left := time.Until(b.notBefore)
	b.mu.Unlock()
	if left <= 0 {
		return nil
	}
	return Wait(ctx, nil, left)
}

// ask checks the registry's health and whether it takes writes. Only an error that means unavailable counts: a registry may
// not support these requests, or not permit them, and then a few messages decide.
func (b *Breaker) ask(ctx context.Context) error {
	err := b.probe.Health(ctx)
	if !b.unavailable(err) {
		err = b.ProbeWrite(ctx)
		b.mu.Lock()
		b.writable = err == nil
		b.mu.Unlock()
	}
	if !b.unavailable(err) {
		return nil
	}
	return err
}

// ProbeWrite checks whether the registry takes a write. Concurrent callers share one result.
func (b *Breaker) ProbeWrite(ctx context.Context) error {
	select {
	case b.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.writing }()
	if time.Since(b.lastWrite.at) < b.interval {
		return b.lastWrite.err
	}
	err := b.probe.WriteProbe(ctx)
	if ctx.Err() == nil {
		b.lastWrite.at, b.lastWrite.err = time.Now(), err
	}
	return err
}

// probed changes the state according to a probe's result.
func (b *Breaker) probed(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.suspect = false
	if errors.Is(err, context.Canceled) {
		return
	}
	b.metrics.countProbe(err)
	switch {
	case err != nil && b.status.State == Open:
		b.status.Reason = err
	case err != nil:
		b.setState(Open, err)
	case b.status.State == Open:
		b.setState(HalfOpen, nil)
	case b.status.State == HalfOpen:
		if _, inFlight := b.limiter.State(); inFlight == 0 { // no message is left to decide
			b.setState(Closed, nil)
		}
	}
}
