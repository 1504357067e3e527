package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"odasync/internal/cli/progress"
	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/daemon"
	"odasync/internal/explain"
	"odasync/internal/target"
)

// Synced is what `ctl sync` and `ctl dlq retry` did about a component. The shape is stable; see docs/api.md.
type Synced struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Target    string `json:"target"`
	// Outcome is created, updated, deleted, in sync, or failed.
	Outcome string `json:"outcome"`
	// Writes counts the requests of the comparison that changed the registry. It is 0 where a syncer had applied the change
	// before the comparison.
	Writes int `json:"writes"`
	// Error is why the component is not in sync; empty if it is.
	Error string `json:"error"`
	// unreachable means that the registry cannot be used.
	unreachable bool
}

// The values of Synced.Outcome.
const (
	outcomeCreated = "created"
	outcomeUpdated = "updated"
	outcomeDeleted = "deleted"
	outcomeInSync  = "in sync"
	outcomeFailed  = "failed"
)

// comparisons is how many components are compared at a time.
const comparisons = 16

// compareAll has a syncer compare components, several at a time, and returns the results in the order of the keys.
func (s *session) compareAll(ctx context.Context, c *cli.Context, keys []component.Key) ([]Synced, error) {
	bar := progress.New(c.App.ErrWriter)
	defer bar.End()
	all := make([]Synced, len(keys))
	var mu sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(comparisons)
	for n, key := range keys {
		group.Go(func() error {
			before, err := s.states.Load(ctx, key)
			if err == nil {
				all[n], err = s.compare(ctx, c, before)
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			bar.Step(done, len(keys))
			return err
		})
	}
	return all, group.Wait()
}

// compare has a syncer compare the component of the state, which was read before anything was asked for. It returns an error
// where no syncer responds, and a failed result for a component that is not in sync.
func (s *session) compare(ctx context.Context, c *cli.Context, before target.State) (Synced, error) {
	key := before.Key
	result := Synced{Namespace: key.Namespace, Name: key.Name, Target: s.target, Outcome: outcomeInSync}
	did, err := served(ctx, s, func() (control.CompareResult, error) { return s.control().Compare(ctx, s.target, key) })
	if errors.Is(err, control.ErrNoSyncer) {
		return result, s.noSyncer(c)
	}
	after, stateErr := s.states.Load(c.Context, key)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled): // interrupted, or another comparison has failed
		return result, err
	case err != nil:
		result.Outcome = outcomeFailed
		result.Error, result.unreachable = s.notCompared(c, after, err)
	case did.Writes > 0:
		result.Writes = did.Writes
		result.Outcome = change(did.Deleted, did.Created)
	case stateErr != nil:
		return result, stateErr
	case after.Sequence != before.Sequence && (after.Hash != before.Hash || after.Outcome != before.Outcome):
		result.Outcome = change(did.Deleted, before.Outcome != target.OutcomeApplied)
	}
	return result, nil
}

// change is the outcome of a change of an entry.
func change(deleted, created bool) string {
	switch {
	case deleted:
		return outcomeDeleted
	case created:
		return outcomeCreated
	}
	return outcomeUpdated
}

// notCompared returns why a component is not in sync after a failed comparison, and whether the registry cannot be used. The
// sync state has the registry's words, also where the time was over first.
func (s *session) notCompared(c *cli.Context, after target.State, err error) (reason string, unreachable bool) {
	refusal := new(control.RequestError)
	switch {
	case after.Outcome == target.OutcomeFailed && after.Intent == 0:
		return s.problem(c, after.Key.Name, stateFailed, after.Error), false
	case after.Error != "":
		return s.problem(c, after.Key.Name, stateRetrying, after.Error), after.Reason.Registry()
	case errors.As(err, &refusal) && !strings.Contains(refusal.Reason, context.DeadlineExceeded.Error()):
		return refusal.Reason, refusal.Class.Registry()
	}
	waits, unreachable := s.waiting(c.Context)
	return noOutcome(c, waits), unreachable
}

func noOutcome(c *cli.Context, waits string) string {
	return fmt.Sprintf("no outcome after %s: %s", c.Duration("timeout"), waits)
}

// noSyncer reports that no syncer answers.
func (s *session) noSyncer(c *cli.Context) error {
	reason, down := s.waiting(c.Context)
	if down {
		return unreachable(c, errors.New(reason))
	}
	return negative(c, errors.New(reason))
}

// problem is why a component in that state is not in sync, with the remedy.
func (s *session) problem(c *cli.Context, name, state, reason string) string {
	switch state {
	case stateFailed:
		return fmt.Sprintf("rejected by the registry: %s: change the component, or fix the registry and run `ctl dlq retry %s`", reason, name)
	case stateDismissed:
		return "rejected by the registry, and dismissed: " + reason
	case stateMalformed, stateTooLarge:
		return "cannot be published, the registry keeps an earlier state: " + reason + ": change the component"
	case statePendingApproval:
		return reason
	case stateRetrying:
		return fmt.Sprintf("not in sync after %s, the syncer keeps retrying: %s", c.Duration("timeout"), reason)
	}
	waits, _ := s.waiting(c.Context)
	return noOutcome(c, waits)
}

// waiting returns why no syncer of the target has compared or applied something, and whether that is the registry.
func (s *session) waiting(ctx context.Context) (reason string, unreachable bool) {
	syncers, _ := s.control().Syncers(ctx) // without an answer none is running
	a, stopped := explain.Stopped(s.target, syncers, time.Now())
	if !stopped {
		return fmt.Sprintf("the syncers of target %q are behind, `ctl status` shows them", s.target), false
	}
	return a.Reason + ": " + a.Remedy, a.Cause == explain.CauseRegistryDown || registryDown(s.target, syncers)
}

// registryDown reports whether a syncer of the target reports that its registry cannot be used.
func registryDown(name string, syncers []control.SyncerStatus) bool {
	isRegistry := func(problem string) bool { return strings.HasPrefix(problem, daemon.CheckRegistry+": ") }
	return slices.ContainsFunc(syncers, func(y control.SyncerStatus) bool {
		return y.Target == name && slices.ContainsFunc(y.Problems, isRegistry)
	})
}

// printSynced prints what was done; a component that is not in sync is a negative result. Unless all are to be printed, those
// that were in sync are counted.
func printSynced(c *cli.Context, done []Synced, all bool) error {
	slices.SortFunc(done, func(a, b Synced) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	printed, err := printAs(c.App.Writer, c.String("output"), done)
	if err != nil {
		return err
	}
	var failed error
	inSync := 0
	for _, one := range done {
		text := one.Outcome
		switch {
		case one.Outcome == outcomeFailed:
			reason := fmt.Errorf("%s/%s: %s", one.Namespace, one.Name, one.Error)
			if one.unreachable {
				failed = unreachable(c, reason)
			} else if other := negative(c, reason); failed == nil {
				failed = other
			}
			continue
		case one.Outcome == outcomeInSync:
			inSync++
			if !all {
				continue
			}
			text = "already in sync"
		case one.Writes == 1:
			text += " (1 write)"
		case one.Writes > 1:
			text += fmt.Sprintf(" (%d writes)", one.Writes)
		}
		if printed {
			continue
		}
		if err := line(c.App.Writer, "%s/%s: %s", one.Namespace, one.Name, text); err != nil {
			return err
		}
	}
	if !printed && !all {
		if err := line(c.App.Writer, "%d of %d components already in sync", inSync, len(done)); err != nil {
			return err
		}
	}
	return failed
}
