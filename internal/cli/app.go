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
	err := app.RunContext(ctx, flagsFirst(app, args))
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
	return &cli.App{
		Name:            "ctl",
		Usage:           "run, test and explain odasync",
		Version:         ops.BuildInfo(),
		HideHelpCommand: true,
		Commands:        []*cli.Command{runCommand(), testCommand(), listCommand(), syncCommand(), registryCommand()},
		ExitErrHandler:  func(*cli.Context, error) {}, // Main decides
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return fmt.Errorf("%w: see ctl --help", err) },
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return fmt.Errorf("unknown command %q: see ctl --help", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
}
