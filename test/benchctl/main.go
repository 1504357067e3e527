package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"odasync/test/procs"
)

// patience is far longer than any step takes, even on a slow machine.
const patience = 10 * time.Minute

// commands are what is measured.
var commands = []string{
	"version --client", "list", "list -o json", "list --state failed", "apis", "apis TMF620 v4", "status", "diff --no-cluster", "describe bench-0042", "why bench-0042", "trace bench-0042", "events bench-0042",
}

// options are the parameters of a run.
type options struct{ components, rounds int }

func main() {
	var o options
	flag.IntVar(&o.components, "components", 2000, "how many `components` there are")
	flag.IntVar(&o.rounds, "rounds", 10, "how often each command is run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // gives the second Ctrl-C its usual effect
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchctl:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	group, end, err := procs.Temporary("odasync-benchctl")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	b := &bench{group: group, options: o}
	if err := b.start(ctx, filepath.Join(group.Dir, "components")); err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "command\tmedian ms\tfastest ms\tslowest ms\tCPU ms")
	for _, line := range commands {
		took, cpu, err := b.measure(ctx, line)
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "ctl %s\t%d\t%d\t%d\t%d\n", line, took[len(took)/2].Milliseconds(), took[0].Milliseconds(), took[len(took)-1].Milliseconds(), cpu.Milliseconds())
	}
	return table.Flush()
}

// bench is a pipeline and the commands that are run on it.
type bench struct {
	options
	group *procs.Group
	env   map[string]string // of ctl
}

// start starts the pipeline and waits until every component is in sync.
func (b *bench) start(ctx context.Context, manifests string) error {
	if err := os.Mkdir(manifests, 0o700); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	for i := range b.components {
		file := filepath.Join(manifests, fmt.Sprintf("%04d.yaml", i))
		if err := os.WriteFile(file, []byte(manifest(i)), 0o600); err != nil {
			return fmt.Errorf("write a manifest: %w", err)
		}
	}
	_, nats, err := b.group.NATS(ctx, "nats", 0)
	if err != nil {
		return err
	}
	_, registry, err := b.group.Registry(ctx, "registry", 0)
	if err != nil {
		return err
	}
	b.env = map[string]string{"NATS_URL": nats, "COMPONENT_REGISTRY_URL": registry, "KUBERNETES_NAMESPACE": "all", "XDG_CONFIG_HOME": b.group.DataDir("config")}
	run := procs.Run("run", b.group.DataDir("run"), "127.0.0.1:0", b.env)
	run.Args = append(run.Args, "--manifests", manifests)
	pipeline, err := b.group.Start(run)
	if err != nil {
		return err
	}
	want := fmt.Sprintf("components: %d synced", b.components)
	for {
		printed, _, err := b.ctl(ctx, "status")
		switch {
		case err == nil && strings.Contains(printed, want):
			return nil
		case !pipeline.Running():
			return fmt.Errorf("ctl run has ended:\n%s", pipeline.Tail(20))
		}
		if err := procs.Pause(ctx, time.Second); err != nil {
			return fmt.Errorf("wait for %q: %w:\n%s", want, err, printed)
		}
	}
}

// measure returns how long the command takes, sorted, and its CPU time, which depends less on what else the machine does.
func (b *bench) measure(ctx context.Context, line string) (took []time.Duration, cpu time.Duration, err error) {
	for range b.rounds {
		began := time.Now()
		printed, used, err := b.ctl(ctx, strings.Fields(line)...)
		if err != nil {
			return nil, 0, fmt.Errorf("ctl %s: %w:\n%s", line, err, printed)
		}
		took, cpu = append(took, time.Since(began)), cpu+used
	}
	slices.Sort(took)
	return took, cpu / time.Duration(b.rounds), nil
}

// ctl runs a command to its end and returns what it printed and its CPU time. Another exit code than 0 is an error.
func (b *bench) ctl(ctx context.Context, args ...string) (printed string, cpu time.Duration, err error) {
	bin, err := procs.BinDir()
	if err != nil {
		return "", 0, err
	}
	command := exec.CommandContext(ctx, filepath.Join(bin, "ctl"), args...)
	for name, value := range b.env {
		command.Env = append(command.Env, name+"="+value)
	}
	command.Dir = b.group.Dir // without a .env
	output, err := command.CombinedOutput()
	if command.ProcessState != nil {
		cpu = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	}
	return string(output), cpu, err
}

// manifest is the i-th Component: three APIs with their status, as a Canvas would write it.
func manifest(i int) string {
	name := fmt.Sprintf("bench-%04d", i)
	var entries, states strings.Builder
	for _, api := range [][2]string{{"productcatalogmanagement", "TMF620-ProductCatalog"}, {"promotionmanagement", "TMF671-Promotion"}, {"productinventory", "TMF637-ProductInventory"}} {
		path := "/" + name + "/tmf-api/" + api[0] + "/v4"
		fmt.Fprintf(&entries, "    - {name: %s, apiType: openapi, implementation: %s-api, path: %s, port: 8080, specification: [{url: 'https://specs.example.org/%s-v4.0.0.json'}]}\n", api[0], name, path, api[1])
		fmt.Fprintf(&states, "  - {name: %s-%s, ready: true, url: 'https://oda.example.org%s'}\n", name, api[0], path)
	}
	return fmt.Sprintf("apiVersion: oda.tmforum.org/v1\nkind: Component\nmetadata:\n  namespace: ns-%d\n  name: %s\n  labels: {team: team-%d}\n"+
		"spec:\n  componentMetadata: {id: TMFC001, name: productcatalogmanagement, version: 1.0.0, functionalBlock: CoreCommerce, description: A component}\n"+
		"  coreFunction:\n    exposedAPIs:\n%sstatus:\n  summary/status: {deployment_status: Complete}\n  coreAPIs:\n%s", i%10, name, i%7, entries.String(), states.String())
}
