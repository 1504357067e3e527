package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/sethvargo/go-envconfig"
	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"odasync/internal/config"
	"odasync/internal/daemon"
	"odasync/internal/ops"
	"odasync/internal/refregistry"
)

// embeddedRegistry is where the embedded registry listens: the collector's default address of a registry.
const embeddedRegistry = "127.0.0.1:8000"

func runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "run watcher and syncer in one process",
		Description: "Without NATS_URL it embeds a NATS server with JetStream, whose data stands in the data directory.\n" +
			"Without COMPONENT_REGISTRY_URL it embeds the reference registry on port 8000.\n" +
			"Everything else is configured by the environment variables of watcher and syncer.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data-dir", Value: defaultDataDir(), EnvVars: []string{"ODASYNC_DATA_DIR"}, Usage: "`DIR` for what is embedded"},
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

// run starts what is embedded, then both daemons, and stops them in reverse.
func run(c *cli.Context) (err error) {
	if c.Args().Present() {
		return fmt.Errorf("unexpected argument %q: see ctl run --help", c.Args().First())
	}
	var (
		watching daemon.WatcherConfig
		syncing  daemon.SyncerConfig
		watched  ops.Config
	)
	sections := append(append(watching.Sections(), syncing.Sections()...), &watched)
	if err := config.Load(c.Context, envconfig.OsLookuper(), sections...); err != nil {
		return fmt.Errorf("wrong configuration:\n%w", err)
	}
	env, serve, err := daemon.NewEnv(watched, c.App.ErrWriter)
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(c.App.ErrWriter, format+"\n", args...) }

	if _, set := os.LookupEnv("NATS_URL"); !set {
		server, err := startNATS(c.String("data-dir"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.stop()) }()
		watching.Stream.URL, syncing.Stream.URL = server.url(), server.url()
		say("embedded NATS JetStream at %s, data in %s", server.url(), c.String("data-dir"))
	}
	embedded, stopEmbedded := context.WithCancel(context.WithoutCancel(c.Context))
	defer stopEmbedded()
	background, embedded := errgroup.WithContext(embedded)
	background.Go(func() error { return serve(embedded) })
	if _, set := os.LookupEnv("COMPONENT_REGISTRY_URL"); !set {
		listener, err := net.Listen("tcp", embeddedRegistry)
		if err != nil {
			return fmt.Errorf("embed the registry: %w: set COMPONENT_REGISTRY_URL to use the one that runs there", err)
		}
		registry := refregistry.New(refregistry.Config{APIKey: string(syncing.Registry.APIKey)})
		background.Go(func() error { return refregistry.Serve(embedded, listener, registry, env.Log) })
		syncing.Registry.URL = "http://" + embeddedRegistry
		say("embedded reference registry at %s", syncing.Registry.URL)
	}

	work, ctx := errgroup.WithContext(c.Context)
	work.Go(func() error { // what is embedded failed: the daemons do not go on without it
		select {
		case <-embedded.Done():
			return context.Cause(embedded)
		case <-ctx.Done():
			return nil
		}
	})
	work.Go(func() error { return daemon.Watch(ctx, &watching, env) })
	work.Go(func() error { return daemon.Sync(ctx, &syncing, env) })
	err = work.Wait()
	if c.Context.Err() != nil {
		err = nil // asked to stop
	}
	stopEmbedded()
	return errors.Join(err, background.Wait())
}
