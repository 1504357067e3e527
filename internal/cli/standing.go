package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/explain"
	"odasync/internal/store"
	"odasync/internal/target"
)

// The states of a component in the target: the values of InRegistry.State.
const (
	stateSynced          = explain.Synced
	statePending         = explain.Pending
	stateRetrying        = explain.Retrying
	stateFailed          = explain.Failed
	stateDismissed       = explain.Dismissed
	stateMalformed       = explain.Malformed
	stateTooLarge        = explain.TooLarge
	statePendingApproval = explain.PendingApproval
	stateDeleted         = explain.Deleted
)

// standing is what is known about the components of the cluster beside their newest events.
type standing struct {
	states map[component.Key]target.State
	// problems are what the watcher cannot publish, and the orphans that wait for an approval. They matter more than the sync
	// state: it is about an earlier event.
	problems map[component.Key]problem
	// reconciled is the start of the last reconcile that compared every entry; zero if the last one failed.
	reconciled time.Time
	// orphans counts those that wait for an approval and that the result of the last reconcile does not name.
	orphans int
	// unled means that no watcher leads the cluster, so that its problems are unknown.
	unled bool
}

type problem struct {
	state, message string
	orphan         string // the id of the approval that the deletion of an orphan waits for; empty for what the watcher cannot publish
}

// standing reads the sync state of every component and the problems of each.
func (s *session) standing(ctx context.Context) (*standing, error) {
	all := &standing{states: map[component.Key]target.State{}}
	if err := s.states.All(ctx, s.cluster, func(state target.State) { all.states[state.Key] = state }); err != nil {
		return nil, err
	}
	return all, s.readProblems(ctx, all)
}

// readProblems reads everything but the sync states.
func (s *session) readProblems(ctx context.Context, all *standing) error {
	all.problems = map[component.Key]problem{}
	last, err := s.lastReconcile(ctx)
	if err != nil {
		return err
	}
	if last != nil && last.Error == "" {
		all.reconciled = last.Time
	}
	if last != nil && last.PendingDeletion != nil {
		all.orphans = last.PendingDeletion.Gone
		for _, f := range last.Findings {
			if key, ok := s.parseKey(f.Component); ok && f.Outcome == target.FindingPending {
				all.problems[key] = problem{
					state: statePendingApproval, message: "it is only in the registry, and its deletion there waits for approval " + last.PendingDeletion.ID,
					orphan: last.PendingDeletion.ID,
				}
				all.orphans--
			}
		}
	}
	unpublished, err := s.control().Unpublished(ctx, s.cluster)
	if all.unled = errors.Is(err, control.ErrNoWatcher); err != nil && !all.unled {
		return err
	}
	for _, u := range unpublished {
		all.problems[component.Key{Cluster: s.cluster, Namespace: u.Namespace, Name: u.Name}] = problem{state: string(u.Reason), message: u.Message}
	}
	return nil
}

// lastReconcile returns the result of the last reconcile of the target with the cluster; nil where there was none.
func (s *session) lastReconcile(ctx context.Context) (*target.Reconciliation, error) {
	return store.LastReconcile(ctx, s.conn, s.target, s.cluster)
}

// parseKey is the inverse of component.Key.String for a key of the cluster.
func (s *session) parseKey(text string) (component.Key, bool) {
	rest, ours := strings.CutPrefix(text, s.cluster+"/")
	namespace, name, ok := strings.Cut(rest, "/")
	return component.Key{Cluster: s.cluster, Namespace: namespace, Name: name}, ours && ok
}

// of returns the state of the component whose newest message is the head, and why it is not synced; empty if nothing is known.
func (all *standing) of(head event.Head) (state, message string) {
	if p, ok := all.problems[head.Key]; ok {
		return p.state, p.message
	}
	known := all.states[head.Key]
	return explain.StateOf(head, known), known.Error
}

// verified is when the registry was last known to have the component; nil for never. A reconcile compares every entry, except
// for those that it leaves to another program.
func (all *standing) verified(state target.State) *time.Time {
	at := state.Updated
	if state.Overwritten == 0 && all.reconciled.After(at) {
		at = all.reconciled
	}
	if at.IsZero() {
		return nil
	}
	return &at
}

// counts counts the components of the cluster by state.
func (s *session) counts(ctx context.Context) (map[string]int, error) {
	all, err := s.standing(ctx)
	if err != nil {
		return nil, err
	}
	state := map[component.Key]string{}
	for key, p := range all.problems {
		state[key] = p.state
	}
	err = s.log.Heads(ctx, s.cluster, func(head event.Head) { state[head.Key], _ = all.of(head) })
	counts := map[string]int{}
	for _, name := range explain.States() {
		counts[name] = 0
	}
	for _, name := range state {
		if name != stateDeleted {
			counts[name]++
		}
	}
	counts[statePendingApproval] += all.orphans
	return counts, err
}
