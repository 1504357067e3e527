package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"odasync/test/cluster"
	"odasync/test/procs"
)

// patience is far above what anything here takes; a slow machine is not a fault.
const patience = 30 * time.Minute

func main() {
	count := flag.Int("components", 100_000, "how many `Components` to create")
	size := flag.Int("size", 4096, "the size of one in `bytes`")
	limit := flag.Int("limit", 150, "the watcher's peak memory that is allowed, in `MB`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // gives the second Ctrl-C its usual effect
	if err := run(ctx, *count, *size, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, count, size, limit int) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir, err := os.MkdirTemp("", "odasync-scale-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	group, err := procs.NewGroup(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, group.Stop()) }()
	large, err := startCluster()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, large.Stop()) }()
	_, natsURL, err := group.NATS(ctx, "nats", 0)
	if err != nil {
		return err
	}

	began := time.Now()
	written, err := fill(ctx, large, count, size)
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	report("%d Components of %.1f KB created in %.0f s, %.0f a second", count, float64(written)/float64(count)/1024, took, float64(count)/took)

	watcher := procs.Watcher("watcher", map[string]string{
		"KUBECONFIG": large.Kubeconfig, "KUBERNETES_NAMESPACE": "all", "LEASE_NAMESPACE": "canvas",
		"CLUSTER_NAME": "scale", "NATS_URL": natsURL,
	})
	peak := 0.0
	for _, start := range []struct{ name, metric string }{
		{"first sync", `odasync_events_published_total{type="upserted"}`},
		{"restart with nothing new", "odasync_events_suppressed_total"},
	} {
		used, took, err := measure(ctx, group, watcher, start.metric, float64(count))
		if err != nil {
			return fmt.Errorf("%s: %w", start.name, err)
		}
		report("%s: %.1f s, peak memory of the watcher %.0f MB", start.name, took.Seconds(), used)
		peak = max(peak, used)
	}
	if peak > float64(limit) {
		return fmt.Errorf("the watcher's peak memory is %.0f MB, above the limit of %d MB", peak, limit)
	}
	report("within the limit of %d MB", limit)
	return nil
}

// startCluster serves one version only, each costs the API server a cache of everything, and keeps its garbage small.
func startCluster() (*cluster.Cluster, error) {
	bin, err := procs.BinDir()
	if err != nil {
		return nil, err
	}
	settings := map[string]string{"GOGC": "50"}
	if os.Getenv("DEVCLUSTER_BIN") == "" {
		settings["DEVCLUSTER_BIN"] = filepath.Join(bin, "devcluster")
	}
	for name, value := range settings {
		if err := os.Setenv(name, value); err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	return cluster.Run("--versions=v1")
}

func report(format string, values ...any) { fmt.Printf(format+"\n", values...) }
