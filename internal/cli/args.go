package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags before or behind a command's arguments to where the library expects them, between the command and its
// arguments. Before the command only those that are common to commands are known. What follows a lone -- is not moved.
func flagsFirst(app *cli.App, args []string) []string {
	leading, at := leadingFlags(app, args)
	commands := app.Commands
	var path []string
	var flags []cli.Flag
	for at < len(args) {
		command := find(commands, args[at])
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
		if len(given) == 1 && takesValue(flags, arg) {
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
		if len(given) == 1 && !hasFlag(app.Flags, name) {
			return nil, 1
		}
		leading = append(leading, given...)
		if len(given) == 1 && takesValue(app.Flags, args[at]) && at+1 < len(args) {
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
	if short := arg[:2]; !hasFlag(flags, name) && takesValue(flags, short) {
		return []string{short, arg[2:]}
	}
	return []string{arg}
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, command := range commands {
		if command.HasName(name) {
			return command
		}
	}
	return nil
}

// takesValue reports whether the argument is a flag whose value is the next argument.
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

// sinceFlag is --since; sinceTime parses it.
func sinceFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "since", Usage: usage, Action: func(_ *cli.Context, text string) error {
		_, err := parseSince(text, time.Now())
		return err
	}}
}

// sinceTime returns the time of --since; zero where it is not given.
func sinceTime(c *cli.Context) (time.Time, error) {
	if !c.IsSet("since") {
		return time.Time{}, nil
	}
	return parseSince(c.String("since"), time.Now())
}

var days = regexp.MustCompile(`^([0-9]{1,5})d`)

// parseSince parses a time in RFC 3339 or a time before now: a Go duration that may begin with days, such as 90s, 2h, 7d or
// 1d12h.
func parseSince(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		if at.After(now) {
			return time.Time{}, fmt.Errorf("--since is %q: it is in the future", text)
		}
		return at, nil
	}
	var ago time.Duration
	rest := text
	if match := days.FindStringSubmatch(text); match != nil {
		number, _ := strconv.Atoi(match[1]) // at most five digits
		ago, rest = time.Duration(number)*24*time.Hour, text[len(match[0]):]
	}
	if rest != "" || ago == 0 {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 || ago+more <= 0 {
			return time.Time{}, fmt.Errorf("--since is %q: give a time such as 2026-01-02T15:04:05Z, or a duration such as 90s, 15m, 2h or 7d", text)
		}
		ago += more
	}
	return now.Add(-ago), nil
}

// noArgs refuses arguments of a command that takes none.
func noArgs(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("unexpected argument %q: see %s --help", c.Args().First(), c.Command.HelpName)
	}
	return nil
}
