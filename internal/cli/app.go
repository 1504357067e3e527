package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

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
	return execute(ctx, args, os.Stdout, os.Stderr)
}

// execute runs a command line until it is done or the context ends.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := newApp()
	app.Writer, app.ErrWriter = stdout, stderr
	running, cancel := withAbort(ctx)
	defer cancel()
	err := abortCause(running, app.RunContext(running, flagsFirst(app, args)))
	switch {
	case err == nil:
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
		Commands: []*cli.Command{
			runCommand(), testCommand(), listCommand(), statusCommand(), eventsCommand(), diffCommand(),
			syncCommand(), reconcileCommand(), approveCommand(), replayCommand(), dlqCommand(), previewCommand(), registryCommand(), healthCommand(),
		},
		ExitErrHandler: func(*cli.Context, error) {}, // execute decides
		OnUsageError:   usageError("ctl"),
		Action:         groupAction("ctl", cli.ShowAppHelp),
	}
	prepare(app.Name, app.Commands)
	return app
}

// prepare replaces the library's reaction to wrong usage, which prints the whole help to stdout.
func prepare(parent string, commands []*cli.Command) {
	for _, command := range commands {
		name := parent + " " + command.Name
		command.HideHelpCommand = true
		command.OnUsageError = usageError(name)
		if len(command.Subcommands) > 0 {
			command.Action = groupAction(name, cli.ShowSubcommandHelp)
		}
		prepare(name, command.Subcommands)
	}
}

func usageError(name string) cli.OnUsageErrorFunc {
	return func(_ *cli.Context, err error, _ bool) error { return fmt.Errorf("%w: see %s --help", err, name) }
}

// groupAction is the action of a command that only has subcommands.
func groupAction(name string, help func(*cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if c.Args().Present() {
			return fmt.Errorf("unknown command %q: see %s --help", c.Args().First(), name)
		}
		return help(c)
	}
}

// negative reports a negative result on stderr.
func negative(c *cli.Context, reason error) error {
	note(c, "ctl: %v", reason)
	return errNegative
}
