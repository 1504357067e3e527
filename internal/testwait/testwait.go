// Package testwait polls for a condition in tests. The check comes before the first pause, so that a condition that holds
// already costs no time.
package testwait

import (
	"errors"
	"testing"
	"time"
)

// Limit is the default of how long to wait: far longer than anything takes by design, for a machine that is busy with
// other tests.
const Limit = 30 * time.Second

const interval = 5 * time.Millisecond

// Until polls until the condition holds. It fails the test at once when it does not within Limit.
func Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	NoErrorWithin(t, Limit, what, func() error {
		if !condition() {
			return errors.New("the condition does not hold")
		}
		return nil
	})
}

// NoError polls until the check returns no error. It fails the test at once, with the last error, when it still returns one
// after Limit.
func NoError(t testing.TB, what string, check func() error) {
	t.Helper()
	NoErrorWithin(t, Limit, what, check)
}

// Empty polls until the check returns an empty text, as [github.com/google/go-cmp/cmp.Diff] does. It fails the test at once,
// with the last text, when it still returns one after Limit.
func Empty(t testing.TB, check func() string) {
	t.Helper()
	NoErrorWithin(t, Limit, "wait for agreement", func() error {
		if text := check(); text != "" {
			return errors.New(text)
		}
		return nil
	})
}

// NoErrorWithin is [NoError] with another limit.
func NoErrorWithin(t testing.TB, limit time.Duration, what string, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(interval) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		}
	}
}
