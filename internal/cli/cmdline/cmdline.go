// Package cmdline brings a command line into the order that the library parses: flags are accepted before the command, and before and
// behind its arguments, as kubectl and others do.
package cmdline

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// FlagsFirst moves flags before or behind a command's arguments to where the library expects them, between the command and its
// arguments. Before the command only those that are common to commands are known. What follows a lone -- is not moved.
func FlagsFirst(app *cli.App, args []string) []string {
	leading, at := leadingFlags(app, args)
	commands := app.Commands
	var path []string
	var flags []cli.Flag
	for at < len(args) {
		command := Find(commands, args[at])
		if command == nil {
			break
		}
		if command.SkipFlagParsing {
			return args
		}
		path = append(path, args[at])
		commands, flags, at = command.Subcommands, command.Flags, at+1
	}
	if flags == nil {
		return args
	}
	start := append(args[:1:1], path...)
	options := leading
	var others []string
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
		if arg == "--help" || arg == "-h" { // behind an argument the library looks for a command of that name
			return append(start, arg)
		}
		given := split(flags, arg)
		options = append(options, given...)
		if len(given) == 1 && TakesValue(flags, arg) {
			if len(rest) == 1 { // the library reports the missing value of a last flag
				return append(start, options...)
			}
			rest = rest[1:]
			options = append(options, rest[0])
		}
	}
	return append(append(start, options...), others...)
}

// leadingFlags returns the common flags before the command, with their values, and where the command is. It is 1 where there are
// others, too, which are those of ctl itself.
func leadingFlags(app *cli.App, args []string) (leading []string, at int) {
	for at = 1; at < len(args) && strings.HasPrefix(args[at], "-"); at++ {
		name, _, _ := strings.Cut(strings.TrimLeft(args[at], "-"), "=")
		given := split(app.Flags, args[at])
		if len(given) == 1 && !HasFlag(app.Flags, name) {
			return nil, 1
		}
		leading = append(leading, given...)
		if len(given) == 1 && TakesValue(app.Flags, args[at]) && at+1 < len(args) {
			at++
			leading = append(leading, args[at])
		}
	}
	return leading, at
}

// split returns a short flag with its value attached, such as -ojson, as flag and value; others as they are.
func split(flags []cli.Flag, arg string) []string {
	if strings.HasPrefix(arg, "--") || len(arg) < 3 || arg[2] == '=' {
		return []string{arg}
	}
	name, _, _ := strings.Cut(arg[1:], "=")
	if short := arg[:2]; !HasFlag(flags, name) && TakesValue(flags, short) {
		return []string{short, arg[2:]}
	}
	return []string{arg}
}

// Find returns the command with the name; nil for none.
func Find(commands []*cli.Command, name string) *cli.Command {
	for _, command := range commands {
		if command.HasName(name) {
			return command
		}
	}
	return nil
}

// TakesValue reports whether the argument is a flag whose value is the next argument.
func TakesValue(flags []cli.Flag, arg string) bool {
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

// HasFlag reports whether one of the flags has the name.
func HasFlag(flags []cli.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(flag cli.Flag) bool { return slices.Contains(flag.Names(), name) })
}
