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
)

// Source shows the Components of a cluster.
type Source interface {
	// Watch reports to the observer until the context ends or, never because of a passing failure, until it cannot
	// go on.
	Watch(ctx context.Context, to component.Observer) error
	// Scopes are what Watch reports on one by one.
	Scopes() []component.Scope
	// Refresh makes every scope begin another round soon, after the one that it may be in.
	Refresh()
	// Identity tells clusters apart, also those of one name; empty where it is not known. It is set before a round ends.
	Identity() string
}

// Log is the stream of component events; see stream.Log for the implementation over JetStream.
type Log interface {
	// Publish appends an event that follows the message with the expected sequence (0: the first of its subject) and
	// returns its sequence. Repeating a publish whose answer was lost is safe.
	Publish(ctx context.Context, e event.Event, expected uint64) (uint64, error)
	// Heads calls each with every component's last message.
	Heads(ctx context.Context, cluster string, each func(event.Head)) error
	// Check returns Refusals.LogMissing where the log was removed.
	Check(ctx context.Context) error
	// Newest reads a component's last event; false where it has none.
	Newest(ctx context.Context, key component.Key) (event.Event, bool, error)
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

// Approvals knows which deletions somebody has approved.
type Approvals interface {
	// Consume takes an approval away and says whether there was one: it is for one set of deletions, once.
	Consume(ctx context.Context, id string) (bool, error)
}

// Refusals sorts the errors of Log.Publish that are not passing.
type PublishErrors struct {
	// Superseded returns the message that stands there instead of the expected one.
	Superseded func(error) (event.Head, bool)
	// TooLarge says that this event will never fit, though another of its component may.
	TooLarge error
	// LogMissing says that the stream is gone: the term must begin anew.
	LogMissing error
}

// Config is the watcher's own.
type Config struct {
	// ClusterName separates the clusters that share a stream. Each cluster needs its own.
	ClusterName string `env:"CLUSTER_NAME, default=default" help:"name of this cluster on the stream; another for each cluster"`
	// Interval is the time between two full comparisons of the cluster with the stream; 0 for none.
	Interval config.Duration `env:"SYNC_INTERVAL, default=60" help:"time between two full syncs of the cluster with the stream, and between two reconciles of the registry with the stream, 0 for none: seconds, or a duration such as 5m"`
	// Retention is how long a deletion stays in the stream, for syncers that were away.
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

// checkInterval is how often a term looks whether the log still stands.
const logCheckInterval = 10 * time.Second

// publishers is how many publishes may be under way, each of another component.
const publishers = 64

// maxWaiting bounds what the memory holds of a cluster that changes while nothing can be published.
const maxWaiting = 4096

// Watcher publishes the differences between a source and a log. Its leader calls Lead for each term.
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
	approvals     Approvals     // of the present term
	maxWaiting    int           // how many components may wait to be published before the source is held back
	checkInterval time.Duration // checkInterval, but in tests
	resyncLimits  resyncLimits
	term          atomic.Pointer[publisher] // nil while not leading
	confirmed     confirmedDeletions
}

// New returns a watcher. fresh says whether this process may still count as the leader; it is asked before each
// publish.
func New(cfg Config, limit prune.Config, source Source, sorts PublishErrors, fresh func() bool, metrics *Metrics, tracer *tracing.Tracer, log zerolog.Logger) *Watcher {
	metrics.cluster.WithLabelValues(cfg.ClusterName).Set(1)
	metrics.interval.Set(time.Duration(cfg.Interval).Seconds())
	return &Watcher{
		cluster: cfg.ClusterName, interval: time.Duration(cfg.Interval), retention: time.Duration(cfg.Retention), limit: limit,
		source: source, publishErrors: sorts, fresh: fresh, metrics: metrics, tracer: tracer, checkInterval: logCheckInterval, resyncLimits: defaultResyncLimits(),
		log: log.With().Str("cluster", cfg.ClusterName).Logger(), maxWaiting: maxWaiting,
	}
}

// errSourceEnded ends a term that nobody feeds any more.
var errSourceEnded = errors.New("the source stopped watching without a reason")

// Lead runs one term: it reads the published state, then keeps the log equal to the source until the context ends or
// the term is over. What was being published is finished before it returns.
func (w *Watcher) Lead(ctx context.Context, log Log, approvals Approvals) error {
	w.approvals = approvals
	started := time.Now()
	table := newInventory()
	if err := log.Heads(ctx, w.cluster, table.published); err != nil {
		return err
	}
	w.confirmed.restrict(table)
	p := newPublisher(w, log, table)
	if err := p.readLastSnapshot(ctx); err != nil {
		return err
	}
	w.log.Info().Int("published", table.len()).Dur("took", time.Since(started)).Msg("leading: read the published state")
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

// stands ends the term when the log is gone: with nothing to publish nobody else would notice, and only a new term fills
// it again.
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

// Check says why changes do not reach the log; nil while they do, and while not leading.
func (w *Watcher) Check() error {
	if p := w.term.Load(); p != nil && p.failing() {
		return fmt.Errorf("publish to the stream: %w", p.publishing.Err())
	}
	return nil
}

// Synced says whether this process leads and has compared every scope once, but for those that could not be listed.
func (w *Watcher) Synced() bool {
	p := w.term.Load()
	return p != nil && (p.decisionMade.Load() || len(p.pendingScopes(0)) == 0)
}

// Unlisted are the scopes that the last comparison could not list; none while not leading.
func (w *Watcher) Unlisted() []string {
	if p := w.term.Load(); p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.unlisted
	}
	return nil
}

// PendingDeletion is what waits for an approval; nil for nothing, and while not leading.
func (w *Watcher) PendingDeletion() *prune.PendingDeletion {
	if p := w.term.Load(); p != nil {
		return p.pendingDeletion()
	}
	return nil
}

// Accepted returns an error while the cluster is another one than the published one and nobody has accepted it.
func (w *Watcher) Accepted() error {
	if waits := w.PendingDeletion(); waits != nil && waits.ClusterChange != nil {
		return waits
	}
	return nil
}
