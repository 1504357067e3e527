package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/event"
)

// printEvents prints a history that is complete.
func printEvents(c *cli.Context, events []Event) error {
	form := c.String("output")
	if done, err := printAs(c.App.Writer, form, events); done {
		return err
	}
	if len(events) == 0 {
		_, err := fmt.Fprintln(c.App.ErrWriter, "no events since then")
		return err
	}
	wide := form == "wide"
	rows := make([][]string, len(events))
	for n, e := range events {
		rows[n] = e.row(wide)
	}
	return table(c.App.Writer, eventHeader(wide), rows)
}

func eventHeader(wide bool) []string {
	if wide {
		return []string{"SEQUENCE", "TIME", "EVENT", "VERSION", "HASH", "RESOURCEVERSION", "UID", "VERIFY", "CHANGES"}
	}
	return []string{"SEQUENCE", "TIME", "EVENT", "VERSION", "HASH", "RESOURCEVERSION", "VERIFY", "CHANGES"}
}

func (e *Event) row(wide bool) []string {
	hash, verify := e.Hash, "-"
	if !wide {
		hash = hash[:min(len(hash), 8)]
	}
	if e.Verify {
		verify = "yes"
	}
	row := []string{
		strconv.FormatUint(e.Sequence, 10), e.Time.Local().Format(time.DateTime), e.Event, dash(e.Version), dash(hash), dash(e.ResourceVersion),
	}
	if wide {
		row = append(row, dash(e.UID))
	}
	return append(row, verify, strings.Join(e.Changes, ", "))
}

// eventPrinter prints events one by one, each at once: the columns are as wide as values usually are.
type eventPrinter struct {
	c     *cli.Context
	form  string
	begun bool
}

func newEventPrinter(c *cli.Context) *eventPrinter {
	return &eventPrinter{c: c, form: c.String("output")}
}

func (p *eventPrinter) print(e Event) error {
	out := p.c.App.Writer
	switch p.form {
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(e) // one line each
	case "yaml":
		if _, err := fmt.Fprintln(out, "---"); err != nil {
			return err
		}
		_, err := printAs(out, p.form, e)
		return err
	}
	wide := p.form == "wide"
	if !p.begun {
		p.begun = true
		if err := p.line(append([]string{"NAMESPACE", "NAME"}, eventHeader(wide)...)); err != nil {
			return err
		}
	}
	return p.line(append([]string{e.Namespace, e.Name}, e.row(wide)...))
}

func (p *eventPrinter) line(row []string) error {
	widths := []int{15, 24, 8, 19, 8, 10, 8, 15, 6}
	if p.form == "wide" {
		widths = []int{15, 24, 8, 19, 8, 10, 64, 15, 36, 6}
	}
	var text strings.Builder
	for n, width := range widths {
		fmt.Fprintf(&text, "%-*s   ", width, row[n])
	}
	_, err := fmt.Fprintln(p.c.App.Writer, text.String()+row[len(widths)])
	return err
}

// wordTerminating is a component's field and what is said of its change.
const wordTerminating = "terminating"

// changeWords says what an event changed after the one before it.
func changeWords(before, after event.Event) []string {
	var words []string
	recreated := before.UID != "" && after.UID != "" && before.UID != after.UID
	switch {
	case after.Deleted() && before.Deleted():
	case after.Deleted():
		words = append(words, "deleted")
	case before.Deleted():
		return []string{"created again"}
	default:
		if recreated {
			words = append(words, "created anew")
		}
		for _, change := range component.Changes(before.Component, after.Component) {
			words = append(words, fieldWords(change))
		}
	}
	if len(words) == 0 {
		words = append(words, "nothing")
	}
	return words
}

// fieldWords says one change, such as: version 1.0 -> 1.1, +api orders, status Complete.
func fieldWords(change component.Change) string {
	field := strings.TrimPrefix(change.Field, "metadata.")
	if field == "deploymentStatus" {
		field = "status"
	}
	name, isAPI := strings.CutPrefix(field, "api ")
	switch api, readiness := strings.CutSuffix(name, " ready"); {
	case isAPI && change.After == component.Present:
		return "+" + field
	case isAPI && change.Before == component.Present:
		return "-" + field
	case isAPI && readiness && change.After == "true":
		return "api " + api + " ready"
	case isAPI && readiness:
		return "api " + api + " pending"
	case field == wordTerminating && change.After != "":
		return wordTerminating
	case change.After == "":
		return "-" + field
	case change.Before == "":
		return field + " " + brief(change.After)
	}
	return field + " " + brief(change.Before) + " -> " + brief(change.After)
}

// brief is a value on one line, and not the whole of a long one.
func brief(value string) string {
	const most = 60
	text := []rune(strings.Join(strings.Fields(value), " "))
	if len(text) > most {
		return strings.TrimRight(string(text[:most-1]), " ") + "…"
	}
	return string(text)
}
