package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"odasync/internal/daemon"
	"odasync/internal/manifests"
	"odasync/internal/refregistry"
	"odasync/internal/registry"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "run watcher and syncer in one process",
		Description: "Without NATS_URL, ctl embeds a NATS server with JetStream and keeps its data in the data directory. Without\n" +
			"COMPONENT_REGISTRY_URL, it embeds the reference registry, in memory: after a restart the syncer fills it again from the\n" +
			"stream. The environment variables of watcher and syncer configure everything else.\n\n" +
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

// run starts the embedded servers, then both daemons, and stops them in reverse.
func run(c *cli.Context) (err error) {
	if err := noArgs(c); err != nil {
		return err
	}
	var (
		watcher daemon.WatcherConfig
		syncer  daemon.SyncerConfig
		common  daemon.EnvConfig
	)
	variables, err := load(c.Context, slices.Concat(watcher.Sections(), syncer.Sections(), common.Sections())...)
	if err != nil {
		return err
	}
	api, err := embeddedAPI(c, syncer.Registry)
	if err != nil {
		return err
	}
	checks := daemon.WatcherChecks
	if c.IsSet("manifests") {
		checks = daemon.FolderChecks
		if err := manifests.Check(c.String("manifests")); err != nil {
			return err
		}
	}
	env, serve, err := daemon.NewEnv(common, "odasync", c.App.ErrWriter, slices.Concat(checks, daemon.SyncerChecks)...)
	if err != nil {
		return err
	}
	if _, set := variables.Lookup("NATS_URL"); !set {
		server, err := startNATS(c.String("data-dir"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.stop()) }()
		watcher.Stream.URL, syncer.Stream.URL = server.url(), server.url()
		note(c, "embedded NATS JetStream at %s, data in %s", server.url(), c.String("data-dir"))
		note(c, "to use ctl in another shell: export NATS_URL=%s", server.url())
	}
	embedded, stopEmbedded := context.WithCancel(context.WithoutCancel(c.Context))
	defer stopEmbedded()
	background, embedded := errgroup.WithContext(embedded)
	background.Go(func() error { return serve(embedded) })
	if _, set := variables.Lookup("COMPONENT_REGISTRY_URL"); !set {
		listener, err := net.Listen("tcp", c.String("registry-listen"))
		if err != nil {
			return fmt.Errorf("embed the registry: %w: choose another --registry-listen, or set COMPONENT_REGISTRY_URL to use the registry that runs there", err)
		}
		syncer.Registry.API = api
		embeddedRegistry := refregistry.New(refregistry.Config{API: api, APIKey: syncer.Registry.APIKey.Reveal()})
		background.Go(func() error { return refregistry.Serve(embedded, listener, embeddedRegistry, env.Log) })
		syncer.Registry.URL, syncer.Reconcile.StartsEmpty = "http://"+listener.Addr().String(), true
		note(c, "embedded reference registry at %s (%s), content in memory", syncer.Registry.URL, api)
	}
	err = runDaemons(c, embedded, &watcher, &syncer, env)
	stopEmbedded()
	return errors.Join(err, background.Wait())
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
func runDaemons(c *cli.Context, embedded context.Context, watcher *daemon.WatcherConfig, syncer *daemon.SyncerConfig, env daemon.Env) error {
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
		if c.IsSet("manifests") {
			return daemon.WatchFolder(ctx, watcher, c.String("manifests"), env)
		}
		return daemon.Watch(ctx, watcher, env)
	})
	daemons.Go(func() error { return daemon.Sync(ctx, syncer, env) })
	if err := daemons.Wait(); c.Context.Err() == nil {
		return err
	}
	return nil // a regular stop
}

// embeddedNATS is a NATS server in this process, on a free loopback port that other tools can use.
type embeddedNATS struct {
	server *server.Server
	lock   *os.File
}

// startNATS starts the server with its data under dir, which one process at a time can use.
func startNATS(dir string) (*embeddedNATS, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("embed NATS: %w: choose another --data-dir", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("embed NATS: %w: choose another --data-dir", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close() // nothing was written
		return nil, fmt.Errorf("embed NATS: another process uses %s: stop it or choose another --data-dir", dir)
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "odasync", Host: "127.0.0.1", Port: server.RANDOM_PORT,
		JetStream: true, StoreDir: filepath.Join(dir, "nats"), NoSigs: true,
	})
	if err != nil {
		_ = lock.Close() // nothing was written
		return nil, fmt.Errorf("embed NATS: %w", err)
	}
	e := &embeddedNATS{server: s, lock: lock}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		_ = e.stop() // the error below is the cause
		return nil, fmt.Errorf("embed NATS: the server did not start: check the files in %s", dir)
	}
	return e, nil
}

func (e *embeddedNATS) url() string { return e.server.ClientURL() }

// stop ends the server when everything it accepted is on disk.
func (e *embeddedNATS) stop() error {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	if err := e.lock.Close(); err != nil {
		return fmt.Errorf("release the data directory: %w", err)
	}
	return nil
}
