package cache

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/singleflight"

	"odasync/internal/registry"
)

// Flights lets one of several concurrent callers do the work that all of them need.
type Flights struct{ group singleflight.Group }

// Do runs the work for the key, or waits for the same work of another caller and returns its error. A caller whose context
// ends stops waiting.
//
// Work belongs to the caller that began it: it runs with that caller's context and has ended when Do returns to that
// caller. When the work ends with that context, one of the waiting callers begins its own.
func (f *Flights) Do(ctx context.Context, key string, work func() error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var begun atomic.Bool
		result := f.group.DoChan(key, func() (any, error) {
			if begun.Swap(true) {
				return nil, context.Canceled // the caller left before its work began
			}
			return nil, work()
		})
		select {
		case r := <-result:
			if begun.Load() || !registry.ContextEnded(r.Err) {
				return r.Err
			}
		case <-ctx.Done():
			if begun.Swap(true) {
				return (<-result).Err
			}
			return ctx.Err()
		}
	}
}
