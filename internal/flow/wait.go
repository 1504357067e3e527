package flow

import (
	"context"
	"time"
)

// Wait blocks until ready is closed or the timeout passes; a timeout of 0 or less means none. Its only error is the
// context's.
func Wait(ctx context.Context, ready <-chan struct{}, timeout time.Duration) error {
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-ready:
		return nil
	case <-expired:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Sleep blocks for the duration. Its only error is the context's.
func Sleep(ctx context.Context, d time.Duration) error {
	return Wait(ctx, nil, max(d, time.Nanosecond))
}
