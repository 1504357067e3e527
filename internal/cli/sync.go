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
	"odasync/internal/event"
	"odasync/internal/target"
)

// A command that waits reads one component every pollInterval, and all components every listInterval.
const (
	pollInterval = 100 * time.Millisecond
	listInterval = 500 * time.Millisecond
)

func syncCommand() *cli.Command {
	return &cli.Command{
		Name:      "sync",
		Usage:     "compare components with the cluster and the registry now, and repair differences",
		ArgsUsage: "NAME | --all",
		Description: "The leading watcher reads the component from the cluster and publishes it if it has changed. Then a syncer compares the\n" +
			"entry in the registry, and ctl prints what was done: created, updated, deleted, or already in sync.\n\n" +
			"With --all, a full sync and a reconcile compare everything, deletions included; with a namespace, a full sync is followed\n" +
			"by the comparison of each of its components.\n\n" +
			"Exit code 1: a component is not in sync within --timeout, deletions are pending approval, NAME does not select one\n" +
			"component, or no watcher or syncer responds.\n\n" +
			"Examples:\n" +
			"  ctl sync catalog -n shop\n" +
			"  ctl sync --all --timeout 5m",
		Flags: []cli.Flag{
			namespaceFlag("only these `NAMESPACES`: a name, a list, globs such as oda*, or all"),
			&cli.BoolFlag{Name: "all", Usage: "all components"},
			outputFlag("table", "json", "yaml"),
			targetFlag(),
			timeoutFlag(time.Minute),
		},
		Action: syncAction,
	}
}

func syncAction(c *cli.Context) error {
	switch {
	case c.NArg() > 1:
		return fmt.Errorf("unexpected argument %q: give one name, or --all", c.Args().Get(1))
	case c.Bool("all") == (c.Args().First() != ""):
		return errors.New("give the name of a component, or --all")
	}
	name, scope, err := selectedComponent(c)
	if err != nil {
		return err
	}
	ctx, s, end, err := begin(c)
	if err != nil {
		return err
	}
	defer end()
	s.sayScope(c, scope, "target "+s.target)
	if err := s.noteTarget(ctx, c); err != nil {
		return err
	}
	switch {
	case name != "":
		err = s.syncOne(ctx, c, name, scope)
	case scope.String() != component.AllNamespaces:
		err = s.syncNamespaces(ctx, c, scope)
	default:
		err = s.syncAll(ctx, c)
	}
	if c.Context.Err() != nil {
		return errors.New("the outcome is not known yet: `ctl list` shows it")
	}
	return err
}

// syncOne reads and compares the component with the name. With one namespace it may be one that was not published yet.
func (s *session) syncOne(ctx context.Context, c *cli.Context, name string, scope component.Scope) error {
	items, err := s.items(ctx, func(k component.Key) bool { return k.Name == name && scope.Contains(k.Namespace) }, func(error) {})
	if err != nil {
		return err
	}
	key := component.Key{Cluster: s.cluster, Namespace: scope.Namespace(), Name: name}
	found, err := theOne(items, name, scope)
	switch {
	case err == nil:
		key = found.key()
	case len(items) > 0:
		return negative(c, err)
	case key.Namespace == "":
		return errors.Join(negative(c, err), s.warnEmpty(ctx, c, scope))
	}
	before, err := s.states.Load(ctx, key)
	if err != nil {
		return err
	}
	if _, err := served(ctx, s, func() (control.ReadResult, error) {
		return s.control().Read(ctx, s.cluster, control.ReadRequest{Namespace: key.Namespace, Name: name})
	}); err != nil {
		return s.refused(c, err)
	}
	done, err := s.compare(ctx, c, before)
	if err != nil {
		return err
	}
	return printSynced(c, []Synced{done}, true)
}

// syncNamespaces runs a full sync and compares every component of the namespaces.
func (s *session) syncNamespaces(ctx context.Context, c *cli.Context, scope component.Scope) error {
	if _, err := s.fullSync(ctx, c); err != nil {
		return err
	}
	items, err := s.items(ctx, func(k component.Key) bool { return scope.Contains(k.Namespace) }, func(error) {})
	if err != nil {
		return err
	}
	var keys []component.Key
	var unpublished []Synced
	for n := range items {
		switch i := &items[n]; i.Registry.State {
		case stateDeleted:
		case stateMalformed, stateTooLarge, statePendingApproval:
			unpublished = append(unpublished, Synced{
				Namespace: i.Namespace, Name: i.Name, Target: s.target, Outcome: outcomeFailed, Error: s.problem(c, i.Name, i.Registry.State, i.Registry.Error),
			})
		default:
			keys = append(keys, i.key())
		}
	}
	done, err := s.compareAll(ctx, c, keys)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		err = s.warnEmpty(ctx, c, scope)
	}
	return errors.Join(printSynced(c, append(done, unpublished...), false), err)
}

// SyncedAll is what `ctl sync --all` did. The shape is stable; see docs/api.md.
type SyncedAll struct {
	FullSync  event.Snapshot        `json:"fullSync"`
	Reconcile target.Reconciliation `json:"reconcile"`
}

// syncAll runs a full sync and a reconcile, and waits until what was published has an outcome.
func (s *session) syncAll(ctx context.Context, c *cli.Context) (err error) {
	var done SyncedAll
	for range 2 { // a syncer that opened the stream after the full sync does not rely on its marker, and needs another full sync
		if done.FullSync, err = s.fullSync(ctx, c); err != nil {
			return err
		}
		if done.Reconcile, err = s.reconcileShown(ctx, c, false); err != nil {
			return err
		}
		if done.Reconcile.ID != "" {
			break
		}
	}
	items, err := s.await(ctx, c, func(component.Key) bool { return true })
	if err != nil {
		return err
	}
	if printed, err := printAs(c.App.Writer, c.String("output"), done); err != nil {
		return err
	} else if !printed {
		m := done.FullSync
		if err := line(c.App.Writer, "full sync: %d components, %d published, %d deleted", m.Count, m.Published, m.Tombstoned); err != nil {
			return err
		}
		if err := printReconciliation(c, done.Reconcile); err != nil {
			return err
		}
	}
	var failed error
	for n := range items {
		if i := &items[n]; i.Registry.State != stateSynced && i.Registry.State != stateDeleted {
			failed = negative(c, fmt.Errorf("%s/%s: %s", i.Namespace, i.Name, s.problem(c, i.Name, i.Registry.State, i.Registry.Error)))
		}
	}
	if unlisted := done.FullSync.Unlisted; len(unlisted) > 0 {
		failed = negative(c, fmt.Errorf("not everything in namespaces %s could be read, and what is missing there is kept: `ctl status` shows why", strings.Join(unlisted, ", ")))
	}
	if done.Reconcile.ID == "" && done.Reconcile.Orphans > 0 {
		failed = negative(c, errors.New("orphans are kept: the syncer opened the stream after the last full sync: run `ctl sync --all` again"))
	}
	if done.FullSync.PendingDeletion != nil || done.Reconcile.PendingDeletion != nil || done.Reconcile.Unrepaired > 0 {
		failed = errNegative
	}
	return failed
}

// await waits until the newest message of every selected component has an outcome, or the time is over, and returns the components.
func (s *session) await(ctx context.Context, c *cli.Context, selects func(component.Key) bool) (items []Item, err error) {
	bar := progress.New(c.App.ErrWriter)
	defer bar.End()
	for {
		now, err := s.items(ctx, selects, func(error) {})
		switch {
		case err == nil:
			items = now
		case ctx.Err() == nil:
			return nil, err
		case items == nil:
			return nil, fmt.Errorf("no component could be read within %s: `ctl list` shows the outcome, --timeout waits longer", c.Duration("timeout"))
		}
		open := 0
		for n := range items {
			if items[n].Registry.Sequence < items[n].Sequence {
				open++
			}
		}
		bar.Step(len(items)-open, len(items))
		if open == 0 {
			return items, nil
		}
		select {
		case <-ctx.Done():
			return items, nil
		case <-time.After(listInterval):
		}
	}
}

// theOne returns the only component with the name.
func theOne(items []Item, name string, scope component.Scope) (*Item, error) {
	var found []*Item
	for n := range items {
		if items[n].Registry.State != stateDeleted {
			found = append(found, &items[n])
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf(ambiguous, len(found), name)
	case scope.Namespace() != "":
		return nil, fmt.Errorf("no component %q in namespace %q: `ctl list` shows the components", name, scope)
	case scope.String() != component.AllNamespaces:
		return nil, fmt.Errorf("no component %q in namespaces %s: `ctl list` shows the components", name, scope)
	}
	return nil, fmt.Errorf("no component %q: `ctl list` shows the components", name)
}
