// Package backoff gives the waits between attempts: exponential, with jitter, so that processes that failed together do
// not try again together.
package backoff

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Policy bounds the waits. Before jitter the wait is First after the first failure, doubles with each further one, and never
// exceeds Max.
type Policy struct{ First, Max time.Duration }

// steps is more than any policy takes to reach its Max.
const steps = 40

// Delay returns the wait after so many failures in a row: a tenth of the wait before jitter, and a random part of up to the
// whole of it.
func (p Policy) Delay(failures int) time.Duration {
	b := wait.Backoff{Duration: p.First / 10, Cap: p.Max / 10, Factor: 2, Jitter: 10, Steps: steps}
	for range min(failures, steps) - 1 {
		b.Step()
	}
	return b.Step()
}

// Sleep waits as long as [Policy.Delay] says, or until the context ends, whose error it then returns.
func (p Policy) Sleep(ctx context.Context, failures int) error {
	timer := time.NewTimer(p.Delay(failures))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
