package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"

	"odasync/internal/cli/cmdline"
	"odasync/internal/natsconn"
	"odasync/internal/ops"
)

// Exit codes of the commands.
const (
	exitOK       = 0
	exitNegative = 1
	exitError    = 2

	exitInterrupted = 130 // as of a program that SIGINT ends
)

// errNegative is a negative result that the command has reported, errUnreachable a server that cannot be
// reached, which it has reported too.
var (
	errNegative    = errors.New("negative result")
	errUnreachable = errors.New("a server cannot be reached")
)

// Main runs ctl and returns its exit code. The first SIGINT or SIGTERM stops a command in order, the second ends it.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal has its default effect
	keepPipes()
	return execute(ctx, args, os.Stdout, os.Stderr)
}

// execute runs a command line until it is done or the context ends.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := newApp()
	app.Writer, app.ErrWriter = stdout, stderr
	running, cancel := withAbort(ctx)
	defer cancel()
	err := natsconn.Denied(running, app.RunContext(running, cmdline.FlagsFirst(app, args)))
	switch {
	case err == nil:
		return exitOK
	case isClosed(stdout, err):
		return exitOK
	case errors.Is(err, errNegative):
		return exitNegative
	case errors.Is(err, errUnreachable):
		return exitError
	case ctx.Err() != nil:
		printMessage(stderr, "ctl: interrupted: %s", strings.TrimPrefix(err.Error(), "interrupted: "))
		return exitInterrupted
	}
	printMessage(stderr, "ctl: %v", err)
	return exitError
}

func newApp() *cli.App {
	app := &cli.App{
		Name:            "ctl",
		HelpName:        "ctl",
		Usage:           "run, inspect and repair odasync",
		Version:         ops.BuildInfo(),
		HideHelpCommand: true,
		Commands: slices.Concat(
			group("", runCommand(), testCommand()),
			group("Inspect", listCommand(), describeCommand(), apisCommand(), whyCommand(), traceCommand(), statusCommand(), eventsCommand(), diffCommand()),
			group("Registry", previewCommand(), registryCommand()),
			group("Repair", syncCommand(), reconcileCommand(), approveCommand(), replayCommand(), dlqCommand()),
			group("Tools", contextCommand(), healthCommand(), supportBundleCommand(), versionCommand(), completionCommand(), completeCommand(),
				idleCommand(), helpCommand()),
		),
		Flags:          globalFlags(),
		ExitErrHandler: func(*cli.Context, error) {}, // execute decides
		OnUsageError:   usageError("ctl"),
		Action:         groupAction("ctl", cli.ShowAppHelp),
	}
	prepare(app.Name, app.Commands)
	return app
}

// group puts commands under a heading of the help, which sorts the headings.
func group(heading string, commands ...*cli.Command) []*cli.Command {
	for _, command := range commands {
		command.Category = heading
	}
	return commands
}

// prepare replaces the library's reaction to wrong usage, which prints the whole help to stdout.
func prepare(parent string, commands []*cli.Command) {
	for _, command := range commands {
		name := parent + " " + command.Name
		command.HideHelpCommand = true
		complete(command)
		command.OnUsageError = usageError(name)
		if len(command.Subcommands) > 0 {
			command.Action = groupAction(name, cli.ShowSubcommandHelp)
		} else {
			command.Action = configured(command.Action)
		}
		prepare(name, command.Subcommands)
	}
}

// configured has the flags of a command configure it.
func configured(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		c.Context = withOverrides(c.Context, overridesOf(c))
		return action(c)
	}
}

// undefinedFlag begins the library's error of an unknown flag.
const undefinedFlag = "flag provided but not defined: -"

func usageError(name string) cli.OnUsageErrorFunc {
	return func(c *cli.Context, err error, _ bool) error {
		if unknown, ok := strings.CutPrefix(err.Error(), undefinedFlag); ok {
			flags := c.App.Flags
			if c.Command != nil && c.Command.Flags != nil {
				flags = c.Command.Flags
			}
			var names []string
			for _, flag := range flags {
				names = append(names, flag.Names()...)
			}
			if known := similar(names, unknown); known != "" {
				return fmt.Errorf("%w: did you mean --%s? See %s --help", err, known, name)
			}
		}
		return fmt.Errorf("%w: see %s --help", err, name)
	}
}

// groupAction is the action of a command that only has subcommands.
func groupAction(name string, help func(*cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if !c.Args().Present() {
			return help(c)
		}
		unknown, commands := c.Args().First(), c.App.Commands
		if c.Command != nil && len(c.Command.Subcommands) > 0 {
			commands = c.Command.Subcommands
		}
		return unknownCommand(name, commands, unknown)
	}
}

// unknownCommand is the error of a word that is none of the commands.
func unknownCommand(parent string, commands []*cli.Command, word string) error {
	var names []string
	for _, command := range commands {
		if !command.Hidden {
			names = append(names, command.Names()...)
		}
	}
	if known := similar(names, word); known != "" {
		return fmt.Errorf("unknown command %q: did you mean %q? See %s --help", word, known, parent)
	}
	return fmt.Errorf("unknown command %q: see %s --help", word, parent)
}

// similar is the most similar of the names; empty where none is similar.
func similar(names []string, word string) string {
	const (
		least            = 0.8 // below it, words only share some letters
		boost, prefixLen = 0.7, 4
	)
	found, best := "", least
	for _, name := range names {
		if score := smetrics.JaroWinkler(name, word, boost, prefixLen); score > best {
			found, best = name, score
		}
	}
	return found
}

// unreachable reports on stderr that a server cannot be reached or refuses odasync.
func unreachable(c *cli.Context, reason error) error {
	note(c, "ctl: %v", reason)
	return errUnreachable
}

// negative reports a negative result on stderr.
func negative(c *cli.Context, reason error) error {
	note(c, "ctl: %v", reason)
	return errNegative
}
