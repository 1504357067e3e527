package cli

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves the flags that stand after a command's arguments before them, where the library looks for them.
// What follows a lone -- stays.
func flagsFirst(app *cli.App, args []string) []string {
	commands, at := app.Commands, 1
	var flags []cli.Flag
	for at < len(args) {
		command := find(commands, args[at])
		if command == nil {
			break
		}
		commands, flags, at = command.Subcommands, command.Flags, at+1
	}
	if flags == nil {
		return args
	}
	var options, others []string
	for rest := args[at:]; len(rest) > 0; rest = rest[1:] {
		arg := rest[0]
		if arg == "--" {
			others = append(others, rest...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			others = append(others, arg)
			continue
		}
		if arg == "--help" || arg == "-h" { // the library would look for a command of the argument's name
			return append(args[:at:at], arg)
		}
		options = append(options, arg)
		if takesValue(flags, arg) && len(rest) > 1 {
			rest = rest[1:]
			options = append(options, rest[0])
		}
	}
	return append(append(args[:at:at], options...), others...)
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, command := range commands {
		if command.HasName(name) {
			return command
		}
	}
	return nil
}

// takesValue says whether the argument is a flag whose value is the next argument.
func takesValue(flags []cli.Flag, arg string) bool {
	if strings.Contains(arg, "=") {
		return false
	}
	for _, flag := range flags {
		for _, name := range flag.Names() {
			if name != strings.TrimLeft(arg, "-") {
				continue
			}
			_, boolean := flag.(*cli.BoolFlag)
			return !boolean
		}
	}
	return false
}
