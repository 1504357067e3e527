package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"odasync/internal/control"
	"odasync/internal/kube"
	"odasync/internal/natsconn"
	"odasync/internal/ops"
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/target"
	"odasync/internal/watcher"
)

// Report is what `ctl test` prints. The shape is stable; see docs/api.md.
type Report struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Check is one line of a report.
type Check struct {
	Name string `json:"name"`
	// Status is ok, failed, or skipped after the failure of another check that it depends on.
	Status string `json:"status"`
	// Detail is the result, or the error of a failed check.
	Detail string `json:"detail"`
	// Hint is the remedy for a failure; empty otherwise.
	Hint string `json:"hint"`
	// Milliseconds is the duration of the check.
	Milliseconds int64 `json:"milliseconds"`
}

// The values of Check.Status.
const (
	checkOK      = "ok"
	checkFailed  = "failed"
	checkSkipped = "skipped"
)

// The checks of the connections, on which the others depend.
const (
	checkKubernetes = "kubernetes"
	checkNATS       = "nats"
	checkRegistry   = "registry"
	checkAuth       = "registry auth"

	checkNamespaces = "kubernetes namespaces"
)

func testCommand() *cli.Command {
	return &cli.Command{
		Name:  "test",
		Usage: "check the connections to Kubernetes, NATS and the registry",
		Description: "Lists every check with its result: connections, permissions, the CRD, JetStream, the stream, and the registry's API\n" +
			"and key. Prints a remedy for each failing check.\n\n" +
			"Exit code 1: a check fails. 2: Kubernetes, NATS or the registry cannot be reached, or refuses the credentials.\n\n" +
			"Examples:\n" +
			"  ctl test\n" +
			"  ctl test -o jsonpath='{.ok}'",
		Flags: []cli.Flag{outputFlag("table", "json", "yaml"), timeoutFlag(10 * time.Second)},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			examiner := &examiner{timeout: c.Duration("timeout")}
			if err := examiner.examine(c.Context); err != nil {
				return err
			}
			return printReport(c, examiner.report())
		},
	}
}

// examiner runs checks one by one.
type examiner struct {
	timeout time.Duration
	checks  []Check
}

// check runs a check and reports whether it succeeded. The hint is the remedy for a failure.
func (e *examiner) check(ctx context.Context, name, hint string, run func(context.Context) (detail string, err error)) bool {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	started := time.Now()
	detail, err := run(ctx)
	c := Check{Name: name, Status: checkOK, Detail: detail, Milliseconds: time.Since(started).Milliseconds()}
	if err != nil {
		c.Status, c.Detail, c.Hint = checkFailed, err.Error(), hint
	}
	e.checks = append(e.checks, c)
	return err == nil
}

// skip adds checks that are not run after the failure of another one.
func (e *examiner) skip(reason string, names ...string) {
	for _, name := range names {
		e.checks = append(e.checks, Check{Name: name, Status: checkSkipped, Detail: reason})
	}
}

func (e *examiner) report() Report {
	r := Report{OK: true, Checks: e.checks}
	for _, c := range e.checks {
		r.OK = r.OK && c.Status == checkOK
	}
	return r
}

func printReport(c *cli.Context, r Report) error {
	done, err := printAs(c.App.Writer, c.String("output"), r)
	if err == nil && !done {
		rows := make([][]string, len(r.Checks))
		for i, check := range r.Checks {
			rows[i] = []string{check.Name, check.Status, check.Detail}
		}
		err = table(c, []string{"CHECK", "STATUS", "DETAIL"}, rows)
		for _, check := range r.Checks {
			if check.Hint != "" {
				note(c, "%s: %s", check.Name, check.Hint)
			}
		}
	}
	if err != nil || r.OK {
		return err
	}
	for _, check := range r.Checks {
		if check.Status == checkFailed && slices.Contains([]string{checkKubernetes, checkNATS, checkRegistry, checkAuth}, check.Name) {
			return errUnreachable
		}
	}
	return errNegative
}

// examine runs every check of the configuration in the environment.
func (e *examiner) examine(ctx context.Context) error {
	var (
		cluster kube.Config
		broker  natsconn.Config
		target  registry.Config
		watched watcher.Config
		fed     syncer.Config
	)
	if _, err := load(ctx, &cluster, &broker, &target, &watched, &fed); err != nil {
		return err
	}
	e.examineKubernetes(ctx, cluster)
	e.examineNATS(ctx, broker, watched.ClusterName, fed.Target)
	e.examineRegistry(ctx, target)
	return nil
}

func (e *examiner) examineKubernetes(ctx context.Context, cfg kube.Config) {
	const reachable, crd, permissions = checkKubernetes, "kubernetes crd", "kubernetes permissions"
	var client *kube.Client
	ok := e.check(ctx, reachable, remedyCluster, func(ctx context.Context) (string, error) {
		var err error
		if client, err = kube.NewClient(cfg, ops.Version(), zerolog.Nop()); err != nil {
			return "", err
		}
		version, err := client.ServerVersion(ctx)
		if err != nil {
			return "", clusterError(client, err)
		}
		return fmt.Sprintf("%s, version %s", client.Server(), version), nil
	})
	if !ok {
		e.skip("Kubernetes is not reachable", crd, checkNamespaces, permissions)
		return
	}
	e.check(ctx, crd, "follow the detail", func(ctx context.Context) (string, error) {
		version, err := client.ServedVersion(ctx)
		return "reading version " + version, err
	})
	e.examineNamespaces(ctx, client)
	var granted []kube.Permission
	e.check(ctx, permissions, "grant the user access to its own permissions (ClusterRole system:basic-user)", func(ctx context.Context) (string, error) {
		var err error
		if granted, err = client.Permissions(ctx); err != nil {
			granted = nil
			return "", err
		}
		missing := 0
		for _, p := range granted {
			if !p.Granted {
				missing++
			}
		}
		if missing > 0 {
			return "", fmt.Errorf("%d of %d are not granted", missing, len(granted))
		}
		return fmt.Sprintf("all %d granted", len(granted)), nil
	})
	for _, p := range granted {
		e.check(ctx, "kubernetes permission: "+p.Rule, p.Remedy, func(context.Context) (string, error) {
			if !p.Granted {
				return "", errors.New("not granted")
			}
			return "granted", nil
		})
	}
}

func (e *examiner) examineNATS(ctx context.Context, cfg natsconn.Config, cluster, fed string) {
	const reachable, jetstream, topology, writers = checkNATS, "nats jetstream", "nats topology", "registry writers"
	ctx, cancel := withAbort(ctx) // ends the checks of NATS alone
	defer cancel()
	var conn *natsconn.Conn
	ok := e.check(ctx, reachable, "check NATS_URL, NATS_USER, NATS_PASSWORD, NATS_CREDS and the NATS_TLS_* files, and that the server is running", func(ctx context.Context) (string, error) {
		var err error
		if conn, err = natsconn.Dial(ctx, cfg, ctlName, abort(ctx)); err != nil {
			return "", err
		}
		return conn.Server(), nil
	})
	if !ok {
		e.skip("NATS is not reachable", jetstream, topology, writers)
		return
	}
	defer conn.Close()
	if !e.check(ctx, jetstream, "start nats-server 2.11 or newer with -js and enable JetStream for the account", func(ctx context.Context) (string, error) {
		return "available", abortCause(ctx, conn.Check(ctx))
	}) {
		e.skip("JetStream is not available", topology, writers)
		return
	}
	created := e.check(ctx, topology, "start the watcher, which creates the stream, or follow the detail", func(ctx context.Context) (string, error) {
		log, err := stream.OpenLog(ctx, conn)
		if err != nil {
			return "", abortCause(ctx, err)
		}
		messages, err := log.Messages(ctx)
		return fmt.Sprintf("stream %s, %d messages", stream.StreamName, messages), abortCause(ctx, err)
	})
	if !created {
		e.skip("the stream is not usable", writers)
		return
	}
	e.check(ctx, writers, target.SecondWriter, func(ctx context.Context) (string, error) {
		last, err := lastReconcile(ctx, conn, fed, cluster)
		switch {
		case err != nil:
			return "", abortCause(ctx, err)
		case last == nil:
			return "no reconcile yet", nil
		case last.Overwritten > 0:
			return "", fmt.Errorf("the last reconcile found %d entries that another program had written over", last.Overwritten)
		}
		return "the last reconcile found no other writer", nil
	})
	e.examineManifests(ctx, conn, cluster)
}

// examineManifests has a check for each folder that a watcher of the cluster reads instead of a cluster.
func (e *examiner) examineManifests(ctx context.Context, conn *natsconn.Conn, cluster string) {
	watchers, err := control.NewClient(conn.NATS()).Watchers(ctx)
	if err != nil {
		return // ctl status reports it
	}
	for _, w := range watchers {
		if w.Cluster != cluster || w.Manifests == "" {
			continue
		}
		e.check(ctx, "manifests", "correct or remove the files: `ctl status` lists them all", func(context.Context) (string, error) {
			if count := len(w.Unreadable); count > 0 {
				return "", fmt.Errorf("%d %s of %s cannot be read, such as %s: %s", count, plural(count, "file"), w.Manifests, w.Unreadable[0].Path, w.Unreadable[0].Problem)
			}
			return w.Manifests + " is read completely", nil
		})
	}
}

func (e *examiner) examineRegistry(ctx context.Context, cfg registry.Config) {
	const reachable, api, auth, contract = checkRegistry, "registry api", checkAuth, "registry contract"
	var opened adapter.Adapter
	defer func() {
		if opened != nil {
			opened.Close()
		}
	}()
	if !e.check(ctx, reachable, remedyRegistry, func(ctx context.Context) (string, error) {
		var err error
		if opened, err = adapter.Open(ctx, cfg, prometheus.NewRegistry(), zerolog.Nop()); err != nil {
			return "", err
		}
		if err := opened.Health(ctx); err != nil {
			return "", fmt.Errorf("%s: %w", cfg.Address(), err)
		}
		return cfg.Address(), nil
	}) {
		e.skip("the registry is not reachable", api, auth, contract)
		return
	}
	if !e.check(ctx, api, "set COMPONENT_REGISTRY_API to auto, or to the API of the service", func(ctx context.Context) (string, error) {
		return examineAPI(ctx, cfg, opened.API())
	}) {
		e.skip("the registry has another API", auth, contract)
		return
	}
	err := errors.New("not checked")
	accepted := e.check(ctx, auth, remedyRegistryKey, func(ctx context.Context) (string, error) {
		err = opened.Contract(ctx)
		if rejectsCredentials(err) {
			return "", err
		}
		return "accepted", nil
	})
	if !accepted {
		e.skip("the registry rejects the credentials", contract)
		return
	}
	e.check(ctx, contract, "set COMPONENT_REGISTRY_URL to the base address of a Component Registry with the API "+opened.API(), func(context.Context) (string, error) {
		return "every collection follows " + opened.API(), err
	})
}

// examineAPI compares what the service says of itself with the API that is used.
func examineAPI(ctx context.Context, cfg registry.Config, used string) (detail string, err error) {
	found, err := adapter.Recognise(ctx, cfg)
	switch {
	case err != nil: // the API was set, else the registry would not be open
		return fmt.Sprintf("%s, as set; the service is not recognised", used), nil
	case found.API != used:
		return "", fmt.Errorf("the service is a %s registry named %q, COMPONENT_REGISTRY_API is %s", found.API, found.Name, used)
	case found.Version != "":
		return fmt.Sprintf("%s, version %s, named %q", found.API, found.Version, found.Name), nil
	}
	return fmt.Sprintf("%s, named %q", found.API, found.Name), nil
}
