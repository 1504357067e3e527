package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"odasync/test/devcluster/internal/cluster"
)

// restartSignals turns SIGHUP into a restart of the API server and SIGUSR1 into
// one with a compaction of etcd. The SIGHUP of a closed terminal, though, means
// to stop: it ends the returned context.
func restartSignals(ctx context.Context) (context.Context, <-chan cluster.Restart) {
	ctx, cancel := context.WithCancel(ctx)
	// A reader that has gone, of a pipe or a log, is no reason to end.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// Under nohup the terminal may go.
	hadTerminal := hasTerminal() && !signal.Ignored(syscall.SIGHUP)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1)
	restarts := make(chan cluster.Restart, 4)
	go func() {
		for s := range signals {
			if s == syscall.SIGHUP && hadTerminal && !hasTerminal() {
				cancel()
				return
			}
			restarts <- cluster.Restart{Compact: s == syscall.SIGUSR1}
		}
	}()
	return ctx, restarts
}

func hasTerminal() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	terminal.Close()
	return true
}
