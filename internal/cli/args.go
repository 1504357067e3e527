package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags behind a command's arguments before them, where the library expects them. What follows a lone --
// is not moved.
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
		if arg == "--help" || arg == "-h" { // behind an argument the library looks for a command of that name
			return append(args[:at:at], arg)
		}
		options = append(options, arg)
		if takesValue(flags, arg) {
			if len(rest) == 1 { // the library reports the missing value of a last flag
				return append(args[:at:at], options...)
			}
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

func timeoutFlag(value time.Duration) cli.Flag {
	return &cli.DurationFlag{Name: "timeout", Value: value, Usage: "give up after this `DURATION`", Action: func(_ *cli.Context, d time.Duration) error {
		if d <= 0 {
			return errors.New("--timeout must be more than 0, such as 30s")
		}
		return nil
	}}
}

// outputFlag is -o with the formats of a command; the first is the default.
func outputFlag(formats ...string) cli.Flag {
	return &cli.StringFlag{
		Name: "output", Aliases: []string{"o"}, Value: formats[0], Usage: "output `FORMAT`: " + strings.Join(formats, ", "),
		Action: func(_ *cli.Context, format string) error {
			if !slices.Contains(formats, format) {
				return fmt.Errorf("--output is %q: %s", format, strings.Join(formats, ", "))
			}
			return nil
		},
	}
}

// targetFlag selects the target. It takes precedence over SYNC_TARGET.
func targetFlag() cli.Flag {
	return &cli.StringFlag{Name: "target", Usage: "the `TARGET`, which is a registry and its syncers (default: SYNC_TARGET)"}
}

func namespaceFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "namespace", Aliases: []string{"n"}, Usage: usage}
}

func dryRunFlag(usage string) cli.Flag { return &cli.BoolFlag{Name: "dry-run", Usage: usage} }

// noArgs refuses arguments of a command that takes none.
func noArgs(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("unexpected argument %q: see %s --help", c.Args().First(), c.Command.HelpName)
	}
	return nil
}
