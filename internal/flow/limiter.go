package flow

import (
	"context"
	"sync"
	"time"

	"odasync/internal/broadcast"
)

// latencySlack is the increase of the latency that is never taken for congestion: the noise of a busy machine.
const latencySlack = 50 * time.Millisecond

// initialLimit is the limit of a new limiter.
const initialLimit = 4

// Limiter bounds how many components are applied at a time, between 1 and a maximum. The limit doubles with each round of
// answers until they become slow, then grows by one a round while it is used. It is halved when the registry asks for fewer
// requests or does not answer in time, at most once for the requests that were in flight together.
type Limiter struct {
	maximum float64
	now     func() time.Time

	mu       sync.Mutex
	limit    float64
	starting bool          // no congestion since the start: grow fast
	recent   time.Duration // latency of a request, smoothed
	usual    time.Duration // latency of a request without congestion
	inFlight int
	shrunk   time.Time // when the limit was last lowered
	paused   time.Time // nothing is admitted before
	room     broadcast.Signal
}

// NewLimiter returns a limiter with a low limit that grows to the maximum.
func NewLimiter(maximum int) *Limiter {
	l := &Limiter{maximum: float64(maximum), now: time.Now}
	l.Reset(initialLimit)
	return l
}

// Reset sets the limit and discards what was learned about the latency.
func (l *Limiter) Reset(limit float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit, l.starting, l.recent, l.usual = min(limit, l.maximum), true, 0, 0
}

// Acquire waits for a slot; Release returns it. Its only error is the context's: a context that has ended gets no slot.
func (l *Limiter) Acquire(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.mu.Lock()
		wait := l.paused.Sub(l.now())
		if wait <= 0 && l.inFlight < int(l.limit) {
			l.inFlight++
			l.mu.Unlock()
			return nil
		}
		room := l.room.Wait()
		l.mu.Unlock()
		if err := Wait(ctx, room, wait); err != nil {
			return err
		}
	}
}

// Release returns a slot.
func (l *Limiter) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	l.room.Broadcast()
}

// Yield releases the caller's slot while wait runs. It takes a slot back afterwards even if that exceeds the limit.
func (l *Limiter) Yield(wait func() bool) bool {
	l.Release()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.inFlight++
	}()
	return wait()
}

// Observe takes the mean latency of the requests of an apply that the registry answered.
func (l *Limiter) Observe(latency time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recent == 0 {
		l.recent, l.usual = latency, latency
	}
	l.recent += (latency - l.recent) / 10
	if l.recent < l.usual {
		l.usual = l.recent
	} else { // a permanent slowdown becomes the usual latency after some hundred answers
		l.usual += (l.recent - l.usual) / 100
	}
	tolerated := max(2*l.usual, l.usual+latencySlack)
	switch {
	case l.recent > 2*tolerated:
		l.shrink(0.9, l.now().Add(-latency))
	case l.recent > tolerated:
		l.starting = false
	case float64(l.inFlight) < l.limit-1: // the limit is not used, so the latency says nothing about a higher one
	case l.starting:
		l.limit = min(l.limit+1, l.maximum)
		l.room.Broadcast()
	default:
		l.limit = min(l.limit+1/l.limit, l.maximum)
		l.room.Broadcast()
	}
}

// Congested lowers the limit because the registry could not handle requests that began at the given time. pause is the
// wait that the registry asked for; 0 for none.
func (l *Limiter) Congested(began time.Time, pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shrink(0.5, began)
	if until := l.now().Add(pause); pause > 0 && until.After(l.paused) {
		l.paused = until
	}
}

// shrink lowers the limit unless it was lowered after the requests began. The caller holds the lock.
func (l *Limiter) shrink(factor float64, began time.Time) {
	l.starting = false
	if began.Before(l.shrunk) {
		return
	}
	l.limit, l.shrunk = max(l.limit*factor, 1), l.now()
}

// State returns the current limit and the number of slots in use.
func (l *Limiter) State() (limit, inFlight int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.limit), l.inFlight
}
