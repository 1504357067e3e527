package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/kube"
	"odasync/internal/kube/elector"
	"odasync/internal/kube/listwatch"
	"odasync/internal/manifests"
	"odasync/internal/natsconn"
	"odasync/internal/ops"
	"odasync/internal/prune"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/target"
	"odasync/internal/watcher"
)

// WatcherConfig is the configuration of a watcher process.
type WatcherConfig struct {
	Kube    kube.Config
	Stream  natsconn.Config
	Watcher watcher.Config
	Prune   prune.Config
}

// Sections lists the parts for config.Load.
func (c *WatcherConfig) Sections() []config.Section {
	return []config.Section{&c.Kube, &c.Stream, &c.Watcher, &c.Prune}
}

// Watch publishes the Components of a cluster until the context ends, while it leads. It waits for what is missing at first or
// fails later.
func Watch(ctx context.Context, cfg *WatcherConfig, env Env) error {
	conn, log, err := connect(ctx, cfg.Stream, control.ProcessWatcher, env)
	if err != nil {
		return err
	}
	defer conn.Close()
	following := newPart[leader]("the Kubernetes client is not set up yet")
	env.Health.Ready(checkKubernetes, following.check((*leader).check))

	var client *kube.Client
	err = retry(ctx, log, "cannot use the Kubernetes API", func(context.Context) error {
		client, err = kube.NewClient(cfg.Kube, ops.Version(), log)
		return err
	})
	if err != nil {
		return err
	}
	source, err := listwatch.NewSource(cfg.Kube, client, listwatch.NewMetrics(env.Metrics), log)
	if err != nil {
		return err
	}
	var election election = newAlone(log)
	var patience time.Duration // with a NATS server that cannot be used
	if cfg.Kube.LeaderElection {
		election = elector.New(cfg.Kube, client, log)
		patience = 2 * time.Duration(cfg.Kube.LeaseDuration)
	}
	l := newLeader(cfg, conn, source, election, env, log)
	l.patience = patience
	following.set(l)
	// An API server that does not answer these questions must not hold up the election.
	group, ctx := errgroup.WithContext(ctx)
	running, ended := context.WithCancel(ctx)
	group.Go(func() error {
		warnOfMissingPermissions(running, client, log)
		return nil
	})
	group.Go(func() error {
		defer ended()
		return l.run(ctx, env)
	})
	return group.Wait()
}

// WatchFolder publishes the Components in a folder of manifests until the context ends.
func WatchFolder(ctx context.Context, cfg *WatcherConfig, dir string, env Env) error {
	conn, log, err := connect(ctx, cfg.Stream, control.ProcessWatcher, env)
	if err != nil {
		return err
	}
	defer conn.Close()
	scope, err := component.ParseScope(cfg.Kube.Namespaces)
	if err != nil {
		return err
	}
	source := manifests.New(dir, cfg.Kube.Group, scope, manifests.NewMetrics(env.Metrics), log)
	election := newAlone(log)
	l := newLeader(cfg, conn, source, election, env, log)
	l.describe = func(s *control.WatcherStatus) { s.Manifests, s.Unreadable = dir, unreadable(source) }
	env.Health.Ready(checkManifests, func(context.Context) error { return l.check() })
	return l.run(ctx, env)
}

// unreadable returns what the source could not read, for the status.
func unreadable(source *manifests.Source) []control.UnreadableFile {
	const maxProblem = 300
	files := []control.UnreadableFile{}
	for _, one := range source.Unreadable() {
		if len(files) == control.MaxUnreadable {
			break
		}
		problem := one.Problem
		if len(problem) > maxProblem {
			problem = strings.ToValidUTF8(problem[:maxProblem-len("…")], "") + "…"
		}
		files = append(files, control.UnreadableFile{Path: one.Path, Problem: problem})
	}
	return files
}

// source is a source of a watcher with a state.
type source interface {
	watcher.Source
	// State returns what is not read and watched; nil for nothing.
	State() error
}

// election decides when this process leads.
type election interface {
	// Run calls lead whenever this process has the lead, until the context ends.
	Run(ctx context.Context, lead func(context.Context) error) error
	// Fresh reports whether this process may still publish.
	Fresh() bool
	IsLeader() bool
	// State is nil while the election works, for this process or for another.
	State() error
	Identity() string
	// Stuck is how long the lead has been lost while its work has not ended; 0 otherwise.
	Stuck() time.Duration
}

// leader runs the watcher while it leads.
type leader struct {
	conn     *natsconn.Conn
	watcher  *watcher.Watcher
	source   source
	election election
	cluster  string
	// namespaces are those that the source watches.
	namespaces string

	log      zerolog.Logger
	waiting  atomic.Pointer[error] // what a term waits for before it can begin
	patience time.Duration         // how long a term goes on without NATS; 0 is for ever
	describe func(*control.WatcherStatus)
}

func newLeader(cfg *WatcherConfig, conn *natsconn.Conn, from source, election election, env Env, log zerolog.Logger) *leader {
	publishErrors := watcher.PublishErrors{Superseded: stream.Superseded, TooLarge: stream.ErrTooLarge, LogMissing: stream.ErrLogMissing}
	w := watcher.New(cfg.Watcher, cfg.Prune, from, publishErrors, election.Fresh, watcher.NewMetrics(env.Metrics), env.Tracer, log)
	env.Health.Live("lead", func(context.Context) error {
		if stuck := election.Stuck(); stuck > time.Minute {
			return fmt.Errorf("the lead was lost %s ago and its work has not ended", stuck.Round(time.Second))
		}
		return nil
	})
	return &leader{
		conn: conn, watcher: w, source: from, election: election, cluster: cfg.Watcher.ClusterName, namespaces: cfg.Kube.Namespaces, log: log,
		describe: func(*control.WatcherStatus) {},
	}
}

// run takes part in the election until the context ends.
func (l *leader) run(ctx context.Context, env Env) error {
	common := processStatus(l.election.Identity(), env)
	stop, err := control.ServeStatus(l.conn.NATS(), control.ProcessWatcher, func(ctx context.Context) any {
		status := control.WatcherStatus{
			ProcessStatus: common(ctx), Cluster: l.cluster, Leader: l.election.IsLeader(), Namespaces: l.namespaces, PendingDeletion: l.watcher.PendingDeletion(),
			Unreadable: []control.UnreadableFile{},
		}
		l.describe(&status)
		return status
	})
	if err != nil {
		return err
	}
	defer stop()
	return l.election.Run(ctx, l.leadWhileReachable)
}

// lead runs one term. The claim on the name of the cluster excludes another cluster with that name, whose lease is independent.
func (l *leader) lead(ctx context.Context) error {
	var components *stream.Log
	var records *store.Records
	held, release := ctx, func(context.Context) error { return nil }
	defer l.waiting.Store(nil)
	err := retry(ctx, l.log, "cannot publish yet", func(ctx context.Context) (err error) {
		defer func() { l.waiting.Store(&err) }()
		log, err := stream.EnsureLog(ctx, l.conn)
		if err != nil {
			return err
		}
		claims, err := store.EnsureClaims(ctx, l.conn, "watchers", l.election.Identity())
		if err != nil {
			return err
		}
		if records, err = store.EnsureRecords(ctx, l.conn); err != nil {
			return err
		}
		held, release, err = claims.Acquire(ctx, l.cluster)
		if errors.Is(err, target.ErrClaimed) {
			owner, _ := claims.Owner(ctx, l.cluster) // only for the message
			return fmt.Errorf("cluster name %q is published by watcher %s: waiting for it to stop; where that watcher serves another cluster, give this one its own CLUSTER_NAME", l.cluster, owner)
		}
		components = log
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := release(deadline); err != nil {
			l.log.Debug().Err(err).Msg("claim on the cluster name not released, it expires")
		}
	}()
	stop, err := control.ServeLeader(held, l.conn.NATS(), l.cluster, l)
	if err != nil {
		return err
	}
	defer stop()
	return l.watcher.Lead(held, components, records)
}

// Read implements control.Leader. It returns an error while the leader is not up to date.
func (l *leader) Read(ctx context.Context, namespace, component string) (control.ReadResult, error) {
	if err := l.check(); err != nil {
		return control.ReadResult{}, l.refusal(fmt.Errorf("the watcher is not up to date: %w", err))
	}
	published, err := l.watcher.Read(ctx, namespace, component)
	return control.ReadResult(published), l.refusal(err)
}

// FullSync implements control.Leader. It also compares where a namespace cannot be listed or the cluster is not accepted: a full
// sync applies what was approved.
func (l *leader) FullSync(ctx context.Context) (event.Snapshot, error) {
	err := l.ready()
	if err == nil && len(l.watcher.Unlisted()) == 0 {
		err = l.source.State()
	}
	if err != nil {
		return event.Snapshot{}, l.refusal(fmt.Errorf("the watcher is not up to date: %w", err))
	}
	m, err := l.watcher.FullSync(ctx)
	return m, l.refusal(err)
}

// refusal returns the error of a request, with its class if the cause is a source that cannot be read, as temporary if the term has
// just begun.
func (l *leader) refusal(err error) error {
	if err == nil {
		return nil
	}
	refusal := &control.RequestError{Reason: err.Error(), Temporary: errors.Is(err, errNotSynced)}
	if errors.As(err, new(*url.Error)) || l.source.State() != nil {
		refusal.Class = target.ClassUnavailable
	}
	return refusal
}

// Unpublished implements control.Leader.
func (l *leader) Unpublished(after component.Key, limit int) (page []component.Unpublished, more bool) {
	return l.watcher.Unpublished(after, limit)
}

// Pending implements control.Leader.
func (l *leader) Pending() (*prune.PendingDeletion, []component.Key) { return l.watcher.Pending() }

// check returns why the leader is not up to date; a standby returns the state of the election.
func (l *leader) check() error {
	if !l.election.IsLeader() {
		return l.election.State()
	}
	if waiting := l.waiting.Load(); waiting != nil && *waiting != nil {
		return *waiting
	}
	if err := errors.Join(l.source.State(), l.watcher.Accepted()); err != nil {
		return err
	}
	return l.ready()
}

// ready returns why the leader cannot publish or compare.
func (l *leader) ready() error {
	if err := l.watcher.Check(); err != nil {
		return err
	}
	if !l.watcher.Synced() {
		return errNotSynced
	}
	return nil
}

// errNotSynced means that a term has just begun.
var errNotSynced = errors.New("leading, the first comparison with the stream is not done yet")

func warnOfMissingPermissions(ctx context.Context, client *kube.Client, log zerolog.Logger) {
	permissions, err := client.Permissions(ctx)
	if err != nil {
		log.Debug().Err(err).Msg("cannot read own permissions")
	}
	for _, p := range permissions {
		if !p.Granted {
			log.Error().Str("permission", p.Rule).Str("remedy", p.Remedy).Msg("missing permission")
		}
	}
}
