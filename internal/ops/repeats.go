package ops

import (
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// burstLength is the period within which lines of one message are counted.
	burstLength = time.Second
	// maxBursts bounds the memory, in case messages are not constant.
	maxBursts = 1000
)

// repeats is a hook that discards lines that come too often, and then logs how many. Errors are never discarded: each may be the
// only one about its component.
type repeats struct {
	limit int // lines of a message within a burst; 0 for all
	log   zerolog.Logger

	mu     sync.Mutex
	bursts map[line]*burst
}

// line identifies lines of one kind.
type line struct {
	level   zerolog.Level
	message string
}

type burst struct {
	began          time.Time
	count, leftOut int
	end            *time.Timer // logs the number of discarded lines
}

// newRepeats returns a hook that logs to a logger without the hook.
func newRepeats(limit int, log zerolog.Logger) *repeats {
	return &repeats{limit: limit, log: log, bursts: make(map[line]*burst)}
}

// Run implements zerolog.Hook.
func (r *repeats) Run(e *zerolog.Event, level zerolog.Level, message string) {
	if r.limit > 0 && level < zerolog.ErrorLevel && r.tooMuch(line{level, message}) {
		e.Discard()
	}
}

func (r *repeats) tooMuch(l line) bool {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bursts[l]
	if b == nil || b.end == nil && now.Sub(b.began) >= burstLength {
		if b == nil && len(r.bursts) >= maxBursts {
			r.forget(now)
		}
		b = &burst{began: now}
		r.bursts[l] = b
	}
	if b.count++; b.count <= r.limit {
		return false
	}
	if b.leftOut++; b.end == nil {
		b.end = time.AfterFunc(burstLength-now.Sub(b.began), func() { r.report(l, b) })
	}
	return true
}

// forget removes bursts that have ended. The caller holds the lock.
func (r *repeats) forget(now time.Time) {
	for l, b := range r.bursts {
		if b.end == nil && now.Sub(b.began) >= burstLength {
			delete(r.bursts, l)
		}
	}
}

// report ends a burst.
func (r *repeats) report(l line, b *burst) {
	r.mu.Lock()
	if r.bursts[l] != b {
		r.mu.Unlock()
		return // reported already
	}
	delete(r.bursts, l)
	leftOut := b.leftOut
	r.mu.Unlock()
	r.log.WithLevel(l.level).Str("of", l.message).Int("left_out", leftOut).Int("logged", r.limit).
		Msg("lines left out, more of one message than LOG_REPEATS in a second")
}

// flush ends all bursts now.
func (r *repeats) flush() {
	r.mu.Lock()
	waiting := make(map[line]*burst)
	for l, b := range r.bursts {
		if b.end != nil && b.end.Stop() {
			waiting[l] = b
		}
	}
	r.mu.Unlock()
	for l, b := range waiting {
		r.report(l, b)
	}
}
