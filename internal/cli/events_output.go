package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/render"
	"odasync/internal/component"
	"odasync/internal/event"
)

// printEvents prints a complete history.
func printEvents(c *cli.Context, events []Event) error {
	format := c.String("output")
	if done, err := printAs(c.App.Writer, format, events); done {
		return err
	}
	if len(events) == 0 {
		note(c, "no events")
		return nil
	}
	wide := format == "wide"
	rows := make([][]string, len(events))
	for n, e := range events {
		rows[n] = withOutcome(e.row(wide), dash(e.Outcome))
	}
	return table(c, withOutcome(eventHeader(wide), "OUTCOME"), rows)
}

func eventHeader(wide bool) []string {
	if wide {
		return []string{"SEQUENCE", "TIME", "EVENT", "VERSION", "HASH", "RESOURCEVERSION", "UID", "CHANGES"}
	}
	return []string{"SEQUENCE", "TIME", "EVENT", "VERSION", "HASH", "RESOURCEVERSION", "CHANGES"}
}

func (e *Event) row(wide bool) []string {
	hash := e.Hash
	if !wide {
		hash = hash[:min(len(hash), 8)]
	}
	row := []string{
		strconv.FormatUint(e.Sequence, 10), e.Time.Local().Format(time.DateTime), e.Event, dash(e.Version), dash(hash), dash(e.ResourceVersion),
	}
	if wide {
		row = append(row, dash(e.UID))
	}
	return append(row, strings.Join(e.Changes, ", "))
}

// withOutcome returns the row with another cell before the changes, which may be long.
func withOutcome(row []string, outcome string) []string {
	return slices.Insert(row, len(row)-1, outcome)
}

// eventPrinter prints events one by one, in columns as wide as usual values.
type eventPrinter struct {
	c      *cli.Context
	format string
	begun  bool
}

func newEventPrinter(c *cli.Context) *eventPrinter {
	return &eventPrinter{c: c, format: c.String("output")}
}

func (p *eventPrinter) print(e Event) error {
	out := p.c.App.Writer
	switch p.format {
	case "json":
		text, err := render.JSON(e, "") // one line each
		if err == nil {
			_, err = out.Write(text)
		}
		return err
	case "yaml":
		if err := line(out, "---"); err != nil {
			return err
		}
		_, err := printAs(out, p.format, e)
		return err
	}
	wide := p.format == "wide"
	if done, err := printAs(out, p.format, e); done { // by a JSONPath template
		return err
	}
	if !p.begun && !p.c.Bool("no-headers") {
		p.begun = true
		if err := p.line(append([]string{"NAMESPACE", "NAME"}, eventHeader(wide)...)); err != nil {
			return err
		}
	}
	return p.line(append([]string{e.Namespace, e.Name}, e.row(wide)...))
}

func (p *eventPrinter) line(row []string) error {
	widths := []int{15, 24, 8, 19, 8, 10, 8, 15}
	if p.format == "wide" {
		widths = []int{15, 24, 8, 19, 8, 10, 64, 15, 36}
	}
	var text strings.Builder
	cells := render.Cells(row)
	for n, width := range widths {
		fmt.Fprintf(&text, "%-*s   ", width, cells[n])
	}
	return line(p.c.App.Writer, "%s", text.String()+cells[len(widths)])
}

// nothing is the description of an event without a change.
const nothing = "nothing"

// terminating is a component's field and the description of its change.
const terminating = "terminating"

// describeChanges describes what an event changed.
func describeChanges(before, after event.Event) []string {
	var changes []string
	recreated := before.UID != "" && after.UID != "" && before.UID != after.UID
	switch {
	case after.Deleted() && before.Deleted():
	case after.Deleted():
		changes = append(changes, "deleted")
	case before.Deleted():
		return []string{"created again"}
	default:
		if recreated {
			changes = append(changes, "recreated")
		}
		for _, change := range component.Changes(before.Component, after.Component) {
			changes = append(changes, describeChange(change))
		}
	}
	if len(changes) == 0 {
		changes = append(changes, nothing)
	}
	return changes
}

// describeChange describes one change, such as: version 1.0 -> 1.1, +api orders, status Complete.
func describeChange(change component.Change) string {
	field := strings.TrimPrefix(change.Field, "metadata.")
	if field == "deploymentStatus" {
		field = "status"
	}
	isAPI := strings.HasPrefix(field, "api ") || strings.HasPrefix(field, "dependency ")
	switch api, readiness := strings.CutSuffix(field, " ready"); {
	case isAPI && change.After == component.Present:
		return "+" + field
	case isAPI && change.Before == component.Present:
		return "-" + field
	case isAPI && readiness && change.After == "true":
		return field
	case isAPI && readiness:
		return api + " pending"
	case field == terminating && change.After != "":
		return terminating
	case change.After == "":
		return "-" + field
	case change.Before == "":
		return field + " " + brief(change.After)
	}
	return field + " " + brief(change.Before) + " -> " + brief(change.After)
}

// brief is a value on one line, cut off where it is long.
func brief(value string) string {
	const most = 60
	text := []rune(strings.Join(strings.Fields(value), " "))
	if len(text) > most {
		return strings.TrimRight(string(text[:most-1]), " ") + "…"
	}
	return string(text)
}
