package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/flow"
	"odasync/internal/natsconn"
	"odasync/internal/prune"
	"odasync/internal/reconcile"
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

// SyncerConfig is the configuration of a syncer process.
type SyncerConfig struct {
	Stream    natsconn.Config
	Syncer    syncer.Config
	Reconcile reconcile.Config
	Guard     prune.Config
	Registry  registry.Config
	Shutdown  ShutdownConfig
}

// Sections lists the parts for config.Load.
func (c *SyncerConfig) Sections() []config.Section {
	return []config.Section{&c.Stream, &c.Syncer, &c.Reconcile, &c.Guard, &c.Registry, &c.Shutdown}
}

// ShutdownConfig bounds an orderly stop.
type ShutdownConfig struct {
	// Timeout bounds how long running applies may take after a stop.
	Timeout config.Duration `env:"SHUTDOWN_TIMEOUT, default=25s" help:"how long a stopping syncer may finish what it is applying"`
}

// Validate reports every problem at once.
func (c ShutdownConfig) Validate() error {
	if c.Timeout < 0 || time.Duration(c.Timeout) > time.Hour {
		return fmt.Errorf("SHUTDOWN_TIMEOUT is %s: 0 to 1h", c.Timeout)
	}
	return nil
}

// Sync writes the state in the stream to a registry until the context ends. It waits for what is missing at first or fails later.
func Sync(ctx context.Context, cfg *SyncerConfig, env Env) error {
	conn, log, err := connect(ctx, cfg.Stream, control.ProcessSyncer, env)
	if err != nil {
		return err
	}
	defer conn.Close()
	running := newPart[syncer.Syncer]("the stream and its consumer are not open yet")
	env.Health.Ready(checkStream, func(context.Context) error {
		_, err := running.get()
		if errors.As(err, new(registryError)) {
			return nil
		}
		return err
	})
	env.Health.Ready(CheckRegistry, func(context.Context) error {
		s, err := running.get()
		switch {
		case s != nil:
			return s.Applier.Check()
		case errors.As(err, new(registryError)):
			return err
		}
		return nil
	})

	var sink adapter.Adapter // once it is open, for all pipelines
	defer func() {
		if sink != nil {
			sink.Close()
		}
	}()
	var concurrency atomic.Int64
	concurrency.Store(int64(cfg.Syncer.Concurrency))
	metrics, reconcileMetrics, backlog := syncer.NewMetrics(env.Metrics), reconcile.NewMetrics(env.Metrics), stream.NewBacklogMetrics(env.Metrics)
	owner := identity()
	common := processStatus(owner, env)
	stop, err := control.ServeStatus(conn.NATS(), control.ProcessSyncer, func(ctx context.Context) any {
		status := control.SyncerStatus{
			ProcessStatus: common(ctx), Target: cfg.Syncer.Target, Registry: cfg.Registry.Address(), Concurrency: int(concurrency.Load()),
		}
		if s, _ := running.get(); s != nil {
			setFlow(&status, s.Applier.Flow())
		}
		return status
	})
	if err != nil {
		return err
	}
	defer stop()
	return retry(ctx, log, "syncer is not running", func(ctx context.Context) (err error) {
		defer func() { running.lost(err) }()
		p, err := openPipeline(ctx, conn, cfg, owner)
		if err != nil {
			return err
		}
		defer p.close()
		backlog.Follow(p.consumer, p.deadLetters, func() bool {
			s, _ := running.get()
			return s != nil && s.Applier.Flow().Breaker.State == flow.Closed
		})
		if sink == nil {
			if sink, err = adapter.Open(ctx, cfg.Registry, env.Metrics, log); err != nil {
				return registryError{err}
			}
		}
		work := cfg.Syncer
		work.Concurrency = min(work.Concurrency, sink.Connections()) // more would wait for a connection under a claim
		concurrency.Store(int64(work.Concurrency))
		s := syncer.New(syncer.Dependencies{
			Deliveries: p.clusters, Heads: p.log, Sessions: p.sessions, States: p.states, DeadLetters: p.deadLetters, Registry: sink, Probe: sink,
			Tracer: env.Tracer,
		}, work, syncer.Timing{Heartbeat: stream.AckWait / 3, Grace: time.Duration(cfg.Shutdown.Timeout)}, metrics, log)
		r := reconcile.New(work.Target, work.Concurrency, cfg.Reconcile, cfg.Guard, reconcile.Dependencies{
			Repairer: s.Applier, Inventory: sink, Snapshot: p.log, States: p.states, Records: p.records, Claims: p.claims,
			Clusters: p.clusters.list, Available: s.Applier.Available,
		}, reconcileMetrics, log)
		stop, err := control.ServeReconciler(ctx, conn.NATS(), cfg.Syncer.Target, &requests{cfg.Syncer, r, s.Applier})
		if err != nil {
			return err
		}
		defer stop()
		running.set(s)
		env.Health.Live("syncer", func(context.Context) error { return s.Liveness() })
		defer env.Health.Live("syncer", func(context.Context) error { return nil }) // between two sessions there is nothing to turn
		log.Info().Str("target", cfg.Syncer.Target).Str("registry", cfg.Registry.Address()).Str("api", sink.API()).Int("concurrency", work.Concurrency).Msg("syncing")
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return s.Run(ctx) })
		group.Go(func() error { return r.Run(ctx) })
		group.Go(func() error { return p.watchPresence(ctx, cfg.Syncer.Target, reconcileMetrics) })
		return group.Wait()
	})
}

// registryError is why the registry could not be opened. It fails the check of the registry, every other error that of the stream.
type registryError struct{ error }

// Unwrap returns the error of the registry.
func (e registryError) Unwrap() error { return e.error }

// requests are what ctl asks the syncers of a target for.
type requests struct {
	cfg        syncer.Config
	reconciler *reconcile.Reconciler
	applier    *syncer.Applier
}

// Reconcile implements control.Reconciler.
func (r *requests) Reconcile(ctx context.Context, cluster string, dryRun bool) (target.Reconciliation, error) {
	if err := r.takes(cluster); err != nil {
		return target.Reconciliation{}, err
	}
	return r.reconciler.Reconcile(ctx, cluster, dryRun)
}

// PendingOrphans implements control.Reconciler.
func (r *requests) PendingOrphans(ctx context.Context, cluster string) (*prune.PendingDeletion, []component.Key, error) {
	if err := r.takes(cluster); err != nil {
		return nil, nil, err
	}
	return r.reconciler.PendingOrphans(ctx, cluster)
}

// Compare implements control.Reconciler.
func (r *requests) Compare(ctx context.Context, key component.Key) (target.Repair, error) {
	if err := r.takes(key.Cluster); err != nil {
		return target.Repair{}, err
	}
	return r.applier.Compare(ctx, key)
}

// takes returns an error for a cluster whose components the target does not get.
func (r *requests) takes(cluster string) error {
	if of := r.cfg.Clusters; len(of) > 0 && !slices.Contains(of, cluster) {
		return fmt.Errorf("target %q takes no components of cluster %q, only of %s: see SYNC_CLUSTERS", r.cfg.Target, cluster, strings.Join(of, ", "))
	}
	return nil
}

// pipeline is the broker's side of a syncer.
type pipeline struct {
	conn        *natsconn.Conn
	log         *stream.Log
	consumer    *stream.Consumer
	clusters    *clusters
	claims      *store.Claims
	sessions    *store.Sessions
	states      *store.States
	deadLetters *store.DeadLetters
	records     *store.Records
}

func openPipeline(ctx context.Context, conn *natsconn.Conn, cfg *SyncerConfig, owner string) (p pipeline, err error) {
	p.conn = conn
	if p.log, err = stream.OpenLog(ctx, conn); err != nil {
		return p, err
	}
	if p.consumer, err = p.log.EnsureConsumer(ctx, cfg.Syncer.Target, cfg.Registry.Address(), cfg.Syncer.Clusters...); err != nil {
		return p, err
	}
	p.clusters = &clusters{Deliveries: p.consumer, log: p.log, configured: cfg.Syncer.Clusters, seen: map[string]bool{}}
	if p.claims, err = store.EnsureClaims(ctx, conn, store.TargetScope(cfg.Syncer.Target), owner); err != nil {
		return p, err
	}
	if p.sessions, err = store.EnsureSessions(ctx, conn, cfg.Syncer.Target); err != nil {
		return p, err
	}
	if p.states, err = store.EnsureStates(ctx, p.log, cfg.Syncer.Target); err != nil {
		return p, err
	}
	if p.deadLetters, err = store.EnsureDeadLetters(ctx, conn, cfg.Syncer.Target); err != nil {
		return p, err
	}
	p.records, err = store.EnsureRecords(ctx, conn)
	return p, err
}

// close ends the sessions, so that other replicas do not wait for them to expire.
func (p *pipeline) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.sessions.Close(ctx) // or the server expires it
}

// presenceInterval is how often a syncer checks that its buckets and streams exist.
const presenceInterval = 10 * time.Second

// watchPresence updates the metrics of the last reconciles, and returns an error when a bucket or the stream of dead letters was
// removed: the next pipeline creates it again.
func (p *pipeline) watchPresence(ctx context.Context, target string, metrics *reconcile.Metrics) error {
	ticker := time.NewTicker(presenceInterval)
	defer ticker.Stop()
	for {
		if last, err := p.records.Reconciles(ctx, target); err == nil { // else the earlier values stay
			metrics.SetLast(last)
		}
		if err := store.CheckPresence(ctx, p.conn); errors.Is(err, store.ErrRemoved) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// clusters lists the clusters to reconcile: those that are configured, or else those with a snapshot marker or messages in the
// stream. It learns of new ones from the messages that are delivered.
type clusters struct {
	syncer.Deliveries
	log        *stream.Log
	configured []string

	mu      sync.Mutex
	seen    map[string]bool
	scanned bool // the messages of the stream were read once
}

// Next implements syncer.Deliveries.
func (c *clusters) Next(ctx context.Context) (event.Delivery, error) {
	d, err := c.Deliveries.Next(ctx)
	if err == nil {
		c.see(d.Key.Cluster)
	}
	return d, err
}

func (c *clusters) see(clusters ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cluster := range clusters {
		c.seen[cluster] = true
	}
}

// list returns the clusters in their order. It is for one caller at a time.
func (c *clusters) list(ctx context.Context) ([]string, error) {
	if len(c.configured) > 0 {
		return c.configured, nil
	}
	marked, err := c.log.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	c.see(marked...)
	if !c.scanned {
		// A cluster without a snapshot marker is known from its messages only.
		published, err := c.log.ComponentClusters(ctx)
		if err != nil {
			return nil, err
		}
		c.see(published...)
		c.scanned = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.seen)), nil
}

// setFlow sets the state of the breaker and the limiter.
func setFlow(status *control.SyncerStatus, flow syncer.Flow) {
	status.Breaker, status.BreakerSince = string(flow.Breaker.State), flow.Breaker.Since
	if flow.Breaker.Reason != nil {
		status.BreakerReason = flow.Breaker.Reason.Error()
	}
	status.InFlight, status.Limit = flow.InFlight, flow.Limit
}
