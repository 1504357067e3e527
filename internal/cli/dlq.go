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

	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/store"
	"odasync/internal/target"
)

func dlqCommand() *cli.Command {
	namespace := &cli.StringFlag{Name: "namespace", Aliases: []string{"n"}, Usage: "only this `NAMESPACE`"}
	reason := &cli.StringFlag{Name: "reason", Usage: "only these for this `REASON`: " + strings.Join(reasons(), ", "), Action: func(_ *cli.Context, reason string) error {
		if !slices.Contains(reasons(), reason) {
			return fmt.Errorf("--reason is %q: %s", reason, strings.Join(reasons(), ", "))
		}
		return nil
	}}
	all := &cli.BoolFlag{Name: "all", Usage: "every dead letter"}
	dryRun := &cli.BoolFlag{Name: "dry-run", Usage: "only say what would be done"}
	return &cli.Command{
		Name:  "dlq",
		Usage: "look at dead letters, the components that the registry does not take",
		Subcommands: []*cli.Command{{
			Name: "list", Usage: "list the dead letters",
			Flags:  []cli.Flag{namespace, reason, outputFlag("table", "wide", "json", "yaml", "name"), timeoutFlag(10 * time.Second)},
			Action: dlqList,
		}, {
			Name: "show", Usage: "show a dead letter whole", ArgsUsage: "NAME",
			Flags:  []cli.Flag{namespace, outputFlag("yaml", "json"), timeoutFlag(10 * time.Second)},
			Action: dlqShow,
		}, {
			Name: "retry", Usage: "apply the component's present state again, and wait for the outcome", ArgsUsage: "NAME | --reason REASON | --all",
			Flags:  []cli.Flag{namespace, reason, all, dryRun, outputFlag("table", "wide", "json", "yaml", "name"), timeoutFlag(time.Minute)},
			Action: dlqRetry,
		}, {
			Name: "drop", Usage: "remove dead letters; the components stay failed until they change", ArgsUsage: "NAME | --reason REASON | --all",
			Flags:  []cli.Flag{namespace, reason, all, dryRun, timeoutFlag(10 * time.Second)},
			Action: dlqDrop,
		}},
	}
}

// reasons are the classes that a dead letter can have.
func reasons() []string {
	var all []string
	for _, class := range target.DeadLetterClasses() {
		all = append(all, string(class))
	}
	return all
}

func dlqList(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("unexpected argument %q: see ctl dlq list --help", c.Args().First())
	}
	return withLetters(c, func(_ context.Context, _ *session, _ *store.DeadLetters, found []store.DeadLetter) error {
		return printLetters(c, found)
	})
}

func dlqShow(c *cli.Context) error {
	if c.NArg() != 1 {
		return errors.New("give the name of one component")
	}
	return withLetters(c, func(_ context.Context, s *session, _ *store.DeadLetters, found []store.DeadLetter) error {
		if len(found) > 1 {
			return negative(c, fmt.Errorf("%d components are called %q: choose one with -n NAMESPACE", len(found), c.Args().First()))
		}
		_, err := printAs(c.App.Writer, c.String("output"), found[0])
		return err
	})
}

func dlqDrop(c *cli.Context) error {
	return chosenLetters(c, "drop", func(ctx context.Context, s *session, letters *store.DeadLetters, found []store.DeadLetter) error {
		for _, d := range found {
			if err := letters.Remove(ctx, d.Key(), d.Sequence); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(c.App.Writer, "dropped %s/%s\n", d.Namespace, d.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

func dlqRetry(c *cli.Context) error {
	return chosenLetters(c, "retry", func(ctx context.Context, s *session, _ *store.DeadLetters, found []store.DeadLetter) error {
		keys := map[component.Key]bool{}
		for _, d := range found {
			keys[d.Key()] = true
			if err := s.verify(ctx, c, control.VerifyRequest{Namespace: d.Namespace, Name: d.Name}); err != nil {
				return err
			}
		}
		read := func(ctx context.Context) ([]Item, error) {
			return s.items(ctx, func(k component.Key) bool { return keys[k] }, func(error) {})
		}
		return s.await(ctx, c, read, pollInterval)
	})
}

// withLetters calls do with the cluster's dead letters that the name, the namespace and the reason select. Where a name
// is given and has none, that is a negative answer.
func withLetters(c *cli.Context, do func(context.Context, *session, *store.DeadLetters, []store.DeadLetter) error) error {
	ctx, s, end, err := begin(c)
	if err != nil {
		return err
	}
	defer end()
	letters, err := store.OpenDeadLetters(ctx, s.conn, s.target)
	if err != nil {
		return err
	}
	name, namespace, reason := c.Args().First(), c.String("namespace"), c.String("reason")
	found := []store.DeadLetter{}
	var unreadable error
	err = letters.All(ctx, func(d store.DeadLetter, err error) {
		switch {
		case err != nil:
			unreadable = negative(c, err)
		case d.Cluster == s.cluster && (name == "" || d.Name == name) && (namespace == "" || d.Namespace == namespace) &&
			(reason == "" || string(d.Reason) == reason):
			found = append(found, d)
		}
	})
	if err != nil {
		return err
	}
	if name != "" && len(found) == 0 {
		return negative(c, fmt.Errorf("no dead letter of %q: `ctl dlq list` shows which there are", name))
	}
	slices.SortFunc(found, func(a, b store.DeadLetter) int { return a.Key().Compare(b.Key()) })
	return errors.Join(do(ctx, s, letters, found), unreadable)
}

// chosenLetters is withLetters for what changes something: the choice must be explicit, and a dry run only names it.
func chosenLetters(c *cli.Context, verb string, do func(context.Context, *session, *store.DeadLetters, []store.DeadLetter) error) error {
	switch {
	case c.NArg() > 1:
		return fmt.Errorf("unexpected argument %q: give one name, --reason, or --all", c.Args().Get(1))
	case !c.Args().Present() && !c.Bool("all") && !c.IsSet("reason"), c.Args().Present() && c.Bool("all"):
		return errors.New("give the name of a component, --reason, or --all")
	}
	return withLetters(c, func(ctx context.Context, s *session, letters *store.DeadLetters, found []store.DeadLetter) error {
		switch {
		case len(found) == 0:
			_, err := fmt.Fprintln(c.App.ErrWriter, "no dead letters")
			return err
		case c.Bool("dry-run"):
			for _, d := range found {
				if _, err := fmt.Fprintf(c.App.Writer, "would %s %s/%s (%s)\n", verb, d.Namespace, d.Name, d.Reason); err != nil {
					return err
				}
			}
			return nil
		}
		return do(ctx, s, letters, found)
	})
}

func printLetters(c *cli.Context, found []store.DeadLetter) error {
	if done, err := printList(c, found, "no dead letters", func(d store.DeadLetter) string { return d.Namespace + "/" + d.Name }); done {
		return err
	}
	header := []string{"NAMESPACE", "NAME", "REASON", "STATUS", "SINCE", "WORDS"}
	if c.String("output") == "wide" {
		header = []string{"NAMESPACE", "NAME", "REASON", "STATUS", "SINCE", "LAST", "ATTEMPTS", "SEQUENCE", "REQUEST", "WORDS"}
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
	return table(c.App.Writer, header, rows)
}
