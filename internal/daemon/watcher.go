package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/kube"
	"odasync/internal/ops"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/watcher"
)

// WatcherConfig is the configuration of a watcher process.
type WatcherConfig struct {
	Kube    kube.Config
	Stream  stream.Config
	Watcher watcher.Config
}

// Sections lists the parts for config.Load.
func (c *WatcherConfig) Sections() []config.Section {
	return []config.Section{&c.Kube, &c.Stream, &c.Watcher}
}

// Watch publishes a cluster's Components until the context ends, as the leader or standing by. Whatever is missing at
// first or fails later is waited for.
func Watch(ctx context.Context, cfg *WatcherConfig, env Env, options ...nats.Option) error {
	log := env.Log.With().Str("process", "watcher").Logger()
	conn, err := connect(ctx, cfg.Stream, "odasync-watcher", log, options)
	if err != nil {
		return err
	}
	defer conn.Close()
	env.Health.Ready("nats", conn.Check)
	following := &part[leader]{waiting: "the Kubernetes client is not set up yet"}
	env.Health.Ready("kubernetes", following.check((*leader).check))

	var client *kube.Client
	err = retry(ctx, log, "cannot use the Kubernetes API", func(context.Context) error {
		client, err = kube.NewClient(cfg.Kube, ops.Version())
		return err
	})
	if err != nil {
		return err
	}
	kubeMetrics := kube.NewMetrics(env.Metrics)
	source, err := kube.NewSource(cfg.Kube, client, kubeMetrics, log)
	if err != nil {
		return err
	}
	elector := kube.NewElector(cfg.Kube, client, kubeMetrics, log)
	w := watcher.New(cfg.Watcher, source, refusals(), elector.Fresh, watcher.NewMetrics(env.Metrics), log)
	l := &leader{conn: conn, watcher: w, source: source, elector: elector, cluster: cfg.Watcher.ClusterName, log: log}
	following.set(l)
	l.warnOfMissingPermissions(ctx, client)
	return elector.Run(ctx, l.lead)
}

// leader is what a watcher does while it leads.
type leader struct {
	conn    *stream.Conn
	watcher *watcher.Watcher
	source  *kube.Source
	elector *kube.Elector
	cluster string
	log     zerolog.Logger
}

// lead is one term. The claim on the cluster's name beside the lease keeps two clusters, whose leases know nothing of
// each other, from publishing under one name.
func (l *leader) lead(ctx context.Context) error {
	var components *stream.Log
	held, release := ctx, func(context.Context) error { return nil }
	err := retry(ctx, l.log, "cannot publish yet", func(ctx context.Context) error {
		log, err := l.conn.EnsureLog(ctx)
		if err != nil {
			return err
		}
		claims, err := l.conn.Claims(ctx, "watchers", l.elector.Identity())
		if err != nil {
			return err
		}
		held, release, err = claims.AcquireName(ctx, l.cluster)
		if errors.Is(err, syncer.ErrClaimed) {
			owner, _ := claims.Owner(ctx, l.cluster) // only for the words
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
			l.log.Debug().Err(err).Msg("claim on the cluster's name not released: the server will expire it")
		}
	}()
	return l.watcher.Lead(held, components)
}

// check says what keeps the leader from being up to date; a standby has nothing to be late with.
func (l *leader) check() error {
	if !l.elector.IsLeader() {
		return l.elector.State()
	}
	if err := l.source.State(); err != nil {
		return err
	}
	if !l.watcher.Synced() {
		return errors.New("leading, the first comparison with the stream is not done yet")
	}
	return nil
}

func (l *leader) warnOfMissingPermissions(ctx context.Context, client *kube.Client) {
	missing, err := client.MissingPermissions(ctx)
	if err != nil {
		l.log.Debug().Err(err).Msg("cannot ask for the own permissions")
	}
	for _, rule := range missing {
		l.log.Error().Str("permission", rule).Msg("missing permission")
	}
}

// refusals tells the watcher how the JetStream log says no.
func refusals() watcher.Refusals {
	return watcher.Refusals{
		Superseded: func(err error) (event.Head, bool) {
			var superseded *stream.SupersededError
			if errors.As(err, &superseded) {
				return superseded.Head, true
			}
			return event.Head{}, false
		},
		TooLarge:   stream.ErrTooLarge,
		LogMissing: stream.ErrLogMissing,
	}
}
