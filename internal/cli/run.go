package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/rs/zerolog"
	"github.com/sethvargo/go-envconfig"
	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"odasync/internal/daemon"
	"odasync/internal/embeddednats"
	"odasync/internal/kube"
	"odasync/internal/manifests"
	"odasync/internal/natsconn"
	"odasync/internal/ops"
	"odasync/internal/refregistry"
	"odasync/internal/registry"
	"odasync/internal/stream"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "run watcher and syncer in one process",
		Description: "Without NATS_URL, ctl embeds a NATS server with JetStream and keeps its data in the data directory, and its port from\n" +
			"start to start as long as no other program has it. Without\n" +
			"COMPONENT_REGISTRY_URL, it embeds the reference registry, in memory: after a restart the syncer fills it again from the\n" +
			"stream. The environment variables of watcher and syncer configure everything else; contexts do not.\n\n" +
			"The context " + localContext + " is written and selected, so that ctl in another shell finds what runs here.\n\n" +
			"Examples:\n" +
			"  ctl run\n" +
			"  ctl run --manifests deploy/samples",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data-dir", Value: defaultDataDir(), Usage: "`DIR` for the data of the embedded NATS server",
				DefaultText: "$XDG_DATA_HOME/odasync or ~/.local/share/odasync"},
			// The default is the collector's default address of a registry.
			&cli.StringFlag{Name: "registry-listen", Value: "127.0.0.1:8000", Usage: "`ADDRESS` of the embedded registry"},
			&cli.StringFlag{Name: "registry-api", Usage: "`API` of the embedded registry: v1 or tmf639 (default: COMPONENT_REGISTRY_API, or else v1)"},
			&cli.StringFlag{Name: "manifests", Usage: "read Components from the YAML and JSON files in `DIR` instead of a cluster"},
			&cli.BoolFlag{Name: "no-context", Usage: "do not write and select the context " + localContext},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log what happens; without it only warnings and errors, or as LOG_LEVEL says"},
		},
		Action: run,
	}
}

func defaultDataDir() string {
	if base := os.Getenv("XDG_DATA_HOME"); base != "" {
		return filepath.Join(base, "odasync")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "odasync-data"
	}
	return filepath.Join(home, ".local", "share", "odasync")
}

// running is `ctl run`: what it is configured with, and what it embeds.
type running struct {
	watcher   daemon.WatcherConfig
	syncer    daemon.SyncerConfig
	common    daemon.EnvConfig
	variables envconfig.Lookuper
	manifests string // absolute; empty for a cluster
	data      string // folder of the embedded NATS server; empty without one
	registry  string // API of the embedded registry; empty without one
}

// run starts the embedded servers, then both daemons, and stops them in reverse.
func run(c *cli.Context) (err error) {
	breakPipes()
	r, err := configureRun(c)
	if err != nil {
		return err
	}
	api, err := embeddedAPI(c, r.syncer.Registry)
	if err != nil {
		return err
	}
	checks := daemon.WatcherChecks
	if r.manifests != "" {
		checks = daemon.FolderChecks
	}
	env, serve, err := daemon.NewEnv(r.common, "odasync", c.App.ErrWriter, slices.Concat(checks, daemon.SyncerChecks)...)
	if err != nil {
		return err
	}
	if _, set := r.variables.Lookup("NATS_URL"); !set {
		r.data = c.String("data-dir")
		server, err := embeddednats.Start(r.data, r.previousPort(c))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		r.watcher.Stream.URL, r.syncer.Stream.URL = server.URL(), server.URL()
		if err := r.ensureStream(c.Context); err != nil {
			return err
		}
	}
	embedded, stopEmbedded := context.WithCancel(context.WithoutCancel(c.Context))
	defer stopEmbedded()
	background, embedded := errgroup.WithContext(embedded)
	background.Go(func() error { return serve(embedded) })
	if _, set := r.variables.Lookup("COMPONENT_REGISTRY_URL"); !set {
		listener, err := net.Listen("tcp", c.String("registry-listen"))
		if err != nil {
			return fmt.Errorf("embed the registry: %w: choose another --registry-listen, or set COMPONENT_REGISTRY_URL to use the registry that runs there", err)
		}
		r.registry, r.syncer.Registry.API = api, api
		embeddedRegistry := refregistry.New(refregistry.Config{API: api, APIKey: r.syncer.Registry.APIKey.Reveal()})
		background.Go(func() error { return refregistry.Serve(embedded, listener, embeddedRegistry, env.Log) })
		r.syncer.Registry.URL, r.syncer.Reconcile.StartsEmpty = "http://"+listener.Addr().String(), true
	}
	r.summarize(c, !c.Bool("no-context") && r.writeContext(c))
	err = r.runDaemons(c, embedded, env)
	stopEmbedded()
	return errors.Join(err, background.Wait())
}

// configureRun reads flags and environment, and warns where there is nothing to read Components from.
func configureRun(c *cli.Context) (*running, error) {
	if err := noArgs(c); err != nil {
		return nil, err
	}
	r := new(running)
	var err error
	sections := slices.Concat(r.watcher.Sections(), r.syncer.Sections(), r.common.Sections())
	if r.variables, err = load(c.Context, sections...); err != nil {
		return nil, err
	}
	if _, set := r.variables.Lookup("LOG_LEVEL"); !set && !c.Bool("verbose") {
		r.common.Ops.LogLevel = "WARNING"
	}
	if c.IsSet("manifests") {
		if err := manifests.Check(c.String("manifests")); err != nil {
			return nil, err
		}
		r.manifests, err = filepath.Abs(c.String("manifests"))
		return r, err
	}
	if _, err := kube.NewClient(r.watcher.Kube, ops.Version(), zerolog.Nop()); err != nil {
		note(c, "warning: there is no cluster and no --manifests, nothing will be registered: %v; or give --manifests DIR", err)
	}
	return r, nil
}

// ensureStream creates the stream before the syncer looks for it, as the watcher would.
func (r *running) ensureStream(ctx context.Context) error {
	conn, err := natsconn.Dial(ctx, r.watcher.Stream, "odasync-run", func(error) {})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = stream.EnsureLog(ctx, conn)
	return err
}

// embeddedAPI is the API of the embedded registry.
func embeddedAPI(c *cli.Context, fed registry.Config) (string, error) {
	switch {
	case c.IsSet("registry-api"):
		return c.String("registry-api"), checkRegistryAPI("registry-api", c.String("registry-api"))
	case fed.API == registry.APIAuto:
		return refregistry.V1, nil
	}
	return fed.API, nil
}

// runDaemons runs both daemons until one fails, an embedded server fails, or the command is stopped.
func (r *running) runDaemons(c *cli.Context, embedded context.Context, env daemon.Env) error {
	daemons, ctx := errgroup.WithContext(c.Context)
	daemons.Go(func() error {
		select {
		case <-embedded.Done():
			return context.Cause(embedded)
		case <-ctx.Done():
			return nil
		}
	})
	daemons.Go(func() error {
		if r.manifests != "" {
			return daemon.WatchFolder(ctx, &r.watcher, r.manifests, env)
		}
		return daemon.Watch(ctx, &r.watcher, env)
	})
	daemons.Go(func() error { return daemon.Sync(ctx, &r.syncer, env) })
	if err := daemons.Wait(); c.Context.Err() == nil {
		return err
	}
	return nil // a regular stop
}
