package cli

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/flow"
	"odasync/internal/ops"
)

// watchInterval is the time between two looks of --watch.
const watchInterval = 2 * time.Second

// whileWatched runs a command once, or with --watch until Ctrl-C. On a terminal its output is redrawn in place. Elsewhere
// it is appended where it has changed: the lines that are new in a list, which has one for each object, or else all of it.
func whileWatched(c *cli.Context, list bool, once func() error) error {
	if !c.Bool("watch") {
		return once()
	}
	w := &watch{out: c.App.Writer, errOut: c.App.ErrWriter, terminal: ops.IsTerminal(c.App.Writer)}
	w.lines = list && (c.String("output") == "table" || c.String("output") == "wide" || c.String("output") == "name")
	colour := ops.ColorNever // the output is written to memory first
	if ops.UseColor(w.out, c.String("color")) {
		colour = ops.ColorAlways
	}
	if err := c.Set("color", colour); err != nil {
		return err
	}
	defer func() { c.App.Writer, c.App.ErrWriter = w.out, w.errOut }()
	for {
		if err := w.look(c, once); err != nil || c.Context.Err() != nil {
			return err
		}
		if flow.Sleep(c.Context, watchInterval) != nil {
			return nil
		}
	}
}

// watch is the output of a watched command.
type watch struct {
	out, errOut io.Writer
	terminal    bool
	lines       bool // new lines are appended, not all
	begun       bool
	before      string
}

// look runs the command and prints its output. The first failure ends the watch before it has begun; later ones may pass.
func (w *watch) look(c *cli.Context, once func() error) error {
	var text, messages strings.Builder
	c.App.Writer, c.App.ErrWriter = &text, &messages
	err := once()
	c.App.Writer, c.App.ErrWriter = w.out, w.errOut
	switch {
	case c.Context.Err() != nil:
		return nil
	case err != nil && !errors.Is(err, errNegative) && !w.begun:
		return err
	case err != nil && !errors.Is(err, errNegative):
		printMessage(&messages, "ctl: %v", err)
	}
	shown := text.String()
	if w.terminal {
		return w.redraw(messages.String() + shown)
	}
	if !w.begun || err != nil {
		_ = write(w.errOut, messages.String()) // as for all messages
	}
	w.begun = true
	if shown == w.before || shown == "" {
		return nil
	}
	appended := shown
	if w.lines {
		appended = newLines(w.before, shown)
	}
	w.before = shown
	return write(w.out, appended)
}

// redraw writes the text over the one before, without clearing the screen in between.
func (w *watch) redraw(text string) error {
	const home, endOfLine, endOfScreen, clear = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"
	screen := home + strings.ReplaceAll(text, "\n", endOfLine+"\n") + endOfScreen
	if !w.begun {
		screen = clear + screen
	}
	w.begun = true
	return write(w.out, screen)
}

// newLines returns the lines of a table that the one before does not have. An age that grows is no change.
func newLines(before, text string) string {
	known := map[string]bool{}
	age := column(text, "AGE")
	for line := range strings.Lines(before) {
		known[without(age, line)] = true
	}
	var all strings.Builder
	for line := range strings.Lines(text) {
		if !known[without(age, line)] {
			all.WriteString(line)
		}
	}
	return all.String()
}

// cells are separated by at least the gap between two columns, whose width may change.
var cells = regexp.MustCompile(` {3,}`)

// column is the number of the column with the header; -1 for none.
func column(text, header string) int {
	first, _, _ := strings.Cut(text, "\n")
	return slices.Index(cells.Split(first, -1), header)
}

// without returns the cells of a line without that of the column.
func without(column int, line string) string {
	all := cells.Split(line, -1)
	if column >= 0 && column < len(all) {
		all = slices.Delete(all, column, column+1)
	}
	return strings.Join(all, "\t")
}
