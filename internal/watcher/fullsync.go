package watcher

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nats-io/nuid"

	"odasync/internal/event"
)

// fullSync compares the whole cluster with the log when it is due or asked for, and decides about what any round did not
// show, until the context ends. The rounds at the start of a term are a comparison too, which counts when one is due: a new
// leader does not start over.
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
			if ctx.Err() == nil { // or else it is the term that ended
				answer <- result{m, err}
			}
			last = p.completed(ctx, m, err)
		case <-p.due(last):
			m, err := p.sync(ctx)
			last = p.completed(ctx, m, err)
		case <-p.decisionDue:
			if len(p.watcher.source.Scopes()) > 1 { // what the others lack counts too: see all of them at this time
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

// unmarked says whether something else waits for an approval than the last marker says.
func (p *publisher) snapshotOutdated() bool {
	waits, marked := p.pendingDeletion(), p.lastSnapshot.PendingDeletion
	return (waits == nil) != (marked == nil) || waits != nil && waits.ID != marked.ID
}

// noted returns the marker of a full sync. One that failed is due again after the interval; one that was stopped with the
// term is no failure.
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

// result is what a full sync answers to whoever asked for it.
type result struct {
	snapshot event.Snapshot
	err      error
}

// due fires when the next full sync is; with a little jitter, so that clusters do not all begin at once. A marker by a
// watcher whose clock is ahead counts as one of now.
func (p *publisher) due(last event.Snapshot) <-chan time.Time {
	if p.watcher.interval == 0 {
		return nil
	}
	period := max(p.watcher.interval, time.Duration(10*last.Seconds*float64(time.Second))) // it takes a tenth of the time at most
	if period > p.watcher.interval {
		p.watcher.log.Info().Float64("seconds", last.Seconds).Stringer("next_after", period.Round(time.Second)).Msg("full sync takes more than a tenth of SYNC_INTERVAL, next one delayed")
	}
	return time.After(min(time.Until(last.Time.Add(period)), period) + rand.N(p.watcher.interval/10+1))
}

// readLastMark reads what the last comparison of the cluster found, by whichever watcher. It is read before anything is
// deleted.
func (p *publisher) readLastSnapshot(ctx context.Context) error {
	for failures := 1; ; failures++ {
		last, _, err := p.stream.LastSnapshot(ctx, p.watcher.cluster)
		if err == nil || errors.Is(err, event.ErrMalformed) {
			p.lastSnapshot, p.clusterUID, p.pending = last, last.ClusterUID, last.PendingDeletion
			return nil
		}
		p.watcher.log.Debug().Err(err).Msg("read the last marker again")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retries.Delay(failures)):
		}
	}
}

// compare reads the log's heads and the cluster afresh and has the differences published.
func (p *publisher) sync(ctx context.Context) (event.Snapshot, error) {
	began := time.Now()
	p.counts.published.Store(0)
	p.counts.tombstoned.Store(0)
	expired, err := p.rescan(ctx)
	if err != nil {
		return event.Snapshot{}, err
	}
	mark := p.inventory.lastGeneration()
	p.watcher.source.Refresh()
	if err := p.awaitResyncs(ctx, mark); err != nil {
		return event.Snapshot{}, err
	}
	if err := p.decide(ctx, mark); err != nil {
		return event.Snapshot{}, err
	}
	return p.endSync(ctx, began, expired)
}

// tombstone is one that is old enough to be purged.
type tombstone struct {
	name
	sequence uint64
}

// reread makes the table what the log says, should anybody else have written or removed something there. It returns the
// tombstones that have expired.
func (p *publisher) rescan(ctx context.Context) (expired []tombstone, err error) {
	older := make(map[name]event.Head)
	p.inventory.beginRescan()
	err = p.stream.Heads(ctx, p.watcher.cluster, func(h event.Head) {
		n := name{h.Key.Namespace, h.Key.Name}
		if !p.inventory.rescanned(h) {
			older[n] = h
		}
		if h.Deleted && !h.Time.IsZero() && time.Since(h.Time) > p.watcher.retention {
			expired = append(expired, tombstone{name{strings.Clone(n.namespace), strings.Clone(n.name)}, h.Sequence})
		}
	})
	if err != nil {
		return nil, err
	}
	p.inventory.endRescan(older, func(n name, sequence uint64) {
		p.watcher.log.Warn().Str("namespace", n.namespace).Str("component", n.name).Uint64("seq", sequence).Msg("somebody removed a component's messages from the stream")
	})
	return expired, nil
}

// conclude waits until all corrections stand in the log and writes a marker behind them. Then it purges what has expired.
func (p *publisher) endSync(ctx context.Context, began time.Time, expired []tombstone) (event.Snapshot, error) {
	if err := p.queue.Flush(ctx); err != nil {
		return event.Snapshot{}, err
	}
	if !p.watcher.fresh() {
		return event.Snapshot{}, errNotLeading
	}
	count, digest, sequence := p.inventory.digest()
	m := event.Snapshot{
		ID: nuid.Next(), Cluster: p.watcher.cluster, Time: time.Now().UTC(), Count: count, Digest: digest, Sequence: sequence,
		Published: int(p.counts.published.Swap(0)), Tombstoned: int(p.counts.tombstoned.Swap(0)),
		Seconds: time.Since(began).Seconds(), PendingDeletion: p.pendingDeletion(),
	}
	p.mu.Lock()
	m.ResourceVersion, m.ClusterUID, m.Unlisted = p.resourceVersion, p.clusterUID, p.unlisted
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
		if !p.inventory.purgeable(e.name, e.sequence) {
			continue // it came again
		}
		if err := p.stream.Purge(ctx, p.key(e.name), e.sequence); err != nil {
			return m, err
		}
		p.inventory.purged(e.name, e.sequence)
		p.watcher.metrics.purged.Inc()
	}
	return m, nil
}

// FullSync compares the whole cluster with the log now, and returns the marker that stands behind the corrections. Only
// the leader can; who waits when its term ends gets ErrNotSynced.
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
