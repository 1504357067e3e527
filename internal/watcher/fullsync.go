package watcher

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nuid"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/prune"
)

// fullSync compares the whole cluster with the log when it is due or asked for, until the context ends. The rounds at the
// start of a term are a comparison too, which counts when one is due: a new leader does not start over.
func (p *publisher) fullSync(ctx context.Context) error {
	last, err := p.lastMark(ctx)
	if err != nil {
		return err
	}
	if err := p.roundsAfter(ctx, 0); err != nil {
		return err
	}
	p.metrics.fullSynced(last)
	if p.interval > 0 && time.Since(last.Time) >= p.interval {
		m, err := p.conclude(ctx, p.began, nil)
		last = p.noted(ctx, m, err)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case answer := <-p.asked:
			m, err := p.compare(ctx)
			if ctx.Err() == nil { // or else it is the term that ended
				answer <- result{m, err}
			}
			last = p.noted(ctx, m, err)
		case <-p.due(last):
			m, err := p.compare(ctx)
			last = p.noted(ctx, m, err)
		}
	}
}

// noted returns the marker of a full sync. One that failed is due again after the interval; one that was stopped with the
// term is no failure.
func (p *publisher) noted(ctx context.Context, m event.Marker, err error) event.Marker {
	if err != nil {
		if ctx.Err() == nil {
			p.failing.Note(err)
		}
		m.Time = time.Now()
		return m
	}
	p.failing.Note(nil)
	return m
}

// result is what a full sync answers to whoever asked for it.
type result struct {
	marker event.Marker
	err    error
}

// due fires when the next full sync is; with a little jitter, so that clusters do not all begin at once. A marker by a
// watcher whose clock is ahead counts as one of now.
func (p *publisher) due(last event.Marker) <-chan time.Time {
	if p.interval == 0 {
		return nil
	}
	return time.After(min(time.Until(last.Time.Add(p.interval)), p.interval) + rand.N(p.interval/10+1))
}

// lastMark reads when the cluster was last compared, by whichever watcher.
func (p *publisher) lastMark(ctx context.Context) (event.Marker, error) {
	for failures := 1; ; failures++ {
		last, _, err := p.to.LastMark(ctx, p.cluster)
		if err == nil || errors.Is(err, event.ErrUnreadable) {
			return last, nil
		}
		p.log.Debug().Err(err).Msg("read the last marker again")
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(backoff(failures)):
		}
	}
}

// compare reads the log's heads and the cluster afresh and has the differences published.
func (p *publisher) compare(ctx context.Context) (event.Marker, error) {
	began := time.Now()
	p.counts.published.Store(0)
	p.counts.tombstoned.Store(0)
	expired, err := p.reread(ctx)
	if err != nil {
		return event.Marker{}, err
	}
	mark := p.table.mark()
	p.source.Refresh()
	if err := p.roundsAfter(ctx, mark); err != nil {
		return event.Marker{}, err
	}
	return p.conclude(ctx, began, expired)
}

// reread makes the table what the log says, should anybody else have written or removed something there. It returns the
// tombstones that are old enough to be purged.
func (p *publisher) reread(ctx context.Context) (expired []event.Head, err error) {
	known := p.table.sequences()
	older := make(map[name]event.Head) // than what was known, as where the stream was restored from a backup
	err = p.to.Heads(ctx, p.cluster, func(h event.Head) {
		n := name{h.Key.Namespace, h.Key.Name}
		if h.Sequence >= known[n] {
			delete(known, n)
		} else {
			older[n] = h // a newer one may still come
		}
		p.table.published(h)
		if h.Deleted && !h.Time.IsZero() && time.Since(h.Time) > p.retention {
			expired = append(expired, h)
		}
	})
	if err != nil {
		return nil, err
	}
	for n, sequence := range known {
		if p.table.missing(n, sequence) {
			if h, found := older[n]; found {
				p.table.published(h)
			}
			p.log.Warn().Str("namespace", n.namespace).Str("component", n.name).Uint64("seq", sequence).Msg("somebody removed a component's messages from the stream")
		}
	}
	return expired, nil
}

// roundsAfter waits until every scope has ended a round that began after the mark.
func (p *publisher) roundsAfter(ctx context.Context, mark uint64) error {
	for {
		rung := p.rounds.Next()
		if p.roundsEnded(mark) {
			return nil
		}
		select {
		case <-rung:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *publisher) roundsEnded(mark uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, scope := range p.source.Scopes() {
		if p.ended[scope.String()] <= mark {
			return false
		}
	}
	return true
}

// conclude waits until all corrections stand in the log and writes a marker behind them. Then it purges what has expired.
func (p *publisher) conclude(ctx context.Context, began time.Time, expired []event.Head) (event.Marker, error) {
	if err := p.lanes.Flush(ctx); err != nil {
		return event.Marker{}, err
	}
	if !p.fresh() {
		return event.Marker{}, errNotLeading
	}
	count, digest, sequence := p.table.digest()
	m := event.Marker{
		ID: nuid.Next(), Cluster: p.cluster, Time: time.Now().UTC(), Count: count, Digest: digest, Sequence: sequence,
		Published: int(p.counts.published.Load()), Tombstoned: int(p.counts.tombstoned.Load()),
		Seconds: time.Since(began).Seconds(), Refused: p.refusals(),
	}
	p.mu.Lock()
	m.ResourceVersion = p.resourceVersion
	p.mu.Unlock()
	if err := p.to.Mark(ctx, m); err != nil {
		return event.Marker{}, err
	}
	p.metrics.fullSynced(m)
	p.metrics.corrected(m)
	log := p.log.Debug()
	if m.Published+m.Tombstoned > 0 {
		log = p.log.Info()
	}
	log.Int("components", count).Int("published", m.Published).Int("tombstoned", m.Tombstoned).
		Float64("seconds", m.Seconds).Msg("full sync")
	for _, h := range expired {
		n := name{h.Key.Namespace, h.Key.Name}
		if !p.table.purgeable(n, h.Sequence) {
			continue // it came again
		}
		if err := p.to.Purge(ctx, h.Key, h.Sequence); err != nil {
			return m, err
		}
		p.table.forget(n, h.Sequence)
		p.metrics.purged.Inc()
	}
	return m, nil
}

// hold decides about components that a round did not show. It returns those that count as gone: all, or none of those that
// the log has.
func (p *publisher) hold(ctx context.Context, scope component.Scope, absent []name) []name {
	published, others := p.split(absent)
	keys := make([]component.Key, len(published))
	for i, n := range published {
		keys[i] = p.key(n)
	}
	refusal, before, elsewhere := p.judge(scope, keys)
	if refusal != nil {
		approved, err := p.approvals.Approved(ctx, refusal.ID)
		if err != nil { // then it is not known, and the next round asks again
			p.log.Warn().Err(err).Msg("cannot ask for the approval of deletions")
		}
		if approved {
			p.log.Info().Str("approval", refusal.ID).Int("components", len(keys)).Msg("deletions were approved")
			p.mu.Lock()
			delete(p.refused, scope.String())
			p.mu.Unlock()
			refusal = nil
		}
	}
	p.metrics.refusedDeletions(p.refusals())
	if refusal == nil {
		return absent
	}
	if before == nil || before.ID != refusal.ID {
		p.log.Error().Str("approval", refusal.ID).Int("components", refusal.Gone).Int("of", refusal.All).Int("elsewhere", elsewhere).
			Strs("such_as", refusal.Components).
			Msg("deletions refused: too many components vanished at once; if they are really gone, run ctl reconcile --approve with the approval's id")
	}
	return others
}

// split tells those that the log has, or is about to, from those that never came so far, as where they cannot be read.
func (p *publisher) split(absent []name) (published, others []name) {
	for _, n := range absent {
		idle := p.lanes.Idle(n) // asked first: what is being published now is in the table afterwards
		if known := p.table.get(n); known.exists || known.doubt || !idle {
			published = append(published, n)
		} else {
			others = append(others, n)
		}
	}
	return published, others
}

// judge asks the guard. What other scopes lack counts too: where each namespace is a scope of its own, a cluster that shows
// nothing vanishes in small parts. What was refused stays so, whatever the others do by then.
func (p *publisher) judge(scope component.Scope, gone []component.Key) (refusal, before *prune.PendingDeletion, elsewhere int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := scope.String()
	before = p.refused[at]
	delete(p.refused, at)
	delete(p.vanished, at)
	if len(gone) == 0 {
		return nil, before, 0
	}
	for _, other := range p.vanished {
		elsewhere += other
	}
	if elsewhere == 0 {
		p.existed = 0
	}
	p.existed = max(p.existed, p.table.count())
	for _, other := range p.refused {
		elsewhere += other.Gone
	}
	refusal = prune.Pending(fmt.Sprintf("cluster %s, namespaces %s", p.cluster, scope), gone, p.existed)
	again := before != nil && before.ID == refusal.ID
	if !again && !p.guard.TooMany(len(gone)+elsewhere, p.existed) {
		p.vanished[at] = len(gone)
		return nil, before, elsewhere
	}
	if again {
		refusal.Time = before.Time
	}
	p.refused[at] = refusal
	return refusal, before, elsewhere
}

// refusals lists what is held back now.
func (p *publisher) refusals() []prune.PendingDeletion {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := []prune.PendingDeletion{}
	for _, r := range p.refused {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b prune.PendingDeletion) int { return a.Time.Compare(b.Time) })
	return all
}

// FullSync compares the whole cluster with the log now, and returns the marker that stands behind the corrections. Only
// the leader can; who waits when its term ends gets ErrNotSynced.
func (w *Watcher) FullSync(ctx context.Context) (event.Marker, error) {
	p := w.term.Load()
	if p == nil || !w.Synced() {
		return event.Marker{}, ErrNotSynced
	}
	answer := make(chan result, 1)
	select {
	case p.asked <- answer:
	case <-p.over:
		return event.Marker{}, ErrNotSynced
	case <-ctx.Done():
		return event.Marker{}, ctx.Err()
	}
	select {
	case r := <-answer:
		return r.marker, r.err
	case <-p.over:
		return event.Marker{}, ErrNotSynced
	case <-ctx.Done():
		return event.Marker{}, ctx.Err()
	}
}

// Refused lists the deletions that are held back; none while not leading.
func (w *Watcher) Refused() []prune.PendingDeletion {
	if p := w.term.Load(); p != nil {
		return p.refusals()
	}
	return []prune.PendingDeletion{}
}
