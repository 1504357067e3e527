package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/store"
	"odasync/internal/target"
)

func reconcileCommand() *cli.Command {
	return &cli.Command{
		Name:  "reconcile",
		Usage: "compare the whole registry with the stream now, and repair differences",
		Description: "A syncer reconciles every SYNC_INTERVAL by itself.\n\n" +
			"Deletions that exceed the prune limit, and a cluster that replaces another one, need an approval; `ctl status` shows\n" +
			"them with an ID. --approve ID approves them once, within a day, then runs a full sync and a reconcile.\n\n" +
			"Exit code 1: deletions are pending approval, a component could not be repaired, or no syncer responds.\n\n" +
			"Examples:\n" +
			"  ctl reconcile --dry-run\n" +
			"  ctl reconcile --approve 3f2a9c01d7e4",
		Flags: []cli.Flag{
			dryRunFlag("print the differences and change nothing"),
			&cli.StringFlag{Name: "approve", Usage: "approve the deletions, or the changed cluster, with this `ID`"},
			outputFlag("table", "json", "yaml"),
			targetFlag(),
			timeoutFlag(5 * time.Minute),
		},
		Action: reconcileAction,
	}
}

func reconcileAction(c *cli.Context) error {
	switch {
	case c.Args().Present():
		return fmt.Errorf("unexpected argument %q: a reconcile covers all components; `ctl sync NAME` compares one", c.Args().First())
	case c.IsSet("approve") && c.Bool("dry-run"):
		return errors.New("give --approve or --dry-run, not both")
	case c.IsSet("approve") && c.String("approve") == "":
		return errors.New("--approve needs the ID of a pending approval: `ctl status` shows it")
	}
	ctx, s, end, err := begin(c)
	if err != nil {
		return err
	}
	defer end()
	if id := c.String("approve"); id != "" {
		if err := s.approve(ctx, c, id); err != nil {
			return err
		}
	}
	done, err := s.reconcile(ctx, c, c.Bool("dry-run"))
	if err != nil {
		return err
	}
	if err := printReconciliation(c, done); err != nil {
		return err
	}
	if done.PendingDeletion != nil || done.Unrepaired > 0 {
		return errNegative
	}
	return nil
}

// approve records the approval of an ID that is pending, and runs a full sync where the watcher waits for it.
func (s *session) approve(ctx context.Context, c *cli.Context, id string) error {
	records, err := store.OpenRecords(ctx, s.conn)
	if err != nil {
		return err
	}
	watchers, err := s.control().Watchers(ctx)
	if err != nil {
		return err
	}
	last, _, err := records.LastReconcile(ctx, s.target, s.cluster)
	if err != nil {
		return err
	}
	watcher := slices.ContainsFunc(watchers, func(w control.WatcherStatus) bool {
		return w.Cluster == s.cluster && w.PendingDeletion != nil && w.PendingDeletion.ID == id
	})
	if !watcher && (last.PendingDeletion == nil || last.PendingDeletion.ID != id) {
		return negative(c, fmt.Errorf("no approval is pending with ID %q: `ctl status` shows the current ID, which changes with the set of components", id))
	}
	if err := records.Approve(ctx, id); err != nil {
		return err
	}
	if !watcher {
		return nil
	}
	snapshot, err := s.fullSync(ctx, c)
	if err != nil {
		return err
	}
	if pending := snapshot.PendingDeletion; pending != nil {
		return negative(c, fmt.Errorf("another approval is pending after %s: %w", id, pending))
	}
	return nil
}

// fullSync requests a full sync from the leader; its refusal is a negative result.
func (s *session) fullSync(ctx context.Context, c *cli.Context) (event.Snapshot, error) {
	snapshot, err := s.control().FullSync(ctx, s.cluster)
	return snapshot, s.refused(c, err)
}

// reconcile requests a reconcile from a syncer. It waits while another one is running.
func (s *session) reconcile(ctx context.Context, c *cli.Context, dryRun bool) (target.Reconciliation, error) {
	for {
		done, err := s.control().Reconcile(ctx, s.target, control.ReconcileRequest{Cluster: s.cluster, DryRun: dryRun})
		if failure := new(control.RequestError); !errors.As(err, &failure) || !strings.Contains(failure.Reason, target.ErrClaimed.Error()) {
			return done, s.refused(c, err)
		}
		select {
		case <-ctx.Done():
			return done, fmt.Errorf("another reconcile is still running after %s: try again, or give a longer --timeout", c.Duration("timeout"))
		case <-time.After(pollInterval):
		}
	}
}

// refused turns the refusal of a process, and the lack of a process, into a negative result.
func (s *session) refused(c *cli.Context, err error) error {
	failure := new(control.RequestError)
	switch {
	case errors.As(err, &failure):
		return negative(c, failure)
	case errors.Is(err, control.ErrNoResponders) && strings.Contains(err.Error(), control.ProcessWatcher):
		return negative(c, fmt.Errorf(noWatcher, s.cluster))
	case errors.Is(err, control.ErrNoResponders):
		return negative(c, fmt.Errorf(noSyncer, s.target))
	}
	return err
}

func printReconciliation(c *cli.Context, done target.Reconciliation) error {
	if printed, err := printAs(c.App.Writer, c.String("output"), done); printed {
		return err
	}
	p := printer{out: c.App.Writer}
	p.line("cluster %s, target %s: %d components desired, %d entries in the registry, compared in %.1f s",
		done.Cluster, done.Target, done.Desired, done.Entries, done.Seconds)
	p.line("found: %d missing, %d different, %d overwritten, %d unacknowledged, %d orphans; %d pending, %d with a dead letter",
		done.Missing, done.Different, done.Overwritten, done.Unacknowledged, done.Orphans, done.Pending, done.Failed)
	if done.DryRun {
		p.line("dry run: nothing was changed")
	} else {
		p.line("done: %d repaired, %d deleted, %d not repaired", done.Repaired, done.Deleted, done.Unrepaired)
	}
	if done.PendingDeletion != nil {
		p.line("deletion pending approval: %v", done.PendingDeletion)
	}
	if len(done.Findings) > 0 {
		p.line("")
		rows := make([][]string, len(done.Findings))
		for i, f := range done.Findings {
			rows[i] = []string{f.Component, f.Problem, dash(f.Outcome)}
		}
		p.table([]string{"COMPONENT", "PROBLEM", "OUTCOME"}, rows)
	}
	return p.err
}
