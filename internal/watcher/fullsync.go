package watcher

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nuid"

	"odasync/internal/event"
)

// fullSync runs full syncs when they are due or requested, and decides about absent components, until the context ends. The
// resyncs at the start of a term count as a full sync if one is due, so that a new leader does not repeat it.
func (p *publisher) fullSync(ctx context.Context) error {
	last := p.lastSnapshot
	if err := p.awaitResyncs(ctx, 0); err != nil {
		return err
	}
	p.watcher.metrics.setLastSync(last)
	if err := p.decide(ctx, 0); err != nil {
		return err
	}
	if p.watcher.interval > 0 && time.Since(last.Time) >= p.watcher.interval || p.snapshotOutdated() {
		m, err := p.endSync(ctx, p.began, nil)
		last = p.completed(ctx, m, err)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case answer := <-p.syncRequests:
			m, err := p.sync(ctx)
			if ctx.Err() == nil { // else FullSync returns ErrNotSynced
				answer <- result{m, err}
			}
			last = p.completed(ctx, m, err)
		case <-p.due(last):
			m, err := p.sync(ctx)
			last = p.completed(ctx, m, err)
		case <-p.decisionDue:
			if len(p.watcher.source.Scopes()) > 1 { // decide about all scopes as of the same time
				m, err := p.sync(ctx)
				last = p.completed(ctx, m, err)
				continue
			}
			began := time.Now()
			if err := p.decide(ctx, 0); err != nil {
				return err
			}
			if p.snapshotOutdated() {
				m, err := p.endSync(ctx, began, nil)
				last = p.completed(ctx, m, err)
			}
		}
	}
}

// snapshotOutdated reports whether the pending deletions, or the scopes of which everything is known, differ from those of the
// last snapshot marker.
func (p *publisher) snapshotOutdated() bool {
	pending, marked := p.pendingDeletion(), p.lastSnapshot.PendingDeletion
	return (pending == nil) != (marked == nil) || pending != nil && pending.ID != marked.ID ||
		!slices.Equal(p.incomplete(), p.lastSnapshot.Unlisted)
}

// completed records the result of a full sync and returns its snapshot marker. After a failure the next full sync is due after
// the interval. A full sync that ended with the term is no failure.
func (p *publisher) completed(ctx context.Context, m event.Snapshot, err error) event.Snapshot {
	if err != nil {
		if ctx.Err() == nil {
			p.syncing.Set(err)
		}
		m.Time = time.Now()
		return m
	}
	p.syncing.Set(nil)
	return m
}

// result is the answer to a request for a full sync.
type result struct {
	snapshot event.Snapshot
	err      error
}

// due fires when the next full sync is due, with jitter, so that clusters do not all begin at once. A snapshot marker from the
// future, of a watcher whose clock is ahead, counts as one of now.
func (p *publisher) due(last event.Snapshot) <-chan time.Time {
	if p.watcher.interval == 0 {
		return nil
	}
	period := max(p.watcher.interval, time.Duration(10*last.Seconds*float64(time.Second))) // at most a tenth of the time is spent on it
	if period > p.watcher.interval {
		p.watcher.log.Info().Float64("seconds", last.Seconds).Stringer("next_after", period.Round(time.Second)).Msg("full sync takes more than a tenth of SYNC_INTERVAL, next one delayed")
	}
	return time.After(min(time.Until(last.Time.Add(period)), period) + rand.N(p.watcher.interval/10+1))
}

// readLastSnapshot reads the snapshot marker of the last full sync, of any watcher. It is read before the first decision.
func (p *publisher) readLastSnapshot(ctx context.Context) error {
	for failures := 1; ; failures++ {
		last, _, err := p.stream.LastSnapshot(ctx, p.watcher.cluster)
		if err == nil || errors.Is(err, event.ErrMalformed) {
			p.lastSnapshot, p.clusterUID, p.pending = last, last.ClusterUID, last.PendingDeletion
			return nil
		}
		p.watcher.log.Debug().Err(err).Msg("read of the last snapshot marker failed, retrying")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retries.Delay(failures)):
		}
	}
}

// sync compares the stream and the cluster, both read again, and publishes the differences.
func (p *publisher) sync(ctx context.Context) (event.Snapshot, error) {
	began := time.Now()
	p.counts.published.Store(0)
	p.counts.tombstoned.Store(0)
	expired, err := p.rescan(ctx)
	if err != nil {
		return event.Snapshot{}, err
	}
	generation := p.inventory.LastGeneration()
	p.watcher.source.Refresh()
	if err := p.awaitResyncs(ctx, generation); err != nil {
		return event.Snapshot{}, err
	}
	if err := p.decide(ctx, generation); err != nil {
		return event.Snapshot{}, err
	}
	return p.endSync(ctx, began, expired)
}

// endSync waits until all corrections are published, publishes a snapshot marker after them, and purges expired tombstones.
func (p *publisher) endSync(ctx context.Context, began time.Time, expired []tombstone) (event.Snapshot, error) {
	if err := p.queue.Flush(ctx); err != nil {
		return event.Snapshot{}, err
	}
	if !p.watcher.fresh() {
		return event.Snapshot{}, errNotLeading
	}
	count, digest, sequence := p.inventory.Digest()
	m := event.Snapshot{
		ID: nuid.Next(), Cluster: p.watcher.cluster, Time: time.Now().UTC(), Count: count, Digest: digest, Sequence: sequence,
		Published: int(p.counts.published.Swap(0)), Tombstoned: int(p.counts.tombstoned.Swap(0)),
		Seconds: time.Since(began).Seconds(), PendingDeletion: p.pendingDeletion(),
	}
	m.Unlisted = p.incomplete()
	p.mu.Lock()
	m.ResourceVersion, m.ClusterUID = p.resourceVersion, p.clusterUID
	p.mu.Unlock()
	if err := p.stream.PublishSnapshot(ctx, m); err != nil {
		return event.Snapshot{}, err
	}
	p.lastSnapshot = m
	p.watcher.metrics.setLastSync(m)
	p.watcher.metrics.addCorrections(m)
	log := p.watcher.log.Debug()
	if m.Published+m.Tombstoned > 0 {
		log = p.watcher.log.Info()
	}
	log.Int("components", count).Int("published", m.Published).Int("tombstoned", m.Tombstoned).Strs("unlisted", m.Unlisted).
		Float64("seconds", m.Seconds).Msg("full sync")
	for _, e := range expired {
		if !p.inventory.Purgeable(e.name, e.sequence) {
			continue // the component was seen again
		}
		if err := p.stream.Purge(ctx, p.key(e.name), e.sequence); err != nil {
			return m, err
		}
		p.inventory.Purged(e.name, e.sequence)
		p.watcher.metrics.purged.Inc()
	}
	return m, nil
}

// FullSync runs a full sync now and returns its snapshot marker. It returns ErrNotSynced unless this process leads until the
// end.
func (w *Watcher) FullSync(ctx context.Context) (event.Snapshot, error) {
	p := w.term.Load()
	if p == nil || !w.Synced() {
		return event.Snapshot{}, ErrNotSynced
	}
	answer := make(chan result, 1)
	select {
	case p.syncRequests <- answer:
	case <-p.ended:
		return event.Snapshot{}, ErrNotSynced
	case <-ctx.Done():
		return event.Snapshot{}, ctx.Err()
	}
	select {
	case r := <-answer:
		return r.snapshot, r.err
	case <-p.ended:
		return event.Snapshot{}, ErrNotSynced
	case <-ctx.Done():
		return event.Snapshot{}, ctx.Err()
	}
}
