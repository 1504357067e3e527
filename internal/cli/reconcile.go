package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/progress"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/explain"
	"odasync/internal/flow"
	"odasync/internal/target"
)

func reconcileCommand() *cli.Command {
	return &cli.Command{
		Name:  "reconcile",
		Usage: "compare the whole registry with the stream now, and repair differences",
		Description: "A syncer reconciles every SYNC_INTERVAL by itself.\n\n" +
			"Deletions that exceed the prune limit wait for `ctl approve`.\n\n" +
			"Exit code 1: deletions are pending approval, a component could not be repaired, or no syncer responds.\n\n" +
			"Examples:\n" +
			"  ctl reconcile --dry-run",
		Flags: []cli.Flag{
			dryRunFlag("print the differences and change nothing"),
			outputFlag("table", "json", "yaml"),
			targetFlag(),
			timeoutFlag(5 * time.Minute),
		},
		Action: reconcileAction,
	}
}

func reconcileAction(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("unexpected argument %q: a reconcile covers all components; `ctl sync NAME` compares one", c.Args().First())
	}
	ctx, s, end, err := begin(c)
	if err != nil {
		return err
	}
	defer end()
	if err := s.noteTarget(ctx, c); err != nil {
		return err
	}
	done, err := s.reconcileShown(ctx, c, c.Bool("dry-run"))
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

// fullSync requests a full sync from the leader; its refusal is a negative result.
func (s *session) fullSync(ctx context.Context, c *cli.Context) (event.Snapshot, error) {
	snapshot, err := served(ctx, s, func() (event.Snapshot, error) { return s.control().FullSync(ctx, s.cluster) })
	return snapshot, s.refused(c, err)
}

// reconcile requests a reconcile from a syncer. It waits while another one is running.
func (s *session) reconcile(ctx context.Context, c *cli.Context, dryRun bool) (target.Reconciliation, error) {
	done, err := unclaimed(ctx, c, s, func() (target.Reconciliation, error) {
		return s.control().Reconcile(ctx, s.target, control.ReconcileRequest{Cluster: s.cluster, DryRun: dryRun})
	})
	return done, s.refused(c, err)
}

// reconcileShown is reconcile with progress: how many components the target has written since it began.
func (s *session) reconcileShown(ctx context.Context, c *cli.Context, dryRun bool) (target.Reconciliation, error) {
	began := time.Now()
	end := s.showWhile(ctx, c, func(state target.State) bool { return state.Intent == 0 && state.Updated.After(began) },
		func(bar *progress.Progress, written int) { bar.Count(written, "components written") })
	defer end()
	return s.reconcile(ctx, c, dryRun)
}

// showWhile shows the progress of a request, by the number of sync states that are as counts says, until end is called. A request that
// ends within showInterval shows none.
func (s *session) showWhile(ctx context.Context, c *cli.Context, counts func(target.State) bool, show func(*progress.Progress, int)) (end func()) {
	bar := progress.New(c.App.ErrWriter)
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		defer bar.End()
		for flow.Sleep(ctx, showInterval) == nil {
			count := 0
			err := s.states.All(ctx, s.cluster, func(state target.State) {
				if counts(state) {
					count++
				}
			})
			if err == nil {
				show(bar, count)
			}
		}
	})
	return func() { cancel(); running.Wait() }
}

// showInterval is the time between two counts of the sync states, which are read for each.
const showInterval = time.Second

// unclaimed repeats a request until no other reconcile is running.
func unclaimed[Result any](ctx context.Context, c *cli.Context, s *session, request func() (Result, error)) (Result, error) {
	for {
		done, err := served(ctx, s, request)
		if failure := new(control.RequestError); !errors.As(err, &failure) || !strings.Contains(failure.Reason, target.ErrClaimed.Error()) {
			return done, err
		}
		if flow.Sleep(ctx, pollInterval) != nil {
			return done, fmt.Errorf("another reconcile is still running after %s: try again, or give a longer --timeout", c.Duration("timeout"))
		}
	}
}

// startTimeout bounds the wait for a process that is about to serve a request.
const startTimeout = 15 * time.Second

// served repeats a request while the process that would serve it is starting, such as after the stream was created again.
func served[Result any](ctx context.Context, s *session, request func() (Result, error)) (Result, error) {
	for began := time.Now(); ; {
		done, err := request()
		failure := new(control.RequestError)
		temporary := errors.As(err, &failure) && failure.Temporary
		unserved := errors.Is(err, control.ErrNoSyncer) && s.starting(ctx)
		if !temporary && !unserved || time.Since(began) > startTimeout {
			return done, err
		}
		if flow.Sleep(ctx, pollInterval) != nil {
			return done, err
		}
	}
}

// starting reports whether a syncer of the target runs that is not ready for another reason than the registry.
func (s *session) starting(ctx context.Context) bool {
	syncers, _ := s.control().Syncers(ctx)
	a, stopped := explain.Stopped(s.target, syncers, time.Now())
	return stopped && a.Cause == explain.CauseSyncerNotReady && !registryDown(s.target, syncers)
}

// refused turns the refusal of a process, and the lack of a process, into a negative result, or into that of a registry that
// cannot be reached.
func (s *session) refused(c *cli.Context, err error) error {
	failure := new(control.RequestError)
	switch {
	case errors.As(err, &failure) && failure.Class.Registry():
		return unreachable(c, s.about(c.Context, failure))
	case errors.As(err, &failure):
		return negative(c, failure)
	case errors.Is(err, control.ErrNoWatcher):
		err := negative(c, fmt.Errorf(noWatcher, s.cluster))
		_, noteErr := s.noteCluster(c.Context, c)
		return errors.Join(noteErr, err)
	case errors.Is(err, control.ErrNoSyncer):
		return s.noSyncer(c)
	}
	return err
}

// about adds the registry of the target to a failure that a syncer reports.
func (s *session) about(ctx context.Context, failure *control.RequestError) error {
	if failure.Process != control.ProcessSyncer {
		return failure // a watcher reports its source
	}
	registries, err := s.log.Registries(ctx)
	if address := registries[s.target]; err == nil && address != "" {
		return fmt.Errorf("registry %s of target %q: %w", address, s.target, failure)
	}
	return failure
}

func printReconciliation(c *cli.Context, done target.Reconciliation) error {
	if printed, err := printAs(c.App.Writer, c.String("output"), done); printed {
		return err
	}
	p := newPrinter(c)
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
