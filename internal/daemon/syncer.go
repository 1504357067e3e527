package daemon

import (
	"context"
	"fmt"
	"time"

	"odasync/internal/config"
	"odasync/internal/registry"
	"odasync/internal/stream"
	"odasync/internal/syncer"
)

// SyncerConfig is the configuration of a syncer process.
type SyncerConfig struct {
	Stream   stream.Config
	Syncer   syncer.Config
	Registry registry.Config
	Shutdown ShutdownConfig
}

// Sections lists the parts for config.Load.
func (c *SyncerConfig) Sections() []config.Section {
	return []config.Section{&c.Stream, &c.Syncer, &c.Registry, &c.Shutdown}
}

// ShutdownConfig bounds an orderly stop.
type ShutdownConfig struct {
	// Timeout is how long what is being applied may take to finish after a stop was asked for.
	Timeout config.Duration `env:"SHUTDOWN_TIMEOUT, default=25s" help:"how long a stopping syncer may finish what it is applying"`
}

// Validate reports every problem at once.
func (c ShutdownConfig) Validate() error {
	if c.Timeout < 0 || time.Duration(c.Timeout) > time.Hour {
		return fmt.Errorf("SHUTDOWN_TIMEOUT is %s: 0 to 1h", c.Timeout)
	}
	return nil
}

// Sync feeds a registry from the stream until the context ends. Whatever is missing at first or fails later is waited
// for.
func Sync(ctx context.Context, cfg *SyncerConfig, env Env) error {
	conn, log, err := connect(ctx, cfg.Stream, stream.ProcessSyncer, env)
	if err != nil {
		return err
	}
	defer conn.Close()
	running := &part[syncer.Syncer]{waiting: "the stream and its consumer are not open yet"}
	env.Health.Ready(checkRegistry, running.check((*syncer.Syncer).Check))

	target := registry.NewV1(cfg.Registry, registry.NewMetrics(env.Metrics), log)
	metrics, backlog := syncer.NewMetrics(env.Metrics), stream.NewBacklogMetrics(env.Metrics)
	owner := identity()
	tell := teller(owner, env)
	stop, err := conn.ServeStatus(stream.ProcessSyncer, func(ctx context.Context) any {
		status := stream.SyncerStatus{
			ProcessStatus: tell(ctx), Target: cfg.Syncer.Target, Registry: cfg.Registry.Address(), Concurrency: cfg.Syncer.Concurrency,
		}
		if s := running.get(); s != nil {
			tellFlow(&status, s.Flow())
		}
		return status
	})
	if err != nil {
		return err
	}
	defer stop()
	return retry(ctx, log, "syncer is not running", func(ctx context.Context) (err error) {
		defer func() { running.lost(err) }()
		components, err := conn.OpenLog(ctx)
		if err != nil {
			return err
		}
		consumer, err := components.EnsureConsumer(ctx, cfg.Syncer.Target, cfg.Registry.Address())
		if err != nil {
			return err
		}
		claims, err := conn.Claims(ctx, "target-"+cfg.Syncer.Target, owner)
		if err != nil {
			return err
		}
		states, err := components.States(ctx, cfg.Syncer.Target)
		if err != nil {
			return err
		}
		letters, err := conn.Letters(ctx, cfg.Syncer.Target)
		if err != nil {
			return err
		}
		backlog.Follow(consumer)
		s := syncer.New(syncer.Ports{
			Deliveries: consumer, Heads: components, Claims: claims, States: states,
			Letters: letters, Registry: target, Probe: target,
		}, cfg.Syncer, syncer.Timing{Heartbeat: stream.AckWait / 3, Grace: time.Duration(cfg.Shutdown.Timeout)}, metrics, log)
		running.set(s)
		env.Health.Live("syncer", func(context.Context) error { return s.Turning() })
		defer env.Health.Live("syncer", func(context.Context) error { return nil }) // between two sessions there is nothing to turn
		log.Info().Str("target", cfg.Syncer.Target).Str("registry", cfg.Registry.Address()).Int("concurrency", cfg.Syncer.Concurrency).Msg("syncing")
		return s.Run(ctx)
	})
}

// tellFlow fills in how messages flow to the registry.
func tellFlow(status *stream.SyncerStatus, flow syncer.Flow) {
	status.Breaker, status.BreakerSince = string(flow.Breaker.State), flow.Breaker.Since
	if flow.Breaker.Reason != nil {
		status.BreakerReason = flow.Breaker.Reason.Error()
	}
	status.InFlight, status.Limit = flow.InFlight, flow.Limit
}
