package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/rest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)                     // restores the default effect of the next Ctrl-C
	rest.SetDefaultWarningHandler(rest.NoWarnings{}) // about the deprecated version of one sample
	show := newScreen(os.Stdout)
	err := run(ctx, show, os.Getenv("DEMO_EXIT") != "")
	switch {
	case ctx.Err() != nil:
		show.instead("stopped everything that the demo started")
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// errMissing reports that the registry lacks a change.
var errMissing = errors.New("a change did not arrive in the registry")

// run is the whole demo. It stops everything that it starts before it returns.
func run(ctx context.Context, show *screen, exit bool) (err error) {
	show.line(show.bold("odasync: Components of a Kubernetes cluster in a Component Registry"))
	show.line("")
	p, err := startPipeline(ctx, show)
	defer func() { err = errors.Join(err, p.stop()) }()
	if err != nil {
		return err
	}
	arrived, err := scenario(ctx, show, p)
	if err != nil {
		return err
	}
	show.line("")
	if !arrived {
		show.line(show.red("A change did not arrive.") + " The last log lines of watcher and syncer:\n")
		show.line(p.watcher.Tail(10))
		show.line(p.syncer.Tail(10))
	} else {
		show.line("Every change arrived: the registry equals the cluster.")
	}
	if !exit {
		lookAround(show, p)
		<-ctx.Done()
		show.line("")
	}
	if !arrived {
		return errMissing
	}
	return nil
}

// lookAround prints commands to copy.
func lookAround(show *screen, p *pipeline) {
	show.line("")
	show.line(show.bold("Look around") + " (Ctrl-C stops everything that the demo started)")
	show.line("")
	for _, hint := range [][2]string{
		{"the cluster", "export KUBECONFIG=" + p.cluster.Kubeconfig},
		{"", "kubectl get components -A"},
		{"", "kubectl -n components edit component acme-partymanagement"},
		{"the registry", "curl -s '" + p.registryURL + "/components/?limit=1000'"},
		{"", "curl -s " + p.registryURL + "/exposed-apis/"},
		{"", "curl -s " + p.registryURL + "/stats"},
		{"the stream", "nats -s " + p.natsURL + " stream view ODA_COMPONENTS"},
		{"the watcher", "curl -s " + p.monitors["watcher"] + "/readyz " + p.monitors["watcher"] + "/metrics"},
		{"the syncer", "curl -s " + p.monitors["syncer"] + "/readyz " + p.monitors["syncer"] + "/metrics"},
		{"the logs", "tail -f " + p.group.Dir + "/*.log"},
	} {
		show.line(fmt.Sprintf("  %-13s %s", hint[0], hint[1]))
	}
}
