package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/control"
	"odasync/internal/natsconn"
	"odasync/internal/ops"
)

// Versions is what `ctl version` prints. The shape is stable; see docs/api.md.
type Versions struct {
	// Client is the version of ctl itself.
	Client string `json:"client"`
	// NATS is the version of the server, and Processes are the watchers and syncers that responded; empty with --client.
	NATS      string           `json:"nats"`
	Processes []ProcessVersion `json:"processes"`
}

// ProcessVersion is the version of a watcher or a syncer.
type ProcessVersion struct {
	Process string `json:"process"` // watcher or syncer
	ID      string `json:"id"`
	Version string `json:"version"`
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the versions of ctl, the running watchers and syncers, and the NATS server",
		Description: "Examples:\n" +
			"  ctl version\n" +
			"  ctl version --client",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "client", Usage: "only the version of ctl, without a connection"},
			outputFlag("table", "json", "yaml"),
			timeoutFlag(10 * time.Second),
		},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			all := Versions{Client: ops.Version(), Processes: []ProcessVersion{}}
			var err error
			if !c.Bool("client") {
				ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
				defer cancel()
				err = all.ask(ctx)
			}
			if done, printErr := printAs(c.App.Writer, c.String("output"), all); done || printErr != nil {
				return firstOf(printErr, err)
			}
			return firstOf(all.print(c), err)
		},
	}
}

// firstOf returns the first error that is not nil.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ask fills in the versions of the server and of the processes.
func (v *Versions) ask(ctx context.Context) error {
	var broker natsconn.Config
	if _, err := load(ctx, &broker); err != nil {
		return err
	}
	conn, err := dial(ctx, broker)
	if err != nil {
		return err
	}
	defer conn.Close()
	v.NATS = conn.NATS().ConnectedServerVersion()
	client := control.NewClient(conn.NATS())
	watchers, err := client.Watchers(ctx)
	if err != nil {
		return err
	}
	syncers, err := client.Syncers(ctx)
	for _, w := range watchers {
		v.Processes = append(v.Processes, ProcessVersion{control.ProcessWatcher, w.ID, w.Version})
	}
	for _, s := range syncers {
		v.Processes = append(v.Processes, ProcessVersion{control.ProcessSyncer, s.ID, s.Version})
	}
	return err
}

func (v *Versions) print(c *cli.Context) error {
	rows := [][]string{{"ctl", ops.BuildInfo(), "-"}}
	if v.NATS != "" {
		rows = append(rows, []string{"nats-server", v.NATS, "-"})
	}
	for _, p := range v.Processes {
		rows = append(rows, []string{p.Process, p.Version, p.ID})
	}
	if err := table(c, []string{"PROGRAM", "VERSION", "ID"}, rows); err != nil {
		return fmt.Errorf("print the versions: %w", err)
	}
	return nil
}
