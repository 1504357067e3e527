package watcher

import (
	"context"
	"errors"
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
	"odasync/internal/watcher/inventory"
)

// publisher is the observer of one term: it compares what the source reports with the inventory, and publishes the
// differences.
type publisher struct {
	watcher    *Watcher
	stream     Log
	inventory  *inventory.Inventory
	queue      *coalesce.Queue[inventory.Name, change]
	publishing *condition.Condition // whether publishes succeed
	syncing    *condition.Condition // whether full syncs succeed

	began          time.Time        // of the term
	ended          chan struct{}    // closed when the term has ended
	syncRequests   chan chan result // for a full sync now
	decisionDue    chan struct{}    // for a decision about absent components
	resynced       broadcast.Signal // when a resync has ended
	counts         struct{ published, tombstoned atomic.Int64 }
	decisionMade   atomic.Bool    // the first decision of the term is made
	pendingChanged atomic.Bool    // components were seen or deleted since pending was computed
	lastSnapshot   event.Snapshot // used by fullSync alone

	mu              sync.Mutex
	resyncs         map[string]*resync // by scope
	current         map[uint64]*resync // by generation
	resourceVersion string             // of the resync that ended last
	listed          []component.Scope  // scopes of the last decision
	unlisted        []string           // scopes that it left out
	clusterUID      string             // of the published cluster; empty until it is known
	pending         *prune.PendingDeletion
	loggedApproval  string                      // the approval id that was logged last
	failed          map[inventory.Name]struct{} // last publish
	unpublished     unpublished
}

func newPublisher(w *Watcher, log Log, table *inventory.Inventory) *publisher {
	return &publisher{
		watcher: w, stream: log, inventory: table, queue: coalesce.New[inventory.Name](w.maxWaiting, change.olderThan), began: time.Now(),
		ended: make(chan struct{}), syncRequests: make(chan chan result), decisionDue: make(chan struct{}, 1),
		resyncs: make(map[string]*resync), current: make(map[uint64]*resync), failed: make(map[inventory.Name]struct{}),
		unpublished: unpublished{malformed: make(map[inventory.Name]string), tooLarge: make(map[inventory.Name]oversize)},
		publishing:  condition.New(w.log, "publish failed, retrying: check the NATS server, its storage and STREAM_MAX_BYTES", "publish recovered", nil),
		syncing:     condition.New(w.log, "full sync failed, retrying when it is due", "full sync recovered", nil),
	}
}

// errNotLeading ends a term whose lease is no longer fresh.
var errNotLeading = errors.New("the lease was not renewed in time: another watcher may lead now")

func (p *publisher) key(n inventory.Name) component.Key {
	return component.Key{Cluster: p.watcher.cluster, Namespace: n.Namespace, Name: n.Name}
}

// run publishes until the context ends. A worker that ends the term ends the others.
func (p *publisher) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		<-ctx.Done()
		p.queue.Close() // the next term sees the queued changes again
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
					if sent { // a suppressed change is no contact with the stream
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
					p.watcher.log.Debug().Err(err).Str("namespace", n.Namespace).Str("component", n.Name).Msg("publish failed, retrying")
					p.queue.Requeue(n, c, retries.Delay(failures))
				}
				p.queue.Done(n)
			}
		})
	}
	return group.Wait()
}

// retries is the backoff between attempts.
var retries = backoff.Policy{First: 200 * time.Millisecond, Max: 5 * time.Second}
