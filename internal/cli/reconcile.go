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
		Usage: "compare the whole registry with the stream now, and mend what differs",
		Description: "A syncer does so by itself every SYNC_INTERVAL. With --approve, what waits under that id is allowed once, within a day: the\n" +
			"deletions, or the cluster that has taken the place of another one. The cluster is compared with the stream first, and\n" +
			"then the registry with the stream.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be done"},
			&cli.StringFlag{Name: "approve", Usage: "allow the deletions, or the changed cluster, that wait under this `ID`"},
			outputFlag("table", "json", "yaml"),
			timeoutFlag(5 * time.Minute),
		},
		Action: reconcileAction,
	}
}

func reconcileAction(c *cli.Context) error {
	switch {
	case c.Args().Present():
		return fmt.Errorf("unexpected argument %q: a reconcile is of all components; `ctl sync NAME` compares one", c.Args().First())
	case c.IsSet("approve") && c.Bool("dry-run"):
		return errors.New("give --approve or --dry-run, not both")
	case c.IsSet("approve") && c.String("approve") == "":
		return errors.New("--approve takes the id of what waits for an approval: `ctl status` shows it")
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

// approve allows what waits under the id, which must be known, and lets the watcher act on it.
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
		return negative(c, fmt.Errorf("nothing waits for an approval under %q: `ctl status` shows what does; it is another set of components by now if the id was right before", id))
	}
	if err := records.Approve(ctx, id); err != nil {
		return err
	}
	if !watcher {
		return nil
	}
	marker, err := s.fullSync(ctx, c)
	if err != nil {
		return err
	}
	if waits := marker.PendingDeletion; waits != nil {
		return negative(c, fmt.Errorf("after %s something else waits for an approval: %w", id, waits))
	}
	return nil
}

// fullSync has the leader compare the cluster with the stream; that it cannot is a negative answer.
func (s *session) fullSync(ctx context.Context, c *cli.Context) (event.Marker, error) {
	marker, err := s.control().FullSync(ctx, s.cluster)
	return marker, s.refused(c, err)
}

// reconcile has a syncer compare the registry with the stream. Where one does so already, the next turn is waited for.
func (s *session) reconcile(ctx context.Context, c *cli.Context, dryRun bool) (target.Reconciliation, error) {
	for {
		done, err := s.control().Reconcile(ctx, s.target, control.ReconcileRequest{Cluster: s.cluster, DryRun: dryRun})
		if refusal := new(control.RequestError); !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, target.ErrClaimed.Error()) {
			return done, s.refused(c, err)
		}
		select {
		case <-ctx.Done():
			return done, fmt.Errorf("another reconcile is still under way after %s: try again, or give --timeout", c.Duration("timeout"))
		case <-time.After(pollInterval):
		}
	}
}

// refused turns a process's answer no, and the lack of a process, into a negative answer in words.
func (s *session) refused(c *cli.Context, err error) error {
	refusal := new(control.RequestError)
	switch {
	case errors.As(err, &refusal):
		return negative(c, refusal)
	case errors.Is(err, control.ErrNoResponders) && strings.Contains(err.Error(), control.ProcessWatcher):
		return negative(c, fmt.Errorf("no watcher leads cluster %q: start one, or set CLUSTER_NAME to the name of the cluster that is meant", s.cluster))
	case errors.Is(err, control.ErrNoResponders):
		return negative(c, fmt.Errorf("no syncer of target %q runs: start one, or set SYNC_TARGET to the name of the target that is meant", s.target))
	}
	return err
}

func printReconciliation(c *cli.Context, done target.Reconciliation) error {
	if printed, err := printAs(c.App.Writer, c.String("output"), done); printed {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "cluster %s, target %s: %d components desired, %d entries in the registry, compared in %.1f s\n",
		done.Cluster, done.Target, done.Desired, done.Entries, done.Seconds)
	fmt.Fprintf(&text, "found: %d missing, %d different, %d unsettled, %d orphans; %d on their way, %d with a dead letter\n",
		done.Missing, done.Different, done.Unacknowledged, done.Orphans, done.Pending, done.Failed)
	if done.DryRun {
		text.WriteString("dry run: nothing was changed\n")
	} else {
		fmt.Fprintf(&text, "done: %d mended, %d deleted, %d not mended\n", done.Repaired, done.Deleted, done.Unrepaired)
	}
	if done.PendingDeletion != nil {
		fmt.Fprintf(&text, "refused: %v\n", done.PendingDeletion)
	}
	if len(done.Findings) > 0 {
		text.WriteString("\n")
		rows := make([][]string, len(done.Findings))
		for i, f := range done.Findings {
			rows[i] = []string{f.Component, f.Problem, dash(f.Outcome)}
		}
		if err := table(&text, []string{"COMPONENT", "PROBLEM", "OUTCOME"}, rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(c.App.Writer, text.String())
	return err
}
