// Package condition records whether a dependency works and logs changes only: a failure once when it begins or when its
// kind changes, and the recovery once.
//
// The tests need only go test.
package condition

import (
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Condition is safe for concurrent use.
type Condition struct {
	log              zerolog.Logger
	failed, restored string
	kind             func(error) string

	mu  sync.Mutex
	err error
	at  time.Time // of the last result
}

// New returns a condition without a failure. failed and restored are the messages that are logged. kind returns the part of
// an error that failures of one kind share; without it that is the text of the innermost error.
func New(log zerolog.Logger, failed, restored string, kind func(error) string) *Condition {
	if kind == nil {
		kind = innermost
	}
	return &Condition{log: log, failed: failed, restored: restored, kind: kind}
}

// Set records the result of an attempt.
func (c *Condition) Set(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil && c.err != nil:
		c.log.Info().Msg(c.restored)
	case err != nil && (c.err == nil || c.kind(c.err) != c.kind(err)):
		c.log.Warn().Err(err).Msg(c.failed)
	}
	c.err, c.at = err, time.Now()
}

// Err returns the error of the last attempt.
func (c *Condition) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Recent returns the error of the last attempt; nil if that is longer ago.
func (c *Condition) Recent(within time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) > within {
		return nil
	}
	return c.err
}

// innermost returns the text of the error that the others wrap.
func innermost(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}
