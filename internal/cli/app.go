package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"odasync/internal/ops"
)

// Exit codes of every command.
const (
	exitDone     = 0
	exitNegative = 1
	exitError    = 2
)

// errNegative is a command's answer no; the command has said it in words.
var errNegative = errors.New("negative answer")

// Main runs ctl and returns its exit code. SIGINT and SIGTERM stop a running command in order, the second at once.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // gives the second signal its usual effect
	return execute(ctx, args, os.Stdout, os.Stderr)
}

// execute runs one command line until it is done or the context ends.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := newApp()
	app.Writer, app.ErrWriter = stdout, stderr
	ctx, cancel := withGiveUp(ctx)
	defer cancel()
	err := reason(ctx, app.RunContext(ctx, flagsFirst(app, args)))
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errNegative):
		return exitNegative
	}
	_, _ = fmt.Fprintf(stderr, "ctl: %v\n", err) // the exit code says it too
	return exitError
}

func newApp() *cli.App {
	app := &cli.App{
		Name:            "ctl",
		Usage:           "run, test and explain odasync",
		Version:         ops.BuildInfo(),
		HideHelpCommand: true,
		Commands: []*cli.Command{
			runCommand(), testCommand(), listCommand(), statusCommand(), eventsCommand(), diffCommand(),
			syncCommand(), reconcileCommand(), replayCommand(), dlqCommand(), registryCommand(), healthCommand(),
		},
		ExitErrHandler: func(*cli.Context, error) {}, // Main decides
		OnUsageError:   wrongUse("ctl"),
		Action:         groupAction("ctl", cli.ShowAppHelp),
	}
	complete(app.Name, app.Commands)
	return app
}

// complete gives every command what the library would otherwise do its own way: on wrong use it prints the whole help
// to stdout.
func complete(parent string, commands []*cli.Command) {
	for _, command := range commands {
		name := parent + " " + command.Name
		command.HideHelpCommand = true
		command.OnUsageError = wrongUse(name)
		if len(command.Subcommands) > 0 {
			command.Action = groupAction(name, cli.ShowSubcommandHelp)
		}
		complete(name, command.Subcommands)
	}
}

func wrongUse(name string) cli.OnUsageErrorFunc {
	return func(_ *cli.Context, err error, _ bool) error { return fmt.Errorf("%w: see %s --help", err, name) }
}

// groupAction is what a name does that has commands below it.
func groupAction(name string, help func(*cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if c.Args().Present() {
			return fmt.Errorf("unknown command %q: see %s --help", c.Args().First(), name)
		}
		return help(c)
	}
}

// negative prints why the answer is no.
func negative(c *cli.Context, reason error) error {
	_, _ = fmt.Fprintf(c.App.ErrWriter, "ctl: %v\n", reason) // the exit code says it too
	return errNegative
}
