package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
)

// openTimeout bounds how long a replay looks for what it works with.
const openTimeout = 30 * time.Second

func replayCommand() *cli.Command {
	return &cli.Command{
		Name:      "replay",
		Usage:     "apply what the stream holds again: to the live registry, or with --to to another one",
		ArgsUsage: "[NAME] | -n NAMESPACE | --since WHEN | --from-seq N | --all",
		Description: "The newest state of every chosen component, deletions included, is compared with the registry, and what differs is\n" +
			"written. That is safe beside running syncers. What chooses may be combined, and then narrows the choice.\n" +
			"With --to an empty or half-built registry becomes what the stream says; Kubernetes, the live registry and the sync\n" +
			"state are left alone. What is interrupted goes on with --resume.\n" +
			"The exit code is 0 when everything was applied, 1 when the registry did not take some, and 2 after an error.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "namespace", Aliases: []string{"n"}, Usage: "only components of this `NAMESPACE`"},
			&cli.BoolFlag{Name: "all", Usage: "every component of the cluster"},
			&cli.StringFlag{Name: "since", Usage: "only components that changed since `WHEN`: a time such as 2026-01-02T15:04:05Z, or a duration such as 30m or 7d"},
			&cli.Uint64Flag{Name: "from-seq", Usage: "only components that changed with message `N` of the stream or later"},
			&cli.BoolFlag{Name: "every-event", Usage: "apply every recorded state in order, the newest last; only with --to, since older states show for a moment"},
			&cli.StringFlag{Name: "to", Usage: "build the registry at `URL` instead of writing to the live one"},
			&cli.StringFlag{Name: "to-api-key-file", Usage: "`FILE` with the key for the registry of --to (default: no key)"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only print what would be applied"},
			&cli.IntFlag{Name: "concurrency", Usage: "apply at most `N` components at a time, 1 to 1024 (default: SYNC_CONCURRENCY)"},
			&cli.BoolFlag{Name: "resume", Usage: "go on where the same replay was interrupted"},
			&cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "give up when the registry takes nothing for this `DURATION`"},
			outputFlag("table", "json", "yaml"),
		},
		Action: replayAction,
	}
}

func replayAction(c *cli.Context) error {
	chosen, err := choose(c)
	if err != nil {
		return err
	}
	opening, cancel := context.WithTimeout(c.Context, openTimeout)
	defer cancel()
	target, err := openReplayTarget(opening, c, chosen)
	if err != nil {
		return err
	}
	defer target.close()
	progress, err := openReplayJournal(c, chosen, target)
	if err != nil {
		return err
	}
	defer progress.close()
	plan, err := planReplay(c.Context, target, chosen, progress)
	switch {
	case errors.Is(err, errNotOne):
		return target.say(c, err)
	case err != nil:
		return err
	case c.Bool("dry-run"):
		return printPlan(c, plan.ReplayPlan)
	case plan.Components == 0:
		_, _ = fmt.Fprintln(c.App.ErrWriter, "nothing in the stream matches: there is nothing to replay")
	}
	if err := progress.begin(plan.from); err != nil {
		return err
	}
	r := newReplayer(target, plan, progress, cmp.Or(c.Int("concurrency"), target.syncer.Concurrency), c.Duration("timeout"))
	result, stopped := r.run(c.Context, newProgress(c.App.ErrWriter))
	if err := printReplay(c, result); err != nil {
		return err
	}
	if stopped != nil {
		return fmt.Errorf("%w: %d of %d are done; go on with\n  %s", stopped, plan.Done+result.Applied, plan.Events, chosen.command(true))
	}
	return concludeReplay(c, target, progress, chosen, result)
}

// concludeReplay says what the registry did not take; the journal of a replay without failures has done its work.
func concludeReplay(c *cli.Context, target *replayTarget, progress *replayJournal, chosen choice, result Replay) error {
	for _, failure := range result.Failures {
		_ = target.say(c, fmt.Errorf("%s/%s: %s", failure.Namespace, failure.Name, failure.Error)) // the exit code says it once, below
	}
	if result.Failed == 0 {
		return progress.remove()
	}
	return target.say(c, fmt.Errorf("the registry did not take %d: mend what the words name, and try these again with\n  %s", result.Failed, chosen.command(true)))
}
