package watcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/backoff"
	"odasync/internal/broadcast"
	"odasync/internal/coalesce"
	"odasync/internal/component"
	"odasync/internal/condition"
	"odasync/internal/event"
	"odasync/internal/prune"
)

// publisher is the observer of one term: it compares what the source sees with the table and publishes differences.
type publisher struct {
	watcher    *Watcher
	stream     Log
	inventory  *inventory
	queue      *coalesce.Queue[name, change]
	publishing *condition.Condition // of the log
	syncing    *condition.Condition // of full syncs

	began          time.Time        // the term
	ended          chan struct{}    // closed when the term has ended
	syncRequests   chan chan result // for a full sync
	decisionDue    chan struct{}    // a round has not shown something, and nothing is decided yet
	resynced       broadcast.Signal // rings when a round has ended
	counts         struct{ published, tombstoned atomic.Int64 }
	decisionMade   atomic.Bool    // the first decision of the term is made
	pendingChanged atomic.Bool    // what waits for an approval has changed
	lastSnapshot   event.Snapshot // used by fullSync alone

	mu              sync.Mutex
	resyncs         map[string]*resync // by scope
	current         map[uint64]*resync // by round
	resourceVersion string             // of the round that ended last
	listed          []component.Scope  // those of the last decision
	unlisted        []string           // those without a part in it
	clusterUID      string             // of the cluster that is published; empty until it is known
	pending         *prune.PendingDeletion
	loggedApproval  string            // the approval id that was logged last
	failed          map[name]struct{} // whose last publish failed
	tooLarge        map[name]string   // hash of the event that does not fit
}

func newPublisher(w *Watcher, to Log, t *inventory) *publisher {
	return &publisher{
		watcher: w, stream: to, inventory: t, queue: coalesce.New[name](w.maxWaiting, change.olderThan), began: time.Now(),
		ended: make(chan struct{}), syncRequests: make(chan chan result), decisionDue: make(chan struct{}, 1),
		resyncs: make(map[string]*resync), current: make(map[uint64]*resync), failed: make(map[name]struct{}), tooLarge: make(map[name]string),
		publishing: condition.New(w.log, "cannot publish, trying again: look at the NATS server, its storage and STREAM_MAX_BYTES", "publishing again", nil),
		syncing:    condition.New(w.log, "full sync failed, trying again when it is due", "full sync works again", nil),
	}
}

// errNotLeading ends a term whose lease is no longer fresh.
var errNotLeading = errors.New("the lease was not renewed in time: another watcher may lead now")

// Observe implements component.Observer.
func (p *publisher) Observe(ctx context.Context, round uint64, seen component.Observation) error {
	n := name{seen.Namespace, seen.Name}
	found := p.received(round)
	if seen.Deleted {
		return p.deleted(ctx, n, seen)
	}
	// Asked before the table is read: nobody publishes another state of an idle key, since only this goroutine adds it, or a
	// decision, after which the table says so.
	idle := p.queue.Idle(n)
	known, ticket := p.inventory.see(n)
	p.watcher.confirmed.cancel(n)
	if known.presence != present {
		p.pendingChanged.Store(true)
	}
	if seen.Err != nil {
		return nil // it exists, and its last readable state stands; the source has said what is wrong
	}
	e := event.Upserted(p.key(n), seen)
	if idle && known.presence != deleting && unchanged(known, e) {
		p.watcher.metrics.suppressed.Inc()
		return nil
	}
	return p.enqueue(ctx, n, change{Event: e, ticket: ticket, bySync: found})
}

// deleted takes a deletion that the cluster reports. It needs no approval, unless it is another cluster than the one that is
// published: then it is absence, to be decided about once the cluster is accepted.
func (p *publisher) deleted(ctx context.Context, n name, seen component.Observation) error {
	number := p.watcher.confirmed.add(n, digestOf(seen.UID))
	presence, foreign := deleting, p.clusterChange() != nil
	if foreign {
		presence = absent
	}
	known, ticket := p.inventory.reportDeleted(n, presence)
	if known.presence != present {
		p.pendingChanged.Store(true)
	}
	if foreign {
		p.requestDecision()
		return nil
	}
	return p.enqueue(ctx, n, change{Event: event.Tombstone(p.key(n), seen.UID, seen.ResourceVersion, seen.Seen), ticket: ticket, confirmation: number})
}

// missed asks for a decision about what is absent.
func (p *publisher) requestDecision() {
	select {
	case p.decisionDue <- struct{}{}:
	default:
	}
}

// End implements component.Observer: what the round did not show is absent, which only a decision makes a deletion. What was
// reported as deleted in an earlier term needs none.
func (p *publisher) End(ctx context.Context, round uint64, scope component.Scope, resourceVersion string) error {
	foreign, undecided := p.clusterChange() != nil, p.pendingDeletion() != nil
	for _, n := range p.inventory.markAbsent(round, scope, func(n name) bool { return !p.queue.Idle(n) }) {
		if foreign || p.watcher.confirmed.number(n) == 0 {
			undecided = true
			continue
		}
		if err := p.enqueueDeletion(ctx, n); err != nil {
			return err
		}
	}
	if undecided {
		p.requestDecision()
	}
	p.resyncEnded(round, scope, resourceVersion)
	return nil
}

func (p *publisher) key(n name) component.Key {
	return component.Key{Cluster: p.watcher.cluster, Namespace: n.namespace, Name: n.name}
}

func (p *publisher) enqueue(ctx context.Context, n name, c change) error {
	_, collapsed, err := p.queue.Add(ctx, n, c)
	if collapsed {
		p.watcher.metrics.collapsed.Inc()
	}
	return err
}

// same says whether the event changes nothing of what is published.
func unchanged(known entry, e event.Event) bool {
	if known.inDoubt {
		return false
	}
	if e.Deleted() {
		return !known.exists
	}
	return known.exists && known.hash == digestOf(e.Hash) && known.uid == digestOf(e.UID)
}

// run publishes until the context ends; a worker that ends the term ends the others.
func (p *publisher) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		<-ctx.Done()
		p.queue.Close() // what waits is seen again by the next term
		return ctx.Err()
	})
	for range publishers {
		group.Go(func() error {
			failures := 0
			for {
				n, c, ok := p.queue.Get()
				if !ok {
					return nil
				}
				sent, err := p.publish(ctx, n, &c)
				p.noteFailed(n, err)
				switch {
				case err == nil:
					failures = 0
					if sent { // what changes nothing says nothing about the log
						p.publishing.Set(nil)
					}
				case errors.Is(err, errNotLeading), errors.Is(err, p.watcher.publishErrors.LogMissing):
					p.queue.Done(n)
					return err
				case ctx.Err() != nil:
				default:
					failures++
					p.publishing.Set(err)
					p.watcher.metrics.retried.Inc()
					p.watcher.log.Debug().Err(err).Str("namespace", n.namespace).Str("component", n.name).Msg("publish again")
					p.queue.Requeue(n, c, retries.Delay(failures))
				}
				p.queue.Done(n)
			}
		})
	}
	return group.Wait()
}

// failing says whether something could not be published and waits to be tried again.
func (p *publisher) failing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.failed) > 0 && p.publishing.Err() != nil
}

func (p *publisher) noteFailed(n name, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.failed[n] = struct{}{}
	} else {
		delete(p.failed, n)
	}
}

// publish brings one event into the log unless it changes nothing, and says whether it did.
func (p *publisher) publish(ctx context.Context, n name, c *change) (sent bool, err error) {
	e := c.Event
	for {
		known := p.inventory.get(n)
		if unchanged(known, e) || c.inferred && known.seenIn > 0 {
			if e.Deleted() {
				p.watcher.confirmed.published(n, c.confirmation)
			}
			p.watcher.metrics.suppressed.Inc()
			return false, nil
		}
		if !p.watcher.fresh() {
			return false, errNotLeading
		}
		// The publish is finished even when the term ends meanwhile, so that its outcome is known.
		span, sequence, err := p.send(context.WithoutCancel(ctx), c, known.sequence)
		if err == nil {
			p.inventory.published(event.Head{Key: e.Key, Sequence: sequence, Deleted: e.Deleted(), Hash: e.Hash, UID: e.UID})
			p.published(n, c)
			p.watcher.log.Debug().Ctx(span).Str("namespace", n.namespace).Str("component", n.name).Uint64("seq", sequence).Bool("deleted", e.Deleted()).Msg("published")
			return true, nil
		}
		if head, superseded := p.watcher.publishErrors.Superseded(err); superseded {
			if !p.watcher.fresh() {
				return false, fmt.Errorf("%w (%w)", errNotLeading, err)
			}
			// The lease is ours, so what stands there is a late publish of an earlier leader, or one of ours whose answer
			// was lost: the event follows it.
			if !known.inDoubt {
				p.watcher.metrics.conflicts.Inc()
				p.watcher.log.Warn().Ctx(span).Str("namespace", n.namespace).Str("component", n.name).Uint64("seq", head.Sequence).Msg("somebody else published: following that message")
			}
			p.inventory.adopt(head)
			continue
		}
		if errors.Is(err, p.watcher.publishErrors.TooLarge) {
			if p.noteTooLarge(n, e.Hash) {
				p.watcher.metrics.tooLarge.Inc()
				p.watcher.log.Error().Ctx(span).Err(err).Str("namespace", n.namespace).Str("component", n.name).Msg("component cannot be published")
			}
			return false, nil
		}
		p.inventory.markInDoubt(n)
		return false, err
	}
}

// outgrown notes that an event does not fit, and says whether that is new.
func (p *publisher) noteTooLarge(n name, hash string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.tooLarge[n] == hash
	p.tooLarge[n] = hash
	return !known
}

// stored notes that a change stands in the log.
func (p *publisher) published(n name, c *change) {
	p.watcher.metrics.publishedEvent(c.Event)
	p.mu.Lock()
	delete(p.tooLarge, n)
	p.mu.Unlock()
	if c.Deleted() {
		p.watcher.confirmed.published(n, c.confirmation)
	}
	switch {
	case !c.bySync:
	case c.Deleted():
		p.counts.tombstoned.Add(1)
	default:
		p.counts.published.Add(1)
	}
}

// retries is the back-off between attempts to publish, and to compare.
var retries = backoff.Policy{First: 200 * time.Millisecond, Max: 5 * time.Second}
