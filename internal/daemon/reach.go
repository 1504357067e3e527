package daemon

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// leadWhileReachable is lead, but ends once NATS has been unavailable for the patience of the leader, so that a watcher that can
// reach NATS may lead. Without patience there is no other watcher.
func (l *leader) leadWhileReachable(ctx context.Context) error {
	if l.patience == 0 {
		return l.lead(ctx)
	}
	group, ctx := errgroup.WithContext(ctx)
	running, ended := context.WithCancel(ctx)
	group.Go(func() error {
		defer ended()
		return l.lead(ctx)
	})
	group.Go(func() error { return l.unreachable(running) })
	return group.Wait()
}

// unreachable returns an error once NATS has been unavailable for the patience of the leader, and nil when the context ends.
func (l *leader) unreachable(ctx context.Context) error {
	ticker := time.NewTicker(l.patience / 10)
	defer ticker.Stop()
	reached := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		asked := time.Now()
		err := l.conn.Check(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			reached = asked
		case time.Since(reached) >= l.patience:
			return fmt.Errorf("%w: not usable for %s, giving up the lead so that another watcher may publish", err, l.patience)
		}
	}
}
