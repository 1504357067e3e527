package watcher

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/event"
)

// Errors of Verify and FullSync.
var (
	ErrNotSynced = errors.New("the watcher is not up to date with the cluster yet: retry in a moment")
	ErrUnknown   = errors.New("the watcher has published no such component")
)

// verifyAttempts limits how often a verification follows newer messages, which are applied anyway.
const verifyAttempts = 5

// Verify publishes the newest event of a component again, marked so that the syncers compare the registry with it. An empty
// name means every existing component of the namespace, an empty namespace all of them. It returns the number of published
// events, and ErrNotSynced unless this process leads.
func (w *Watcher) Verify(ctx context.Context, namespace, component string) (int, error) {
	p := w.term.Load()
	if p == nil || !w.Synced() {
		return 0, ErrNotSynced
	}
	if component != "" {
		if err := p.verify(ctx, name{namespace, component}); err != nil {
			return 0, err
		}
		return 1, nil
	}
	var published atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(publishers)
	for _, n := range p.inventory.existing(namespace) {
		group.Go(func() error {
			err := p.verify(ctx, n)
			if err == nil {
				published.Add(1)
			}
			if errors.Is(err, ErrUnknown) { // deleted and purged in the meantime
				return nil
			}
			return err
		})
	}
	err := group.Wait()
	return int(published.Load()), err
}

// verify publishes the newest message again. If a newer one is published at the same time, it repeats with that.
func (p *publisher) verify(ctx context.Context, n name) error {
	for range verifyAttempts {
		e, found, err := p.stream.Newest(ctx, p.key(n))
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%s/%s: %w", n.namespace, n.name, ErrUnknown)
		}
		if !p.watcher.fresh() {
			return errNotLeading
		}
		follows := e.Sequence
		e.Verify, e.Time, e.Trace = true, time.Now(), event.Trace{}
		_, sequence, err := p.send(ctx, &change{Event: e}, follows)
		if err == nil {
			p.inventory.published(event.Head{Key: e.Key, Sequence: sequence, Deleted: e.Deleted(), Hash: e.Hash, UID: e.UID})
			p.watcher.metrics.publishedEvent(e)
			return nil
		}
		if _, superseded := p.watcher.publishErrors.Superseded(err); !superseded {
			return err
		}
	}
	return fmt.Errorf("%s/%s changes too fast to be repeated: each change is applied anyway", n.namespace, n.name)
}
