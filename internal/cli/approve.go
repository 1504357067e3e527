package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/progress"
	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/store"
	"odasync/internal/target"
)

// Approval is a pending deletion, and what `ctl approve` did about it. The shape is stable; see docs/api.md.
type Approval struct {
	control.Pending
	// Approved means that the deletions were approved now, and Deleted counts those that the target has carried out.
	Approved bool `json:"approved"`
	Deleted  int  `json:"deleted"`

	inCluster bool // the leading watcher waits for it, else the syncers of the target do
}

func approveCommand() *cli.Command {
	return &cli.Command{
		Name:      "approve",
		Usage:     "show deletions that are pending approval, and approve them",
		ArgsUsage: "[ID]",
		Description: "Deletions that exceed the prune limit, and a cluster that replaces another one, wait for an approval. Without an ID, ctl\n" +
			"lists every component that would be deleted, with $PAGER on a terminal, and asks. An ID selects one set. An approval is\n" +
			"for these components only, once. Without a terminal it needs --yes. ctl ends when the target has carried it out.\n\n" +
			"Exit code 1: something is pending and was not approved, no approval is pending with the ID, not all deletions were done\n" +
			"within --timeout, or no watcher or syncer responds.\n\n" +
			"Examples:\n" +
			"  ctl approve\n" +
			"  ctl approve 3f2a9c01d7e4 --yes\n" +
			"  ctl approve -o json",
		Flags: []cli.Flag{
			yesFlag(),
			outputFlag("table", "json", "yaml"),
			targetFlag(),
			timeoutFlag(5 * time.Minute),
		},
		Action: approveAction,
	}
}

func approveAction(c *cli.Context) error {
	switch {
	case c.NArg() > 1:
		return fmt.Errorf("unexpected argument %q: give one ID, or none", c.Args().Get(1))
	case c.Args().Present() && c.Args().First() == "":
		return errors.New("the ID is empty: `ctl approve` without an ID shows what is pending")
	}
	ctx, s, end, err := begin(c)
	if err != nil {
		return err
	}
	defer end()
	if err := s.noteTarget(ctx, c); err != nil {
		return err
	}
	id := c.Args().First()
	all, incomplete, err := s.pendingApprovals(ctx, c, id)
	switch {
	case err != nil:
		return err
	case id != "" && len(all) == 0:
		return negative(c, fmt.Errorf("no approval is pending with ID %q: `ctl approve` shows the current ID, which changes with the set of components", id))
	case len(all) == 0 && incomplete != nil:
		return incomplete
	}
	if err := showApprovals(c, all); err != nil {
		return err
	}
	var result error
	for n := range all {
		a := &all[n]
		yes, err := confirmed(c, a)
		if err != nil {
			return err
		}
		if !yes {
			result = negative(c, fmt.Errorf("%s was not approved: run `ctl approve %s --yes`", a.ID, a.ID))
			continue
		}
		if err := s.approve(ctx, c, a); err != nil {
			result = err
			break
		}
		note(c, "%s: %d of %d deleted in target %s", a.ID, a.Deleted, a.Gone, s.target)
	}
	_, err = printAs(c.App.Writer, c.String("output"), all)
	return errors.Join(err, result)
}

// pendingApprovals asks the leading watcher and a syncer of the target what waits for an approval, with the id if one is given.
// While one of them cannot answer, what the other one has is complete for itself; incomplete is the reported reason then.
func (s *session) pendingApprovals(ctx context.Context, c *cli.Context, id string) (all []Approval, incomplete, err error) {
	all = []Approval{}
	add := func(pending control.Pending, err error, inCluster bool) error {
		if err = s.refused(c, err); errors.Is(err, errNegative) || errors.Is(err, errUnreachable) {
			incomplete = err
			return nil
		}
		if err == nil && pending.PendingDeletion != nil && (id == "" || pending.ID == id) {
			all = append(all, Approval{Pending: pending, inCluster: inCluster})
		}
		return err
	}
	pending, err := s.control().PendingInCluster(ctx, s.cluster)
	if err := add(pending, err, true); err != nil || id != "" && len(all) > 0 {
		return all, incomplete, err
	}
	pending, err = unclaimed(ctx, c, s, func() (control.Pending, error) { return s.control().PendingInTarget(ctx, s.target, s.cluster) })
	err = add(pending, err, false)
	return all, incomplete, err
}

// showApprovals prints every component of the approvals for people.
func showApprovals(c *cli.Context, all []Approval) error {
	if c.String("output") != "table" {
		return nil
	}
	if len(all) == 0 {
		note(c, "no deletion is pending approval")
		return nil
	}
	var text strings.Builder
	p := printer{out: &text}
	for _, a := range all {
		p.line("%s: %s: %d of %d components would be deleted, since %s", a.ID, a.Place, a.Gone, a.All, a.Time.Local().Format(time.DateTime))
		if change := a.ClusterChange; change != nil {
			p.line("the Kubernetes cluster has changed: it was %s and is %s", change.Was, change.Is)
		}
		for _, name := range a.Components {
			p.line("  %s", name)
		}
	}
	return errors.Join(p.err, page(c, text.String()))
}

// confirmed reports whether to go on: with --yes, or after the answer yes on a terminal.
func confirmed(c *cli.Context, a *Approval) (bool, error) {
	if c.Bool("yes") || !interactive(c) {
		return c.Bool("yes"), nil
	}
	return ask(c, "Delete these %d components (%s)?", a.Gone, a.Place)
}

// approve records the approval, has it carried out, and waits until the target has deleted the components.
func (s *session) approve(ctx context.Context, c *cli.Context, a *Approval) error {
	records, err := store.OpenRecords(ctx, s.conn)
	if err != nil {
		return err
	}
	if err := records.Approve(ctx, a.ID); err != nil {
		return err
	}
	a.Approved = true
	if a.inCluster {
		snapshot, err := s.fullSync(ctx, c)
		if err != nil {
			return err
		}
		if pending := snapshot.PendingDeletion; pending != nil {
			return negative(c, fmt.Errorf("another approval is pending after %s: %w", a.ID, pending))
		}
		return s.awaitDeletions(ctx, c, a)
	}
	end := s.showWhile(ctx, c, func(state target.State) bool {
		return state.Outcome == target.OutcomeDeleted && state.Intent == 0 && state.Updated.After(a.Time)
	}, func(bar *progress.Progress, deleted int) { bar.Step(min(deleted, a.Gone), a.Gone) })
	done, err := s.reconcile(ctx, c, false)
	end()
	a.Deleted = done.Deleted
	switch {
	case err != nil:
		return err
	case done.PendingDeletion != nil:
		return negative(c, fmt.Errorf("another approval is pending after %s: %w", a.ID, done.PendingDeletion))
	case done.Unrepaired > 0:
		return negative(c, fmt.Errorf("%d components could not be repaired: `ctl reconcile` shows why", done.Unrepaired))
	}
	return nil
}

// awaitDeletions waits until the target has deleted the components of an approval. One that exists again is not waited for.
func (s *session) awaitDeletions(ctx context.Context, c *cli.Context, a *Approval) error {
	approved := make(map[string]bool, len(a.Components))
	for _, name := range a.Components {
		approved[name] = true
	}
	items, err := s.await(ctx, c, func(key component.Key) bool { return approved[key.String()] })
	var failed error
	for n := range items {
		switch i := &items[n]; i.Registry.State {
		case stateDeleted:
			a.Deleted++
		case stateSynced: // it exists again
		default:
			failed = negative(c, fmt.Errorf("%s/%s: %s", i.Namespace, i.Name, s.problem(c, i.Name, i.Registry.State, i.Registry.Error)))
		}
	}
	return errors.Join(err, failed)
}
