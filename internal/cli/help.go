package cli

import (
	"github.com/urfave/cli/v2"

	"odasync/internal/cli/cmdline"
)

func helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "show the help of a command",
		ArgsUsage: "[COMMAND]...",
		Description: "Examples:\n" +
			"  ctl help\n" +
			"  ctl help dlq retry",
		Action: func(c *cli.Context) error {
			app := newApp()
			app.Writer, app.ErrWriter = c.App.Writer, c.App.ErrWriter
			commands := app.Commands
			for _, name := range c.Args().Slice() {
				next := cmdline.Find(commands, name)
				if next == nil {
					return unknownCommand("ctl", commands, name)
				}
				commands = next.Subcommands
			}
			return app.RunContext(c.Context, append(append([]string{app.Name}, c.Args().Slice()...), "--help"))
		},
	}
}
