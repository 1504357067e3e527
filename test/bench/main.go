package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type options struct {
	rounds, components int
	baseline           string
	settings           []string
	aged               bool
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "`times` to measure everything")
	flag.IntVar(&o.components, "components", 8000, "`components` of one measurement")
	flag.StringVar(&o.baseline, "baseline", "", "`folder` with the programs of another version, measured in the same run")
	settings := flag.String("settings", strings.Join(names(), ","), "what to measure, with commas")
	flag.BoolVar(&o.aged, "aged", false, "fill the stream with messages that have waited, as after an outage; without it they are new")
	serve := flag.Bool("serve", false, "internal: be the registry")
	delay := flag.Duration("delay", 0, "internal: the registry's time for a request")
	plain := flag.String("plain", "", "internal: be the plain client of this registry")
	workers := flag.Int("workers", 0, "internal: its concurrency")
	flag.Parse()
	o.settings = strings.Split(*settings, ",")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // gives the second Ctrl-C its usual effect
	var err error
	switch {
	case *serve:
		err = serveRegistry(ctx, *delay)
	case *plain != "":
		err = runPlain(ctx, *plain, *workers, o.components)
	default:
		err = run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o options) validate() error {
	var problems []error
	if o.rounds < 1 {
		problems = append(problems, errors.New("-rounds: at least 1"))
	}
	if o.components < 100 {
		problems = append(problems, errors.New("-components: at least 100, or nothing is measured but the start"))
	}
	for _, name := range o.settings {
		if _, found := find(name); !found {
			problems = append(problems, fmt.Errorf("-settings: %q is none of %s", name, strings.Join(names(), ", ")))
		}
	}
	if o.baseline != "" {
		if _, err := os.Stat(filepath.Join(o.baseline, "syncer")); err != nil {
			problems = append(problems, fmt.Errorf("-baseline: %w: build the programs of the other version into this folder", err))
		}
	}
	return errors.Join(problems...)
}

// patience is far longer than a measurement takes, even on a slow machine.
const patience = 10 * time.Minute
