package watcher

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/bell"
	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/lanes"
	"odasync/internal/outage"
	"odasync/internal/prune"
)

// publisher is the observer of one term: it compares what the source sees with the table and publishes differences.
type publisher struct {
	*Watcher
	to    Log
	table *table
	lanes *lanes.Lanes[name, change]
	away  *outage.Outage // of the log

	failing *outage.Outage // of full syncs

	began  time.Time        // the term
	over   chan struct{}    // closed when the term has ended
	asked  chan chan result // for a full sync
	rounds bell.Bell        // rings when a round has ended
	counts struct{ published, tombstoned atomic.Int64 }

	mu              sync.Mutex
	ended           map[string]uint64                 // by scope: the last round that did
	refused         map[string]*prune.PendingDeletion // by scope: deletions that are held back
	vanished        map[string]int                    // by scope: how many its last round let go, unasked
	existed         int                               // how many components the log had before they went
	resourceVersion string                            // of the round that ended last
}

func newPublisher(w *Watcher, to Log, t *table) *publisher {
	return &publisher{
		Watcher: w, to: to, table: t, lanes: lanes.New[name, change](w.waiting, nil), began: time.Now(),
		over: make(chan struct{}), asked: make(chan chan result), ended: make(map[string]uint64), refused: make(map[string]*prune.PendingDeletion), vanished: make(map[string]int),
		away:    outage.New(w.log, "cannot publish, trying again: look at the NATS server, its storage and STREAM_MAX_BYTES", "publishing again", nil),
		failing: outage.New(w.log, "full sync failed, trying again when it is due", "full sync works again", nil),
	}
}

// errNotLeading ends a term whose lease is no longer fresh.
var errNotLeading = errors.New("the lease was not renewed in time: another watcher may lead now")

// Begin implements component.Observer.
func (p *publisher) Begin(component.Scope) uint64 { return p.table.begin() }

// Observe implements component.Observer.
func (p *publisher) Observe(ctx context.Context, _ uint64, seen component.Observation) error {
	n := name{seen.Namespace, seen.Name}
	if seen.Deleted {
		p.table.lose(n)
		return p.offer(ctx, n, event.Tombstone(p.key(n), seen.UID, seen.ResourceVersion, seen.Seen))
	}
	// Asked before the table is read: nobody publishes another state of an idle key, since only this goroutine adds it.
	idle := p.lanes.Idle(n)
	known := p.table.see(n)
	if seen.Err != nil {
		return nil // it exists, and its last readable state stands; the source has said what is wrong
	}
	e := event.Upserted(p.key(n), seen)
	if idle && same(known, e) {
		p.metrics.suppressed.Inc()
		return nil
	}
	return p.offer(ctx, n, e)
}

// End implements component.Observer: what the round did not show is gone, unless that is too much to be believed.
func (p *publisher) End(ctx context.Context, round uint64, scope component.Scope, resourceVersion string) error {
	gone := p.hold(ctx, scope, p.table.absent(round, scope))
	for _, n := range gone {
		p.table.lose(n)
		if err := p.offer(ctx, n, event.Tombstone(p.key(n), "", "", time.Now())); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		p.log.Info().Str("scope", scope.String()).Int("components", len(gone)).Msg("vanished while nobody watched: publishing their deletion")
	}
	p.mu.Lock()
	p.ended[scope.String()], p.resourceVersion = round, resourceVersion
	p.mu.Unlock()
	p.rounds.Ring()
	return nil
}

func (p *publisher) key(n name) component.Key {
	return component.Key{Cluster: p.cluster, Namespace: n.namespace, Name: n.name}
}

func (p *publisher) offer(ctx context.Context, n name, e event.Event) error {
	_, collapsed, err := p.lanes.Put(ctx, n, change{Event: e})
	if collapsed {
		p.metrics.collapsed.Inc()
	}
	return err
}

// same says whether the event changes nothing of what is published.
func same(known entry, e event.Event) bool {
	if known.doubt {
		return false
	}
	if e.Deleted() {
		return !known.exists
	}
	return known.exists && known.hash == e.Hash && known.uid == e.UID
}

// run publishes until the context ends; a worker that ends the term ends the others.
func (p *publisher) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		<-ctx.Done()
		p.lanes.Close() // what waits is seen again by the next term
		return ctx.Err()
	})
	for range publishers {
		group.Go(func() error {
			failures := 0
			for {
				n, c, ok := p.lanes.Take()
				if !ok {
					return nil
				}
				err := p.publish(ctx, n, &c)
				switch {
				case err == nil:
					failures = 0
					p.away.Note(nil)
				case errors.Is(err, errNotLeading), errors.Is(err, p.sorts.LogMissing):
					p.lanes.Done(n)
					return err
				case ctx.Err() != nil:
				default:
					failures++
					p.away.Note(err)
					p.metrics.retried.Inc()
					p.log.Debug().Err(err).Str("namespace", n.namespace).Str("component", n.name).Msg("publish again")
					p.lanes.Again(n, c, backoff(failures))
				}
				p.lanes.Done(n)
			}
		})
	}
	return group.Wait()
}

// publish brings one event into the log unless it changes nothing.
func (p *publisher) publish(ctx context.Context, n name, c *change) error {
	e := c.Event
	for {
		known := p.table.get(n)
		if same(known, e) {
			p.metrics.suppressed.Inc()
			return nil
		}
		if !p.fresh() {
			return errNotLeading
		}
		// The publish is finished even when the term ends meanwhile, so that its outcome is known.
		sent, sequence, err := p.send(context.WithoutCancel(ctx), c, known.sequence)
		if err == nil {
			p.table.published(event.Head{Key: e.Key, Sequence: sequence, Deleted: e.Deleted(), Hash: e.Hash, UID: e.UID})
			p.count(e)
			p.log.Debug().Ctx(sent).Str("namespace", n.namespace).Str("component", n.name).Uint64("seq", sequence).Bool("deleted", e.Deleted()).Msg("published")
			return nil
		}
		if head, superseded := p.sorts.Superseded(err); superseded {
			if !p.fresh() {
				return fmt.Errorf("%w (%w)", errNotLeading, err)
			}
			// The lease is ours, so what stands there is a late publish of an earlier leader, or one of ours whose answer
			// was lost: the event follows it.
			if !known.doubt {
				p.metrics.refused.Inc()
				p.log.Warn().Ctx(sent).Str("namespace", n.namespace).Str("component", n.name).Uint64("seq", head.Sequence).Msg("somebody else published: following that message")
			}
			p.table.reset(head)
			continue
		}
		if errors.Is(err, p.sorts.TooLarge) {
			p.metrics.tooLarge.Inc()
			p.log.Error().Ctx(sent).Err(err).Str("namespace", n.namespace).Str("component", n.name).Msg("component cannot be published")
			return nil
		}
		p.table.unanswered(n)
		return err
	}
}

// count counts a message that was published.
func (p *publisher) count(e event.Event) {
	p.metrics.publishedEvent(e)
	if e.Deleted() {
		p.counts.tombstoned.Add(1)
	} else {
		p.counts.published.Add(1)
	}
}

// backoff is the wait before another try: exponential with full jitter, at most 5.5 s.
func backoff(failures int) time.Duration {
	ceiling := min(100*time.Millisecond<<min(failures, 10), 5*time.Second)
	return ceiling/10 + rand.N(ceiling)
}
