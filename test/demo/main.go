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
	context.AfterFunc(ctx, stop)                     // gives the second Ctrl-C its usual effect
	rest.SetDefaultWarningHandler(rest.NoWarnings{}) // of the deprecated version that one sample has
	show := newScreen(os.Stdout)
	err := run(ctx, show, os.Getenv("DEMO_EXIT") != "")
	switch {
	case ctx.Err() != nil:
		show.instead("ended what the demo had started")
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// errMissing says that the registry does not show what it should.
var errMissing = errors.New("something did not arrive in the registry")

// run is the whole demo; everything that it starts has ended when it returns.
func run(ctx context.Context, show *screen, exit bool) (err error) {
	show.line(show.bold("odasync: Components of a Kubernetes cluster, shown in a Component Registry"))
	show.line("")
	p, err := startPipeline(ctx, show)
	defer func() { err = errors.Join(err, p.stop()) }()
	if err != nil {
		return err
	}
	missing, err := scenario(ctx, show, p)
	if err != nil {
		return err
	}
	show.line("")
	if missing {
		show.line(show.red("Not everything arrived.") + " The last words of watcher and syncer:\n")
		show.line(p.watcher.Tail(10))
		show.line(p.syncer.Tail(10))
	} else {
		show.line("Everything arrived; the registry shows what the cluster has.")
	}
	if !exit {
		lookAround(show, p)
		<-ctx.Done()
		show.line("")
	}
	if missing {
		return errMissing
	}
	return nil
}

// lookAround prints commands to copy.
func lookAround(show *screen, p *pipeline) {
	show.line("")
	show.line(show.bold("Look around") + " (Ctrl-C ends everything that was started here)")
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
