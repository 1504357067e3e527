package syncer

import (
	"context"
	"sync"
	"time"

	"odasync/internal/broadcast"
)

// slack is what an answer may take longer than usual, whatever is usual: below it lies the noise of a busy machine.
const slack = 50 * time.Millisecond

// limiter bounds how many components are applied at a time, between 1 and a maximum. The bound doubles with each round of
// answers until they become slow, then grows by one a round, as long as it is used. It is halved when the registry asks
// for fewer requests or does not answer in time, at most once for what was under way together.
type limiter struct {
	most float64
	now  func() time.Time

	mu       sync.Mutex
	limit    float64
	starting bool          // no sign of trouble since the start: grow fast
	recent   time.Duration // how long a request took of late, smoothed
	usual    time.Duration // how long that is when the registry is not pressed
	inFlight int
	shrunk   time.Time        // when the limit was last lowered
	held     time.Time        // nothing begins before
	room     broadcast.Signal // rings when somebody may enter
}

// newLimiter returns a limiter that begins with few.
func newLimiter(most int) *limiter {
	l := &limiter{most: float64(most), now: time.Now}
	l.restart(4)
	return l
}

// restart forgets what was learned and begins with that many.
func (l *limiter) restart(few float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit, l.starting, l.recent, l.usual = min(few, l.most), true, 0, 0
}

// enter waits for room, which leave gives back. Its only error is the context's: once that has ended, nobody enters.
func (l *limiter) enter(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.mu.Lock()
		now := l.now()
		wait := l.held.Sub(now)
		if wait <= 0 && l.inFlight < int(l.limit) {
			l.inFlight++
			l.mu.Unlock()
			return nil
		}
		room := l.room.Wait()
		l.mu.Unlock()
		if err := waitFor(ctx, room, wait); err != nil {
			return err
		}
	}
}

// waitFor waits for the channel and, where the wait is positive, no longer than that.
func waitFor(ctx context.Context, room <-chan struct{}, wait time.Duration) error {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-room:
	case <-over:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// rest gives the place to others while its owner waits, and takes it back afterwards, whether or not there is room.
func (l *limiter) rest(wait func() bool) bool {
	l.leave()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.inFlight++
	}()
	return wait()
}

// leave makes room for the next.
func (l *limiter) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	l.room.Broadcast()
}

// answered takes how long a request took on average in a conversation that went well.
func (l *limiter) answered(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recent == 0 {
		l.recent, l.usual = took, took
	}
	l.recent += (took - l.recent) / 10
	if l.recent < l.usual {
		l.usual = l.recent
	} else { // a registry that became slower for good is the usual one after some hundred answers
		l.usual += (l.recent - l.usual) / 100
	}
	tolerated := max(2*l.usual, l.usual+slack)
	switch {
	case l.recent > 2*tolerated:
		l.shrink(0.9, l.now().Add(-took))
	case l.recent > tolerated:
		l.starting = false
	case float64(l.inFlight) < l.limit-1: // not used: it says nothing about more
	case l.starting:
		l.limit = min(l.limit+1, l.most)
		l.room.Broadcast()
	default:
		l.limit = min(l.limit+1/l.limit, l.most)
		l.room.Broadcast()
	}
}

// pressed says that the registry could not cope with what began at the given time. pause is how long it asked to be
// left alone; 0 for not at all.
func (l *limiter) pressed(began time.Time, pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shrink(0.5, began)
	if until := l.now().Add(pause); pause > 0 && until.After(l.held) {
		l.held = until
	}
}

// shrink lowers the limit unless that was done for the same congestion already. The caller holds the lock.
func (l *limiter) shrink(to float64, began time.Time) {
	l.starting = false
	if began.Before(l.shrunk) {
		return
	}
	l.limit, l.shrunk = max(l.limit*to, 1), l.now()
}

// state returns the present limit, and how many are inside.
func (l *limiter) state() (limit, inFlight int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.limit), l.inFlight
}
