package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/render"
	"odasync/internal/component"
	"odasync/internal/store"
	"odasync/internal/target"
)

func dlqCommand() *cli.Command {
	namespace := namespaceFlag("only these `NAMESPACES`: a name, a list, globs such as oda*, or all")
	reason := &cli.StringFlag{Name: "reason", Usage: "only dead letters with this `REASON`: " + strings.Join(reasons(), ", "), Action: func(_ *cli.Context, reason string) error {
		if !slices.Contains(reasons(), reason) {
			return fmt.Errorf("--reason is %q: %s", reason, strings.Join(reasons(), ", "))
		}
		return nil
	}}
	all := &cli.BoolFlag{Name: "all", Usage: "all dead letters"}
	dryRun := dryRunFlag("print the selected dead letters and change nothing")
	return &cli.Command{
		Name:  "dlq",
		Usage: "inspect and retry dead letters",
		Subcommands: []*cli.Command{{
			Name: "list", Usage: "list the dead letters",
			Description: "Examples:\n" +
				"  ctl dlq list -o wide\n" +
				"  ctl dlq list -n shop --reason invalid",
			Flags:  []cli.Flag{namespace, reason, outputFlag("table", "wide", "json", "yaml", "name"), watchFlag(), targetFlag(), timeoutFlag(10 * time.Second)},
			Action: func(c *cli.Context) error { return whileWatched(c, true, func() error { return listDeadLetters(c) }) },
		}, {
			Name: "show", Usage: "show a dead letter with its event", ArgsUsage: "NAME",
			Description: "Exit code 1: NAME does not select one dead letter.\n\n" +
				"Examples:\n" +
				"  ctl dlq show shop/catalog",
			Flags:  []cli.Flag{namespace, outputFlag("yaml", "json"), targetFlag(), timeoutFlag(10 * time.Second)},
			Action: showDeadLetter,
		}, {
			Name: "retry", Usage: "apply the component's current state again, and wait for the outcome", ArgsUsage: "NAME | --reason REASON | --all",
			Description: "Exit code 1: a component is not in sync within --timeout, NAME has no dead letter, or no syncer\n" +
				"responds.\n\n" +
				"Examples:\n" +
				"  ctl dlq retry catalog -n shop\n" +
				"  ctl dlq retry --reason invalid",
			Flags:  []cli.Flag{namespace, reason, all, dryRun, outputFlag("table", "json", "yaml"), targetFlag(), timeoutFlag(time.Minute)},
			Action: retryDeadLetters,
		}, {
			Name: "drop", Usage: "delete dead letters; ctl list and ctl status show the components as dismissed until they change", ArgsUsage: "NAME | --reason REASON | --all",
			Description: "Asks on a terminal; elsewhere it needs --yes.\n\n" +
				"Exit code 1: NAME has no dead letter, or the answer is no.\n\n" +
				"Examples:\n" +
				"  ctl dlq drop shop/catalog\n" +
				"  ctl dlq drop --reason invalid --yes",
			Flags:  []cli.Flag{namespace, reason, all, dryRun, yesFlag(), targetFlag(), timeoutFlag(10 * time.Second)},
			Action: dropDeadLetters,
		}},
	}
}

// reasons are the classes of failures that end in a dead letter.
func reasons() []string {
	var all []string
	for _, class := range target.DeadLetterClasses() {
		all = append(all, string(class))
	}
	return all
}

func listDeadLetters(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	return withDeadLetters(c, func(_ context.Context, s *selection) error {
		return printDeadLetters(c, s.found)
	})
}

func showDeadLetter(c *cli.Context) error {
	if c.NArg() != 1 {
		return errors.New("give the name of one component")
	}
	return withDeadLetters(c, func(_ context.Context, s *selection) error {
		if len(s.found) > 1 {
			return negative(c, fmt.Errorf(ambiguous, len(s.found), c.Args().First()))
		}
		_, err := printAs(c.App.Writer, c.String("output"), s.found[0])
		return err
	})
}

func dropDeadLetters(c *cli.Context) error {
	return withSelected(c, "drop", func(ctx context.Context, s *selection) error {
		if err := confirm(c, "Drop %d dead %s?", len(s.found), render.Plural(len(s.found), "letter")); err != nil {
			return err
		}
		for _, d := range s.found {
			// The state comes first: after an interruption the dead letter is still there to be dropped.
			if err := s.dismiss(ctx, &d); err != nil {
				return err
			}
			if err := s.kept.Remove(ctx, d.Key(), d.Sequence); err != nil {
				return err
			}
			if err := line(c.App.Writer, "dropped %s/%s", d.Namespace, d.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

// dismiss records in the sync state that the failure of the dead letter is known. It leaves a state alone that is not that of
// the failure any more, or that a syncer is about to write.
func (s *selection) dismiss(ctx context.Context, d *store.DeadLetter) error {
	for {
		state, err := s.states.Load(ctx, d.Key())
		if err != nil {
			return err
		}
		if state.Outcome != target.OutcomeFailed || state.Sequence != d.Sequence || state.Intent != 0 {
			return nil
		}
		state.Dismissed = true
		if _, err := s.states.Save(ctx, state); !errors.Is(err, target.ErrConflict) {
			return err
		}
	}
}

func retryDeadLetters(c *cli.Context) error {
	return withSelected(c, "retry", func(ctx context.Context, s *selection) error {
		keys := make([]component.Key, len(s.found))
		for n, d := range s.found {
			keys[n] = d.Key()
		}
		done, err := s.compareAll(ctx, c, keys)
		if err != nil {
			return err
		}
		return printSynced(c, done, true)
	})
}

// selection are the dead letters that a command selects.
type selection struct {
	*session
	kept  *store.DeadLetters
	found []store.DeadLetter
}

// withDeadLetters calls do with the cluster's dead letters that name, namespace and reason select. A name without a dead
// letter is a negative result.
func withDeadLetters(c *cli.Context, do func(context.Context, *selection) error) error {
	name, scope, err := selectedComponent(c)
	if err != nil {
		return err
	}
	ctx, s, end, err := begin(c)
	if err != nil {
		return err
	}
	defer end()
	kept, err := store.OpenDeadLetters(ctx, s.conn, s.target)
	if err != nil {
		return err
	}
	reason := c.String("reason")
	found, namespaces := []store.DeadLetter{}, map[string]bool{}
	var malformed error
	err = kept.All(ctx, func(d store.DeadLetter, err error) {
		switch {
		case err != nil:
			malformed = negative(c, err)
		case d.Cluster != s.cluster:
		case (name == "" || d.Name == name) && scope.Contains(d.Namespace) && (reason == "" || string(d.Reason) == reason):
			found = append(found, d)
			fallthrough
		default:
			namespaces[d.Namespace] = true
		}
	})
	if err != nil {
		return err
	}
	s.sayScope(c, scope, "target "+s.target)
	warnElsewhere(c, "dead letter", scope, namespaces)
	if len(found) == 0 {
		if err := s.noteTarget(ctx, c); err != nil {
			return err
		}
	}
	if name != "" && len(found) == 0 {
		return negative(c, fmt.Errorf("no dead letter of %q: `ctl dlq list` shows the dead letters", c.Args().First()))
	}
	slices.SortFunc(found, func(a, b store.DeadLetter) int { return a.Key().Compare(b.Key()) })
	return errors.Join(do(ctx, &selection{s, kept, found}), malformed)
}

// withSelected is withDeadLetters for changes: the selection must be explicit, and a dry run only prints it.
func withSelected(c *cli.Context, verb string, do func(context.Context, *selection) error) error {
	switch {
	case c.NArg() > 1:
		return fmt.Errorf("unexpected argument %q: give one name, --reason, or --all", c.Args().Get(1))
	case !c.Args().Present() && !c.Bool("all") && !c.IsSet("reason"), c.Args().Present() && c.Bool("all"):
		return errors.New("give the name of a component, --reason, or --all")
	}
	return withDeadLetters(c, func(ctx context.Context, s *selection) error {
		switch {
		case len(s.found) == 0:
			note(c, "no dead letters")
			return nil
		case c.Bool("dry-run"):
			for _, d := range s.found {
				if err := line(c.App.Writer, "would %s %s/%s (%s)", verb, d.Namespace, d.Name, d.Reason); err != nil {
					return err
				}
			}
			return nil
		}
		return do(ctx, s)
	})
}

func printDeadLetters(c *cli.Context, found []store.DeadLetter) error {
	if done, err := printList(c, found, "no dead letters", func(d store.DeadLetter) string { return d.Namespace + "/" + d.Name }); done {
		return err
	}
	header := []string{"NAMESPACE", "NAME", "REASON", "STATUS", "SINCE", "DETAIL"}
	if c.String("output") == "wide" {
		header = []string{"NAMESPACE", "NAME", "REASON", "STATUS", "SINCE", "LAST", "ATTEMPTS", "SEQUENCE", "REQUEST", "DETAIL"}
	}
	rows := make([][]string, len(found))
	for n, d := range found {
		status := dash(strings.TrimPrefix(strconv.Itoa(d.Status), "0"))
		since := d.First.Local().Format(time.DateTime)
		rows[n] = []string{d.Namespace, d.Name, string(d.Reason), status, since, cmp.Or(d.Detail, "-")}
		if c.String("output") == "wide" {
			rows[n] = []string{
				d.Namespace, d.Name, string(d.Reason), status, since, d.Last.Local().Format(time.DateTime),
				strconv.Itoa(d.Attempts), strconv.FormatUint(d.Sequence, 10), dash(d.Request), dash(d.Detail),
			}
		}
	}
	return table(c, header, rows)
}
