package watcher

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/tracing"
	"odasync/internal/watcher/inventory"
)

// Source reports the Components of a cluster.
type Source interface {
	// Watch reports to the observer until the context ends. It retries transient failures, and returns only permanent ones.
	Watch(ctx context.Context, to component.Observer) error
	// Scopes returns the scopes, each with resyncs of its own.
	Scopes() []component.Scope
	// Read reads one Component now, beside the watch; false where it does not exist.
	Read(ctx context.Context, namespace, name string) (component.Observation, bool, error)
	// Refresh starts a resync of every scope, after the one that may be under way.
	Refresh()
	// Identity identifies the cluster, whatever its name; empty if unknown. It is set before a resync ends.
	Identity() string
}

// Log is the stream of component events; see stream.Log for the implementation over JetStream.
type Log interface {
	// Publish appends an event that follows the message with the expected sequence (0: the first of its subject) and
	// returns its sequence. It can be repeated after a lost answer.
	Publish(ctx context.Context, e event.Event, expected uint64) (uint64, error)
	// Heads calls each with the last message of every component.
	Heads(ctx context.Context, cluster string, each func(event.Head)) error
	// Check returns PublishErrors.LogMissing if the log was removed.
	Check(ctx context.Context) error
	// Purge removes a component's messages up to a sequence, inclusive.
	Purge(ctx context.Context, key component.Key, sequence uint64) error
	Snapshots
}

// Snapshots are the snapshot markers of full syncs in the log.
type Snapshots interface {
	PublishSnapshot(ctx context.Context, m event.Snapshot) error
	// LastSnapshot returns false where the cluster has none, and event.ErrMalformed where it cannot be decoded.
	LastSnapshot(ctx context.Context, cluster string) (event.Snapshot, bool, error)
}

// Approvals are the approvals of pending deletions.
type Approvals interface {
	// Consume removes an approval and returns whether there was one. An approval is for one set of deletions, once.
	Consume(ctx context.Context, id string) (bool, error)
}

// PublishErrors classify the errors of Log.Publish that are not transient.
type PublishErrors struct {
	// Superseded returns the message that the stream has instead of the expected one.
	Superseded func(error) (event.Head, bool)
	// TooLarge is the error of an event that exceeds the size limit.
	TooLarge error
	// LogMissing is the error of a stream that was removed: another term must begin.
	LogMissing error
}

// Config is the configuration of the watcher.
type Config struct {
	// ClusterName is unique among the clusters that share a stream.
	ClusterName string `env:"CLUSTER_NAME, default=default" help:"name of this cluster on the stream; another for each cluster"`
	// Interval is the time between two full syncs; 0 for none.
	Interval config.Duration `env:"SYNC_INTERVAL, default=60" help:"time between two full syncs of the cluster with the stream, and between two reconciles of the registry with the stream, 0 for none: seconds, or a duration such as 5m"`
	// Retention is the time that the tombstones stay in the stream, for syncers that were not running.
	Retention config.Duration `env:"TOMBSTONE_RETENTION, default=720h" help:"how long a deleted component's messages stay in the stream: seconds, or a duration such as 720h"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	var problems []error
	if c.ClusterName == "" || len(c.ClusterName) > 100 {
		problems = append(problems, fmt.Errorf("CLUSTER_NAME is %q: 1 to 100 characters, another for each cluster on the stream", c.ClusterName))
	}
	if interval := time.Duration(c.Interval); interval < 0 || interval > 0 && interval < time.Second {
		problems = append(problems, fmt.Errorf("SYNC_INTERVAL is %s: 0 for none, or a second or more", c.Interval))
	}
	if time.Duration(c.Retention) < time.Minute {
		problems = append(problems, fmt.Errorf("TOMBSTONE_RETENTION is %s: a minute or more", c.Retention))
	}
	return errors.Join(problems...)
}

// logCheckInterval is the time between two checks for the log.
const logCheckInterval = 10 * time.Second

// publishers is the number of concurrent publishes, each of another component.
const publishers = 64

// maxWaiting limits the queue of changes while nothing can be published.
const maxWaiting = 4096

// Watcher publishes the differences between a source and a log. The leader calls Lead for each term.
type Watcher struct {
	cluster       string
	interval      time.Duration // between two full syncs; 0 for none
	retention     time.Duration // of tombstones
	limit         prune.Config
	source        Source
	publishErrors PublishErrors
	fresh         func() bool
	metrics       *Metrics
	tracer        *tracing.Tracer // nil for no tracing
	log           zerolog.Logger
	approvals     Approvals     // of the current term
	maxWaiting    int           // the number of queued components at which Observe blocks
	checkInterval time.Duration // logCheckInterval, except in tests
	resyncLimits  resyncLimits
	readLimits    readLimits
	term          atomic.Pointer[publisher] // nil while not leading
	confirmed     inventory.Confirmed
}

// New returns a watcher. fresh reports whether this process still leads; it is called before each publish.
func New(cfg Config, limit prune.Config, source Source, publishErrors PublishErrors, fresh func() bool, metrics *Metrics, tracer *tracing.Tracer, log zerolog.Logger) *Watcher {
	metrics.cluster.WithLabelValues(cfg.ClusterName).Set(1)
	metrics.interval.Set(time.Duration(cfg.Interval).Seconds())
	return &Watcher{
		cluster: cfg.ClusterName, interval: time.Duration(cfg.Interval), retention: time.Duration(cfg.Retention), limit: limit,
		source: source, publishErrors: publishErrors, fresh: fresh, metrics: metrics, tracer: tracer, checkInterval: logCheckInterval, resyncLimits: defaultResyncLimits(),
		readLimits: defaultReadLimits(),
		log:        log.With().Str("cluster", cfg.ClusterName).Logger(), maxWaiting: maxWaiting,
	}
}

// errSourceEnded ends a term without a source.
var errSourceEnded = errors.New("the source stopped without an error")

// Lead runs one term: it reads the published state, then keeps the log equal to the source until the context ends or the term
// is over. Publishes that are under way complete before it returns.
func (w *Watcher) Lead(ctx context.Context, log Log, approvals Approvals) error {
	w.approvals = approvals
	started := time.Now()
	table := inventory.New()
	if err := log.Heads(ctx, w.cluster, table.Published); err != nil {
		return err
	}
	w.confirmed.Restrict(table)
	p := newPublisher(w, log, table)
	if err := p.readLastSnapshot(ctx); err != nil {
		return err
	}
	w.log.Info().Int("published", table.Len()).Dur("took", time.Since(started)).Msg("published state read")
	w.metrics.term.Store(p)
	defer w.metrics.term.Store(nil)
	w.term.Store(p)
	defer close(p.ended)
	defer w.term.Store(nil)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.run(ctx) })
	group.Go(func() error { return w.checkLog(ctx, log) })
	group.Go(func() error { return p.fullSync(ctx) })
	group.Go(func() error {
		err := w.source.Watch(ctx, p)
		if err == nil && ctx.Err() == nil {
			err = errSourceEnded
		}
		return err
	})
	err := group.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			return cause
		}
		return nil
	}
	return err
}

// checkLog ends the term when the log was removed, also while there is nothing to publish: only another term fills the log.
func (w *Watcher) checkLog(ctx context.Context, log Log) error {
	ticker := time.NewTicker(w.checkInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if err := log.Check(ctx); errors.Is(err, w.publishErrors.LogMissing) {
			return err
		}
	}
}

// Check returns why changes cannot be published; nil while they can, and while not leading.
func (w *Watcher) Check() error {
	if p := w.term.Load(); p != nil && p.failing() {
		return fmt.Errorf("publish to the stream: %w", p.publishing.Err())
	}
	return nil
}

// Synced reports whether this process leads and every scope has ended a resync, except for those that could not be listed.
func (w *Watcher) Synced() bool {
	p := w.term.Load()
	return p != nil && (p.decisionMade.Load() || len(p.unfinishedScopes(0)) == 0)
}

// Unlisted returns the scopes that the last decision left out; none while not leading.
func (w *Watcher) Unlisted() []string {
	if p := w.term.Load(); p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.unlisted
	}
	return nil
}

// PendingDeletion returns what waits for an approval; nil for nothing, and while not leading.
func (w *Watcher) PendingDeletion() *prune.PendingDeletion {
	if p := w.term.Load(); p != nil {
		return p.pendingDeletion()
	}
	return nil
}

// Pending is PendingDeletion with all components.
func (w *Watcher) Pending() (*prune.PendingDeletion, []component.Key) {
	p := w.term.Load()
	if p == nil {
		return nil, nil
	}
	pending := p.pendingDeletion()
	if pending == nil {
		return nil, nil
	}
	p.mu.Lock()
	names, _ := p.inventory.Tally(p.listed)
	p.mu.Unlock()
	return pending, p.keys(names)
}

// Accepted returns an error while the source is another cluster than the published one, and not accepted yet.
func (w *Watcher) Accepted() error {
	if waits := w.PendingDeletion(); waits != nil && waits.ClusterChange != nil {
		return waits
	}
	return nil
}
