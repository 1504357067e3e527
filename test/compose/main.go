package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"odasync/test/procs"
)

// cleanupTimeout limits the cleanup, also after a Ctrl-C.
const cleanupTimeout = 2 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // restores the default effect of the next Ctrl-C
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "compose:", err)
		os.Exit(1)
	}
}

// run is the whole test. It stops everything that it starts before it returns.
func run(ctx context.Context) (err error) {
	root, err := procs.Root()
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return fmt.Errorf("enter the project's folder: %w", err)
	}
	daemon, err := findDaemon(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, daemon.stop()) }()
	images, substitutes, err := provideImages(ctx, daemon)
	defer func() { err = errors.Join(err, removeImages(daemon, substitutes)) }()
	if err != nil {
		return err
	}
	p, err := newProject(ctx, images)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.remove(err != nil)) }()
	if err := scenario(ctx, p); err != nil {
		return err
	}
	say("passed: the registry had every change, and nothing else")
	return nil
}

var started = time.Now()

// say prints a line with the time since the start.
func say(format string, args ...any) {
	fmt.Printf("%5.1fs  %s\n", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
}

// eventually polls until the condition returns no error.
func eventually(ctx context.Context, what string, condition func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, ctx.Err(), err)
		}
	}
}
