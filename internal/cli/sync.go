package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/control"
)

// pollInterval is how often a command looks whether one component's outcome is there; listInterval, where it reads all.
const (
	pollInterval = 100 * time.Millisecond
	listInterval = 500 * time.Millisecond
)

func syncCommand() *cli.Command {
	return &cli.Command{
		Name:      "sync",
		Usage:     "compare a component, or all, with the registry now and wait for the outcome",
		ArgsUsage: "NAME | --all",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "namespace", Aliases: []string{"n"}, Usage: "the component's `NAMESPACE`; with --all only this one"},
			&cli.BoolFlag{Name: "all", Usage: "every component"},
			outputFlag("table", "wide", "json", "yaml", "name"),
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
	wanted := func(k component.Key) bool {
		return (namespace == "" || k.Namespace == namespace) && (name == "" || k.Name == name)
	}
	request, interval := control.VerifyRequest{Namespace: namespace}, listInterval
	read := func(ctx context.Context) ([]Item, error) { return s.items(ctx, wanted, func(error) {}) }
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

// verify asks the leader; that it cannot is a negative answer.
func (s *session) verify(ctx context.Context, c *cli.Context, request control.VerifyRequest) error {
	_, err := s.control().Verify(ctx, s.cluster, request)
	return s.refused(c, err)
}

// theOne returns the only component of that name.
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
		return nil, fmt.Errorf("%d components are called %q: choose one with -n NAMESPACE", len(found), name)
	case namespace != "":
		return nil, fmt.Errorf("no component %q in namespace %q: `ctl list` shows what the watcher has published", name, namespace)
	}
	return nil, fmt.Errorf("no component %q: `ctl list` shows what the watcher has published", name)
}

// await reads until every component's newest message has an outcome, and prints them.
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
				return fmt.Errorf("nothing could be read within %s: `ctl list` shows the outcome, --timeout waits longer", c.Duration("timeout"))
			}
			return s.conclude(c, items)
		case <-time.After(interval):
		}
	}
}

// conclude prints the outcomes; anything but in sync is a negative answer.
func (s *session) conclude(c *cli.Context, items []Item) error {
	if err := printItems(c, items); err != nil {
		return err
	}
	var failed error
	for _, i := range items {
		switch i.Registry.State {
		case stateFailed:
			failed = negative(c, fmt.Errorf("%s/%s: the registry refuses it: %s: change the component, it is then applied again, or mend the registry's side and run `ctl dlq retry %s`", i.Namespace, i.Name, i.Registry.Error, i.Name))
		case stateRetrying:
			failed = negative(c, fmt.Errorf("%s/%s: not in sync after %s, the syncer keeps trying: %s", i.Namespace, i.Name, c.Duration("timeout"), i.Registry.Error))
		case statePending:
			failed = negative(c, fmt.Errorf("%s/%s: no outcome after %s: is a syncer of target %q running?", i.Namespace, i.Name, c.Duration("timeout"), s.target))
		}
	}
	return failed
}
