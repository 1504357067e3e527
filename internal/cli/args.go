package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
)

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
