package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/check"
	"odasync/internal/flow"
	"odasync/internal/ops"
	"odasync/internal/syncer"
	"odasync/internal/watcher"
)

// testInterval is the time between two reports of --wait.
const testInterval = time.Second

func testCommand() *cli.Command {
	return &cli.Command{
		Name:    "test",
		Aliases: []string{"check"},
		Usage:   "check the connections to Kubernetes, NATS and the registry",
		Description: "Lists every check with its result: connections, permissions, the CRD, JetStream, the settings of the stream, clocks, the\n" +
			"registry's API and key, and other writers. Prints the reason and a remedy below each failing check.\n\n" +
			"Exit code 1: a check fails. 2: Kubernetes, NATS or the registry cannot be reached, or refuses the credentials.\n\n" +
			"Examples:\n" +
			"  ctl test\n" +
			"  ctl test --wait 60s\n" +
			"  ctl test -o jsonpath='{.ok}'",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "wait", Usage: "repeat for up to this `DURATION`, until every check passes"},
			outputFlag("table", "json", "yaml"), timeoutFlag(10 * time.Second),
		},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			report, err := runChecks(c)
			if err != nil {
				return err
			}
			return printReport(c, report)
		},
	}
}

// runChecks runs all checks, with --wait until they pass or the time is over.
func runChecks(c *cli.Context) (check.Report, error) {
	cfg, err := checkConfig(c)
	if err != nil {
		return check.Report{}, err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("wait"))
	defer cancel()
	waiting := ""
	for {
		report := check.Run(c.Context, cfg)
		if report.OK || ctx.Err() != nil {
			return report, c.Context.Err()
		}
		if now := failed(report); now != waiting {
			note(c, "waiting for: %s", now)
			waiting = now
		}
		if flow.Sleep(ctx, testInterval) != nil && c.Context.Err() == nil {
			return check.Run(c.Context, cfg), nil
		}
	}
}

// failed names the failing checks.
func failed(r check.Report) string {
	var names []string
	for _, one := range r.Checks {
		if one.Status == check.Failed {
			names = append(names, one.Name)
		}
	}
	return strings.Join(names, ", ")
}

func checkConfig(c *cli.Context) (check.Config, error) {
	cfg := check.Config{Client: ctlName, Timeout: c.Duration("timeout")}
	var (
		watched watcher.Config
		fed     syncer.Config
	)
	variables, err := load(c.Context, &cfg.Kube, &cfg.Stream, &cfg.Registry, &watched, &fed)
	if err != nil {
		return cfg, err
	}
	cfg.Cluster, cfg.Target = watched.ClusterName, fed.Target
	set := func(name string) bool { _, set := variables.Lookup(name); return set }
	cfg.Settings.History, cfg.Settings.MaxBytes, cfg.Settings.Replicas = set("STREAM_HISTORY"), set("STREAM_MAX_BYTES"), set("STREAM_REPLICAS")
	return cfg, nil
}

func printReport(c *cli.Context, r check.Report) error {
	done, err := printAs(c.App.Writer, c.String("output"), r)
	if err == nil && !done {
		err = printChecks(c, r)
	}
	switch {
	case err != nil || r.OK:
		return err
	case r.Unreachable():
		return errUnreachable
	}
	return errNegative
}

// printChecks prints a line for each check in its group. Single permissions are shown only where they are missing.
func printChecks(c *cli.Context, r check.Report) error {
	p, marks := newPrinter(c), map[string]string{check.OK: "ok", check.Failed: "FAIL", check.Skipped: "-"}
	if ops.IsTerminal(c.App.Writer) {
		marks[check.OK], marks[check.Failed] = "✓", "✗"
	}
	for _, group := range r.Groups() {
		p.line("%s", group.Title)
		for _, one := range group.Checks {
			if one.Status != check.OK || !check.IsPart(one.Name) {
				p.check(marks[one.Status], one)
			}
		}
	}
	switch failures := r.Failures(); {
	case failures == 0:
		p.line("all checks pass")
	default:
		p.line("%d of %d checks do not pass", failures, len(r.Checks))
	}
	return p.err
}

// check prints the line of a check, and the reason and the remedy of a failure below it.
func (p *printer) check(mark string, c check.Check) {
	const width, name = 4, 22 // of the columns
	detail := c.Detail
	switch c.Status {
	case check.Skipped:
		detail = "skipped: " + detail
	case check.Failed:
		detail = ""
	}
	p.marked(mark, width, fmt.Sprintf("%-*s %s", name, c.Name, detail))
	if c.Status == check.Failed {
		p.line("       %s", c.Detail)
		p.line("       remedy: %s", c.Hint)
	}
}
