// Command devcluster runs a local Kubernetes API server that serves ODA
// Components, for tests and demonstrations. See the README two folders up.
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

	"odasync/test/devcluster/internal/cluster"
)

func main() {
	config, err := parseFlags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		say("%v: see devcluster --help", err)
		os.Exit(2)
	}
	if err := run(config); err != nil {
		say("%v", err)
		os.Exit(1)
	}
}

func run(config cluster.Config) (err error) {
	// Signals are caught before anything is made that they would leave behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, restarts := restartSignals(ctx)

	if config.Dir == "" {
		config.Dir, err = os.MkdirTemp("", "devcluster-")
		if err != nil {
			return fmt.Errorf("make data folder: %w", err)
		}
		defer os.RemoveAll(config.Dir)
	} else if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	if config.Kubeconfig == "" {
		config.Kubeconfig = filepath.Join(config.Dir, "kubeconfig")
	}
	instance, err := cluster.New(config, say)
	if err != nil {
		return err
	}
	return instance.Run(ctx, restarts, func(info cluster.Info) {
		fmt.Println(info.Kubeconfig)
	})
}

// say shows the progress.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "devcluster: "+format+"\n", args...)
}
