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
	"text/tabwriter"
	"time"

	"odasync/test/cluster"
	"odasync/test/procs"
)

// patience is far longer than any step takes, even on a slow machine.
const patience = 60 * time.Minute

// settings are the parameters of a run.
type settings struct {
	count, size, limit int
	memoryLimit        string // GOMEMLIMIT of both processes; empty for none
}

func main() {
	var s settings
	flag.IntVar(&s.count, "components", 20_000, "how many `Components` to create")
	flag.IntVar(&s.size, "size", 4096, "the least size of one in `bytes`")
	flag.IntVar(&s.limit, "limit", 96, "the peak memory of each process that is allowed, in `MB`")
	flag.StringVar(&s.memoryLimit, "gomemlimit", "64MiB", "GOMEMLIMIT of both processes, by default what the chart sets; empty for `none`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // gives the second Ctrl-C its usual effect
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	group, end, err := procs.Temporary("odasync-scale")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	large, err := startCluster()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, large.Stop()) }()
	began := time.Now()
	written, err := fill(ctx, large, s.count, s.size)
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	report("%d Components of %.1f KB created in %.0f s, %.0f a second", s.count, float64(written)/float64(s.count)/1024, took, float64(s.count)/took)
	p, err := start(ctx, group, large.Kubeconfig, s)
	if err != nil {
		return err
	}
	phases, err := p.measure(ctx, s.count)
	if err != nil {
		return err
	}
	return conclude(phases, s.limit)
}

// conclude prints the table, and returns an error above the limit.
func conclude(phases []phase, limit int) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "phase\tseconds\twatcher peak MB\twatcher last MB\twatcher CPU %\tsyncer peak MB\tsyncer last MB\tsyncer CPU %\treconciles\trequests each")
	peak := 0.0
	for _, p := range phases {
		_, _ = fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.0f\t%.1f\t%.0f\t%.0f\t%.1f\t%.0f\t%s\n",
			p.name, p.took.Seconds(), p.watcher.peak, p.watcher.last, p.watcher.cpu, p.syncer.peak, p.syncer.last, p.syncer.cpu, p.reconciles, p.each())
		peak = max(peak, p.watcher.peak, p.syncer.peak)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	if peak > float64(limit) {
		return fmt.Errorf("the peak memory of a process is %.0f MB, above the limit of %d MB", peak, limit)
	}
	report("within the limit of %d MB", limit)
	return nil
}

// startCluster serves one version only, since each needs a watch cache of everything, and limits garbage.
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
