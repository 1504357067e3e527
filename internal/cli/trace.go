package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/render"
	"odasync/internal/component"
	"odasync/internal/explain"
)

func traceCommand() *cli.Command {
	return &cli.Command{
		Name:      "trace",
		Usage:     "show the path of a component's latest change from the cluster to the registry",
		ArgsUsage: "NAME",
		Description: "Shows when the watcher saw the change, its place in the stream, the attempts to apply it with their requests, results and\n" +
			"durations, and the state that came of it. The clocks are those of watcher, NATS server and syncer.\n\n" +
			"Exit code 1: NAME does not select one component, or nothing was published of it.\n\n" +
			"Examples:\n" +
			"  ctl trace catalog\n" +
			"  ctl trace shop/catalog -o json",
		Flags: []cli.Flag{
			namespaceFlag("`NAMESPACE` of the component"),
			outputFlag("table", "json", "yaml"),
			targetFlag(),
			timeoutFlag(10 * time.Second),
		},
		Action: func(c *cli.Context) error {
			return withKnown(c, func(ctx context.Context, s *session, key component.Key) error {
				trace, published, err := s.trace(ctx, key)
				if err != nil {
					return err
				}
				if !published {
					return negative(c, fmt.Errorf("nothing was published of %s/%s: `ctl why %s` explains why", key.Namespace, key.Name, key.Name))
				}
				return printTrace(c, &trace)
			})
		},
	}
}

// trace reads the path of the newest message; false where there is none.
func (s *session) trace(ctx context.Context, key component.Key) (explain.Trace, bool, error) {
	state, err := s.state(ctx, key) // before the message, so that it is not newer
	if err != nil {
		return explain.Trace{}, false, err
	}
	n, err := s.newest(ctx, key)
	if err != nil || n.Sequence == 0 {
		return explain.Trace{}, false, err
	}
	change := explain.Change{Event: n.Event, Undecodable: n.malformed, Stored: n.stored}
	if n.malformed == nil {
		described, err := (&eventComparer{session: s}).describe(ctx, n.Event)
		if err != nil {
			return explain.Trace{}, false, err
		}
		change.Changes = described.Changes
	}
	return explain.NewTrace(s.target, change, state), true, nil
}

func printTrace(c *cli.Context, t *explain.Trace) error {
	if done, err := printAs(c.App.Writer, c.String("output"), t); done {
		return err
	}
	begun := t.Stored
	if t.Seen != nil {
		begun = *t.Seen
	}
	var rows [][]string
	step := func(name string, at time.Time, format string, args ...any) {
		rows = append(rows, []string{name, at.Local().Format("2006-01-02 15:04:05.000"), fmt.Sprintf("%+.3fs", at.Sub(begun).Seconds()), fmt.Sprintf(format, args...)})
	}
	if t.Seen != nil {
		version := ""
		if t.ResourceVersion != "" { // a file has none
			version = ", resourceVersion " + t.ResourceVersion
		}
		step("cluster", *t.Seen, "%s%s: %s", t.Event, version, strings.Join(t.Changes, ", "))
	}
	step("stream", t.Stored, "stored with sequence %d", t.Sequence)
	for n, a := range t.Attempts {
		number := strconv.Itoa(n + 1)
		if left := len(t.Attempts) - n; n > 0 { // the first is kept, and the last ones
			number = strconv.Itoa(t.Tried - left + 1)
		}
		step("syncer", a.Time, "attempt %s%s: %s after %.3fs, %d %s, %d %s", number, requested(a), result(a), a.Seconds, a.Requests, render.Plural(a.Requests, "request"), a.Writes, render.Plural(a.Writes, "write"))
	}
	if t.Recorded != nil {
		step("registry", *t.Recorded, "%s", conclusion(t))
	} else {
		rows = append(rows, []string{"registry", "-", "-", conclusion(t)})
	}
	return table(c, []string{"STEP", "TIME", "AFTER", "DETAIL"}, rows)
}

func requested(a explain.TracedAttempt) string {
	if a.Compared {
		return " (comparison)"
	}
	return ""
}

// result is how an attempt ended, such as: failed (invalid, HTTP 422).
func result(a explain.TracedAttempt) string {
	switch {
	case a.Class == "":
		return "done"
	case a.Status == 0:
		return fmt.Sprintf("failed (%s)", a.Class)
	}
	return fmt.Sprintf("failed (%s, HTTP %d)", a.Class, a.Status)
}

// conclusion is the last step of a trace.
func conclusion(t *explain.Trace) string {
	text := strings.ReplaceAll(t.State, "_", " ")
	if t.ID != "" {
		text += ", id " + t.ID
	}
	if t.Unchanged {
		text += ", the registry had this content already"
	}
	if t.Error != "" {
		text += ": " + t.Error
	}
	return text
}
