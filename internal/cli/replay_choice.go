package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/replay"
)

// replayFlags are the flags of a replay that make up its command line.
type replayFlags struct {
	replay.Choice
	toKeyFile   string
	concurrency int
	timeout     string // empty for the default
}

// parseReplay reads the flags; nothing is selected by default.
func parseReplay(c *cli.Context) (replayFlags, error) {
	x := replayFlags{
		Choice: replay.Choice{
			Name: c.Args().First(), Namespace: c.String("namespace"), All: c.Bool("all"), Since: c.String("since"),
			FromSeq: c.Uint64("from-seq"), EveryEvent: c.Bool("every-event"), To: c.String("to"),
		},
		toKeyFile: c.String("to-api-key-file"), concurrency: c.Int("concurrency"),
	}
	if c.IsSet("timeout") {
		x.timeout = c.Duration("timeout").String()
	}
	if x.Since != "" {
		var err error
		if x.SinceTime, err = parseSince(x.Since, time.Now()); err != nil {
			return x, err
		}
	}
	switch {
	case c.NArg() > 1:
		return x, fmt.Errorf("unexpected argument %q: give one name, or select more with -n, --since, --from-seq or --all", c.Args().Get(1))
	case x.Name != "" && x.All:
		return x, errors.New("give the name of a component, or --all")
	case x.Name == "" && x.Namespace == "" && x.Since == "" && x.FromSeq == 0 && !x.All:
		return x, errors.New("select what to replay: the name of a component, -n, --since, --from-seq, or --all")
	case c.IsSet("to") && x.To == "":
		return x, errors.New("--to is empty: give the address of the registry to build, or omit it for the live one")
	case x.EveryEvent && x.To == "":
		return x, errors.New("--every-event would show older states in the live registry: give another one with --to URL")
	case c.IsSet("to-api-key-file") && x.To == "":
		return x, errors.New("--to-api-key-file needs --to")
	case c.IsSet("concurrency") && (x.concurrency < 1 || x.concurrency > 1024):
		return x, fmt.Errorf("--concurrency is %d: 1 to 1024", x.concurrency)
	case c.Duration("timeout") <= 0:
		return x, errors.New("--timeout must be more than 0, such as 30s")
	}
	return x, nil
}

// command is the line that runs the replay, or resumes it.
func (x *replayFlags) command(resume bool) string {
	args := []string{"ctl", "replay"}
	add := func(given bool, more ...string) {
		if given {
			args = append(args, more...)
		}
	}
	add(x.Name != "", x.Name)
	add(x.Namespace != "", "-n", x.Namespace)
	add(x.All, "--all")
	add(x.Since != "", "--since", x.Since)
	add(x.FromSeq != 0, "--from-seq", strconv.FormatUint(x.FromSeq, 10))
	add(x.EveryEvent, "--every-event")
	add(x.To != "", "--to", x.To)
	add(x.toKeyFile != "", "--to-api-key-file", x.toKeyFile)
	add(x.concurrency != 0, "--concurrency", strconv.Itoa(x.concurrency))
	add(x.timeout != "", "--timeout", x.timeout)
	add(resume, "--resume")
	for n, arg := range args {
		args[n] = shellQuote(arg)
	}
	return strings.Join(args, " ")
}

// shellQuote quotes an argument where a shell would change it.
func shellQuote(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=+,@%", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !plain(r) }) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
