package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/control"
)

// A command that waits reads one component every pollInterval, and all components every listInterval.
const (
	pollInterval = 100 * time.Millisecond
	listInterval = 500 * time.Millisecond
)

func syncCommand() *cli.Command {
	return &cli.Command{
		Name:      "sync",
		Usage:     "compare components with the registry now, and repair differences",
		ArgsUsage: "NAME | --all",
		Description: "The leading watcher publishes the components again, and ctl waits until the syncers have compared them with the registry.\n" +
			"With --all and without a namespace, a full sync and a reconcile compare everything, deletions included.\n\n" +
			"Exit code 1: a component is not in sync within --timeout, NAME does not select one component, or no watcher or syncer\n" +
			"responds.\n\n" +
			"Examples:\n" +
			"  ctl sync catalog -n shop\n" +
			"  ctl sync --all --timeout 5m",
		Flags: []cli.Flag{
			namespaceFlag("`NAMESPACE` of the component; with --all only this one"),
			&cli.BoolFlag{Name: "all", Usage: "all components"},
			outputFlag("table", "wide", "json", "yaml", "name"),
			targetFlag(),
			timeoutFlag(time.Minute),
		},
		Action: syncAction,
	}
}

func syncAction(c *cli.Context) error {
	name, namespace := c.Args().First(), c.String("namespace")
	switch {
	case c.NArg() > 1:
		return fmt.Errorf("unexpected argument %q: give one name, or --all", c.Args().Get(1))
	case c.Bool("all") == (name != ""):
		return errors.New("give the name of a component, or --all")
	}
	ctx, s, end, err := begin(c)
	if err != nil {
		return err
	}
	defer end()
	selects := func(k component.Key) bool {
		return (namespace == "" || k.Namespace == namespace) && (name == "" || k.Name == name)
	}
	request, interval := control.VerifyRequest{Namespace: namespace}, listInterval
	read := func(ctx context.Context) ([]Item, error) { return s.items(ctx, selects, func(error) {}) }
	if name != "" {
		items, err := read(ctx)
		if err != nil {
			return err
		}
		found, err := theOne(items, name, namespace)
		if err != nil {
			return negative(c, err)
		}
		request = control.VerifyRequest{Namespace: found.Namespace, Name: found.Name}
		read, interval = func(ctx context.Context) ([]Item, error) { return s.one(ctx, found.key()) }, pollInterval
	}
	if name == "" && namespace == "" {
		if _, err := s.fullSync(ctx, c); err != nil {
			return err
		}
		if _, err := s.reconcile(ctx, c, false); err != nil {
			return err
		}
	} else if err := s.verify(ctx, c, request); err != nil {
		return err
	}
	return s.await(ctx, c, read, interval)
}

// verify requests that the leader publishes components again; its refusal is a negative result.
func (s *session) verify(ctx context.Context, c *cli.Context, request control.VerifyRequest) error {
	_, err := s.control().Verify(ctx, s.cluster, request)
	return s.refused(c, err)
}

// theOne returns the only component with the name.
func theOne(items []Item, name, namespace string) (*Item, error) {
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
	case namespace != "":
		return nil, fmt.Errorf("no component %q in namespace %q: `ctl list` shows the components", name, namespace)
	}
	return nil, fmt.Errorf("no component %q: `ctl list` shows the components", name)
}

// await waits until the newest message of every component has an outcome, and prints the components.
func (s *session) await(ctx context.Context, c *cli.Context, read func(context.Context) ([]Item, error), interval time.Duration) error {
	progress := newProgress(c.App.ErrWriter)
	defer progress.end()
	var items []Item
	for {
		now, err := read(ctx)
		if err == nil {
			items = now
			open := 0
			for _, i := range items {
				if i.Registry.Sequence < i.Sequence {
					open++
				}
			}
			progress.draw(len(items)-open, len(items))
			if open == 0 {
				progress.end()
				return s.conclude(c, items)
			}
		} else if ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			progress.end()
			if c.Context.Err() != nil {
				return errors.New("interrupted before the outcome was known: `ctl list` shows it")
			}
			if items == nil {
				return fmt.Errorf("no component could be read within %s: `ctl list` shows the outcome, --timeout waits longer", c.Duration("timeout"))
			}
			return s.conclude(c, items)
		case <-time.After(interval):
		}
	}
}

// conclude prints the components; a component that is not in sync is a negative result.
func (s *session) conclude(c *cli.Context, items []Item) error {
	if err := printItems(c, items); err != nil {
		return err
	}
	var failed error
	waiting := sync.OnceValue(func() string { return s.waiting(c.Context) })
	for _, i := range items {
		switch i.Registry.State {
		case stateFailed:
			failed = negative(c, fmt.Errorf("%s/%s: rejected by the registry: %s: change the component, or fix the registry and run `ctl dlq retry %s`", i.Namespace, i.Name, i.Registry.Error, i.Name))
		case stateRetrying:
			failed = negative(c, fmt.Errorf("%s/%s: not in sync after %s, the syncer keeps retrying: %s", i.Namespace, i.Name, c.Duration("timeout"), i.Registry.Error))
		case statePending:
			failed = negative(c, fmt.Errorf("%s/%s: no outcome after %s: %s", i.Namespace, i.Name, c.Duration("timeout"), waiting()))
		}
	}
	return failed
}

// waiting returns why no syncer of the target has handled a message.
func (s *session) waiting(ctx context.Context) string {
	syncers, _ := s.control().Syncers(ctx) // without an answer the question remains
	for _, y := range syncers {
		if y.Target == s.target && len(y.Problems) > 0 {
			return fmt.Sprintf("a syncer of target %q is not ready: %s", s.target, strings.Join(y.Problems, "; "))
		}
	}
	return fmt.Sprintf("is a syncer of target %q running?", s.target)
}
