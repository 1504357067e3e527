package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"golang.org/x/sync/errgroup"

	"odasync/internal/config"
	"odasync/internal/ops"
)

// Program runs a daemon's main and returns its exit code: 0 after a stop by signal, 2 for a wrong configuration or
// wrong use, 1 for anything else. The first SIGINT or SIGTERM stops it in order, the second at once.
func Program(name, purpose string, run func(context.Context) error) int {
	for _, arg := range os.Args[1:] {
		switch arg {
		case "--version", "-v", "version":
			fmt.Println(name, ops.BuildInfo())
			return 0
		case "--help", "-h", "help":
			fmt.Printf("%s: %s\n\nIt is configured by environment variables; the README lists them.\n", name, purpose)
			return 0
		default:
			fmt.Fprintf(os.Stderr, "%s: unknown argument %q: it takes --version and --help, and environment variables\n", name, arg)
			return 2
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // gives the second signal its usual effect
	err := run(ctx)
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return 0
	case errors.As(err, new(*configError)):
		fmt.Fprintf(os.Stderr, "%s: wrong configuration:\n%v\n", name, err)
		return 2
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	return 1
}

// configError is an error of the configuration.
type configError struct{ error }

func (e *configError) Unwrap() error { return e.error }

// load fills the sections from the environment and .env.
func load(ctx context.Context, sections ...config.Section) error {
	variables, err := config.Environment()
	if err == nil {
		err = config.Load(ctx, variables, sections...)
	}
	if err != nil {
		return &configError{err}
	}
	return nil
}

// RunWatcher runs the watcher process.
func RunWatcher(ctx context.Context) error {
	var cfg WatcherConfig
	return runDaemon(ctx, "odasync-watcher", cfg.Sections(), WatcherChecks, func(ctx context.Context, env Env) error { return Watch(ctx, &cfg, env) })
}

// RunSyncer runs the syncer process.
func RunSyncer(ctx context.Context) error {
	var cfg SyncerConfig
	return runDaemon(ctx, "odasync-syncer", cfg.Sections(), SyncerChecks, func(ctx context.Context, env Env) error { return Sync(ctx, &cfg, env) })
}

// gcPercent is the GOGC of a process whose memory is bounded.
const gcPercent = 300

// relaxGC has garbage collected less often than by default, which costs a tenth of the CPU under load, where GOMEMLIMIT bounds
// the memory and GOGC is unset.
func relaxGC() {
	_, chosen := os.LookupEnv("GOGC")
	if debug.SetMemoryLimit(-1) < math.MaxInt64 && !chosen {
		debug.SetGCPercent(gcPercent)
	}
}

// runDaemon runs the work, and serves metrics and health until it has ended.
func runDaemon(ctx context.Context, name string, sections []config.Section, checks []string, work func(context.Context, Env) error) error {
	var cfg EnvConfig
	if err := load(ctx, append(sections, cfg.Sections()...)...); err != nil {
		return err
	}
	relaxGC()
	env, serve, err := NewEnv(cfg, name, os.Stderr, checks...)
	if err != nil {
		return err
	}
	env.Log.Info().Str("version", ops.Version()).Msg("starting")
	group, serving := errgroup.WithContext(context.WithoutCancel(ctx))
	serving, stop := context.WithCancel(serving)
	group.Go(func() error { return serve(serving) })
	group.Go(func() error {
		defer stop()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(serving, cancel)() // no work without metrics and health
		return work(ctx, env)
	})
	err = group.Wait()
	env.Log.Info().Msg("stopped")
	return err
}
