package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/progress"
	"odasync/internal/component"
	"odasync/internal/replay"
)

// openTimeout bounds how long a replay takes to connect.
const openTimeout = 30 * time.Second

// reachTimeout bounds how long a registry may take to respond before a replay begins.
const reachTimeout = 5 * time.Second

func replayCommand() *cli.Command {
	return &cli.Command{
		Name:      "replay",
		Usage:     "apply recorded states again, to the live registry or to another one",
		ArgsUsage: "[NAME] | -n NAMESPACE | --since WHEN | --from-seq N | --all",
		Description: "Compares the newest state of every selected component, deletions included, with the registry and writes the\n" +
			"differences. This is safe beside running syncers. Several selections together narrow the choice.\n\n" +
			"With --to, ctl builds another registry from the stream; Kubernetes, the live registry and the sync state are not\n" +
			"touched. This overwrites entries there: ctl asks on a terminal, and needs --yes elsewhere. An interrupted replay continues with --resume.\n\n" +
			"Exit code 1: the registry rejects some states, or no component or more than one has the NAME.\n\n" +
			"Examples:\n" +
			"  ctl replay catalog -n shop\n" +
			"  ctl replay --since 2h --dry-run\n" +
			"  ctl replay --all --to http://registry.example:8000 --to-api-key-file key",
		Flags: []cli.Flag{
			namespaceFlag("only components of these `NAMESPACES`: a name, a list, globs such as oda*, or all"),
			&cli.BoolFlag{Name: "all", Usage: "all components of the cluster"},
			&cli.StringFlag{Name: "since", Usage: "only components that changed since `WHEN`: a time such as 2026-01-02T15:04:05Z, or a duration such as 30m or 7d"},
			&cli.Uint64Flag{Name: "from-seq", Usage: "only components that changed with message `N` of the stream or later"},
			&cli.BoolFlag{Name: "every-event", Usage: "apply every recorded state in order, the newest last; needs --to, as the registry shows older states meanwhile"},
			&cli.StringFlag{Name: "to", Usage: "build the registry at `URL` instead of writing to the live one"},
			&cli.StringFlag{Name: "to-api-key-file", Usage: "`FILE` with the API key of the registry of --to (default: no key)"},
			targetFlag(),
			dryRunFlag("print the plan and change nothing"),
			yesFlag(),
			&cli.IntFlag{Name: "concurrency", Usage: "apply at most `N` components at a time, 1 to 1024 (default: SYNC_CONCURRENCY)"},
			&cli.BoolFlag{Name: "resume", Usage: "continue the same replay where it was interrupted"},
			&cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "give up when nothing can be applied for this `DURATION`"},
			outputFlag("table", "json", "yaml"),
		},
		Action: replayAction,
	}
}

func replayAction(c *cli.Context) error {
	chosen, err := parseReplay(c)
	if err != nil {
		return err
	}
	opening, cancel := context.WithTimeout(c.Context, min(openTimeout, c.Duration("timeout")))
	defer cancel()
	d, err := openReplay(opening, c, chosen)
	if err != nil {
		return err
	}
	defer d.close()
	if chosen.To != "" && !c.Bool("dry-run") && !chosen.yes && !interactive(c) {
		return errUnconfirmed
	}
	open := d.replay.OpenJournal
	if c.Bool("dry-run") {
		open = d.replay.ReadJournal
	}
	journal, err := open(stateDir(), c.Bool("resume"))
	if err != nil {
		return err
	}
	defer journal.Close()
	if journal.Restarted() {
		note(c, "starting over: an earlier run of this replay was not completed, --resume would continue it")
	}
	plan, err := d.replay.Plan(c.Context, journal)
	unselected := new(replay.SelectionError)
	if err == nil || errors.As(err, &unselected) {
		if err := d.noteChoice(c, chosen, plan); err != nil {
			return err
		}
	}
	switch {
	case unselected.Name != "":
		return negative(c, err)
	case err != nil:
		return err
	case c.Bool("dry-run"):
		return printPlan(c, plan)
	case plan.Components == 0:
		note(c, "nothing to replay: no message in the stream matches")
	}
	if chosen.To != "" && plan.Components > 0 {
		if err := confirm(c, "Write %d components to the registry at %s?", plan.Components, plan.Registry); err != nil {
			return err
		}
	}
	if err := journal.Begin(plan); err != nil {
		return err
	}
	bar := progress.New(c.App.ErrWriter)
	d.cfg.Patience, d.cfg.Progress = c.Duration("timeout"), bar.Step
	result, stopped := d.replay.Run(c.Context, plan, journal, d.cfg)
	bar.End()
	if err := printReplay(c, result); err != nil {
		return err
	}
	if stopped != nil {
		return fmt.Errorf("%w: %d of %d states are applied; continue with\n  %s", stopped, plan.Done+result.Applied, plan.Events, chosen.command(true))
	}
	for _, failure := range result.Failures {
		_ = negative(c, fmt.Errorf("%s/%s: %s", failure.Namespace, failure.Name, failure.Error)) // the exit code is set once, below
	}
	if result.Failed == 0 {
		return journal.Remove()
	}
	return negative(c, fmt.Errorf("the registry rejected %d states: fix the reported causes and retry with\n  %s", result.Failed, chosen.command(true)))
}

// noteChoice says what is replayed; plan is nil if the name does not select one component.
func (o *openedReplay) noteChoice(c *cli.Context, chosen replayFlags, plan *replay.Plan) error {
	registry := "target " + o.target
	if chosen.To != "" {
		registry = "registry " + o.replay.Destination.Address
	}
	o.sayScope(c, chosen.scope, registry)
	if plan != nil && plan.Components > 0 {
		return nil
	}
	return o.warnEmpty(c.Context, c, chosen.scope)
}

// stateDir is the folder of the journals.
func stateDir() string {
	if base := os.Getenv("XDG_STATE_HOME"); base != "" {
		return filepath.Join(base, "odasync")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "odasync")
	}
	return filepath.Join(home, ".local", "state", "odasync")
}

func printPlan(c *cli.Context, plan *replay.Plan) error {
	if done, err := printAs(c.App.Writer, c.String("output"), plan); done {
		return err
	}
	return table(c, []string{"REGISTRY", "COMPONENTS", "UPSERTS", "DELETIONS", "MALFORMED", "EVENTS", "DONE", "FIRST", "LAST"}, [][]string{{
		plan.Registry, strconv.Itoa(plan.Components), strconv.Itoa(plan.Upserts), strconv.Itoa(plan.Deletions),
		strconv.Itoa(plan.Malformed), strconv.Itoa(plan.Events), strconv.Itoa(plan.Done), position(plan.First), position(plan.Last),
	}})
}

func position(p *replay.Position) string {
	switch {
	case p == nil:
		return "-"
	case p.Seen.IsZero():
		return strconv.FormatUint(p.Sequence, 10)
	}
	return fmt.Sprintf("%d (%s)", p.Sequence, p.Seen.Local().Format(time.DateTime))
}

func printReplay(c *cli.Context, result replay.Result) error {
	if done, err := printAs(c.App.Writer, c.String("output"), result); done {
		return err
	}
	return table(c, []string{"REGISTRY", "APPLIED", "CHANGED", "UNCHANGED", "FAILED", "WRITES", "SECONDS", "RATE"}, [][]string{{
		result.Plan.Registry, strconv.Itoa(result.Applied), strconv.Itoa(result.Changed), strconv.Itoa(result.Unchanged),
		strconv.Itoa(result.Failed), strconv.Itoa(result.Writes), fmt.Sprintf("%.1f", result.Seconds), fmt.Sprintf("%.1f/s", result.Rate),
	}})
}

// replayFlags are the flags of a replay that make up its command line.
type replayFlags struct {
	replay.Choice
	scope       component.Scope
	yes         bool
	toKeyFile   string
	concurrency int
	timeout     string // empty for the default
}

// parseReplay reads the flags; nothing is selected by default.
func parseReplay(c *cli.Context) (replayFlags, error) {
	name, scope, err := selectedComponent(c)
	if err != nil {
		return replayFlags{}, err
	}
	namespaces, everywhere := scope.String(), c.Bool("all-namespaces") || c.IsSet("namespace")
	if everywhere = everywhere && namespaces == component.AllNamespaces; namespaces == component.AllNamespaces {
		namespaces = ""
	}
	x := replayFlags{
		Choice: replay.Choice{
			Name: name, Namespace: namespaces, All: c.Bool("all") || everywhere && name == "", Since: c.String("since"),
			FromSeq: c.Uint64("from-seq"), EveryEvent: c.Bool("every-event"), To: c.String("to"),
		},
		scope: scope, yes: c.Bool("yes"), toKeyFile: c.String("to-api-key-file"), concurrency: c.Int("concurrency"),
	}
	if c.IsSet("timeout") {
		x.timeout = c.Duration("timeout").String()
	}
	if x.Since != "" {
		if x.SinceTime, err = parseSince(x.Since, time.Now()); err != nil {
			return x, err
		}
	}
	switch {
	case c.NArg() > 1:
		return x, fmt.Errorf("unexpected argument %q: give one name, or select more with -n, --since, --from-seq or --all", c.Args().Get(1))
	case x.Name != "" && x.All:
		return x, errors.New("give the name of a component, or --all")
	case x.Name == "" && x.Namespace == "" && x.Since == "" && x.FromSeq == 0 && !x.All:
		return x, errors.New("select what to replay: the name of a component, -n, --since, --from-seq, or --all")
	case c.IsSet("to") && x.To == "":
		return x, errors.New("--to is empty: give the address of the registry to build, or omit it for the live one")
	case x.EveryEvent && x.To == "":
		return x, errors.New("--every-event would show older states in the live registry: give another one with --to URL")
	case c.IsSet("to-api-key-file") && x.To == "":
		return x, errors.New("--to-api-key-file needs --to")
	case c.IsSet("concurrency") && (x.concurrency < 1 || x.concurrency > 1024):
		return x, fmt.Errorf("--concurrency is %d: 1 to 1024", x.concurrency)
	case c.Duration("timeout") <= 0:
		return x, errors.New("--timeout must be more than 0, such as 30s")
	}
	return x, nil
}

// command is the line that runs the replay, or resumes it.
func (x *replayFlags) command(resume bool) string {
	args := []string{"ctl", "replay"}
	add := func(given bool, more ...string) {
		if given {
			args = append(args, more...)
		}
	}
	add(x.Name != "", x.Name)
	add(x.Namespace != "", "-n", x.Namespace)
	add(x.All, "--all")
	add(x.Since != "", "--since", x.Since)
	add(x.FromSeq != 0, "--from-seq", strconv.FormatUint(x.FromSeq, 10))
	add(x.EveryEvent, "--every-event")
	add(x.To != "", "--to", x.To)
	add(x.toKeyFile != "", "--to-api-key-file", x.toKeyFile)
	add(x.concurrency != 0, "--concurrency", strconv.Itoa(x.concurrency))
	add(x.timeout != "", "--timeout", x.timeout)
	add(resume && x.yes, "--yes")
	add(resume, "--resume")
	for n, arg := range args {
		args[n] = shellQuote(arg)
	}
	return strings.Join(args, " ")
}

// shellQuote quotes an argument where a shell would change it.
func shellQuote(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=+,@%", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !plain(r) }) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
