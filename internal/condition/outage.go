// Package outage remembers whether something that is needed works, and logs when that changes: a failure once when it
// begins or gets other words, and its end once.
package condition

import (
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Outage is safe for concurrent use.
type Condition struct {
	log         zerolog.Logger
	fails, over string
	words       func(error) string

	mu      sync.Mutex
	failure error
	noted   time.Time // when the last attempt ended
}

// New returns an outage that is not there. fails and over are the messages of its beginning and its end. words gives
// what failures of one kind have in common; without it, each other text is another failure.
func New(log zerolog.Logger, fails, over string, words func(error) string) *Condition {
	if words == nil {
		words = innermost
	}
	return &Condition{log: log, fails: fails, over: over, words: words}
}

// Note takes the result of an attempt.
func (o *Condition) Set(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil && o.failure != nil:
		o.log.Info().Msg(o.over)
	case err != nil && (o.failure == nil || o.words(o.failure) != o.words(err)):
		o.log.Warn().Err(err).Msg(o.fails)
	}
	o.failure, o.noted = err, time.Now()
}

// Recent is the last attempt's error unless that was longer ago: then nobody knows.
func (o *Condition) Recent(within time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.noted) > within {
		return nil
	}
	return o.failure
}

// Err is the last attempt's error.
func (o *Condition) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failure
}

// innermost gives the text of the error that the others were wrapped around.
func innermost(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}
