package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	"sigs.k8s.io/yaml"

	"odasync/internal/ops"
)

// printAs writes a value as json or yaml, and reports whether the format is one of them.
func printAs(out io.Writer, format string, value any) (bool, error) {
	switch format {
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return true, encoder.Encode(value)
	case "yaml":
		text, err := yaml.Marshal(value)
		if err != nil {
			return true, err
		}
		_, err = out.Write(text)
		return true, err
	}
	return false, nil
}

// printList writes a list as json, yaml or names, or reports that it is empty; false where the caller has to write a table.
func printList[T any](c *cli.Context, all []T, none string, name func(T) string) (done bool, err error) {
	format := c.String("output")
	if done, err := printAs(c.App.Writer, format, all); done {
		return true, err
	}
	if format == "name" {
		for _, one := range all {
			if _, err := fmt.Fprintln(c.App.Writer, name(one)); err != nil {
				return true, err
			}
		}
		return true, nil
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(c.App.ErrWriter, none)
		return true, err
	}
	return false, nil
}

// table writes rows in aligned columns.
func table(out io.Writer, header []string, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct {
	out   io.Writer
	drawn bool
}

func newProgress(out io.Writer) *progress {
	if !ops.IsTerminal(out) {
		out = nil
	}
	return &progress{out: out}
}

// draw draws the bar; a single step needs none.
func (p *progress) draw(done, total int) { p.drawRate(done, total, 0) }

// drawRate is draw with the rate and the remaining time.
func (p *progress) drawRate(done, total int, elapsed time.Duration) {
	if p.out == nil || total < 2 {
		return
	}
	fmt.Fprintf(p.out, "\r%s%-30s", bar(done, total), rate(done, total, elapsed)) // blanks over a longer text
	p.drawn = true
}

func bar(done, total int) string {
	const width = 30
	filled := width * done / total
	return fmt.Sprintf("[%s%s] %d/%d", strings.Repeat("=", filled), strings.Repeat(" ", width-filled), done, total)
}

// rate is the number of steps a second and the time for the rest at that rate; empty before the first is done.
func rate(done, total int, elapsed time.Duration) string {
	if done == 0 || elapsed <= 0 {
		return ""
	}
	left := time.Duration(float64(elapsed) / float64(done) * float64(total-done))
	return fmt.Sprintf(", %.1f/s, %s left", float64(done)/elapsed.Seconds(), left.Round(time.Second))
}

// end leaves the bar's line.
func (p *progress) end() {
	if p.drawn {
		fmt.Fprintln(p.out)
		p.drawn = false
	}
}
