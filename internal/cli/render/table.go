package render

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"odasync/internal/printable"
)

// Style is how a table looks.
type Style struct {
	NoHeaders bool
	// Color shows states in colour.
	Color bool
}

// gap is the space between two columns.
const gap = 3

// Table writes rows in aligned columns below the header.
func (s Style) Table(out io.Writer, header []string, rows [][]string) error {
	all := rows
	if !s.NoHeaders {
		all = append([][]string{header}, rows...)
	}
	widths := make([]int, len(header))
	lines := make([][]string, len(all))
	for n, row := range all {
		lines[n] = Cells(row)
		for column, cell := range lines[n] {
			widths[column] = max(widths[column], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for n, cells := range lines {
		for column, cell := range cells {
			padding := ""
			if column < len(cells)-1 {
				padding = strings.Repeat(" ", widths[column]+gap-utf8.RuneCountInString(cell))
			}
			if s.NoHeaders || n > 0 {
				cell = s.state(header[column], cell)
			}
			text.WriteString(cell + padding)
		}
		text.WriteByte('\n')
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// Cells returns the cells as they are printed.
func Cells(row []string) []string {
	cells := make([]string, len(row))
	for n, cell := range row {
		cells[n] = printable.Line(cell)
	}
	return cells
}

// stateColumns are the columns whose cells are states.
var stateColumns = []string{"REGISTRY", "STATE", "STATUS", "READY", "BREAKER", "OUTCOME", "REASON"}

// state colours a cell of a column of states.
func (s Style) state(column, cell string) string {
	if slices.Contains(stateColumns, column) {
		return s.Word(cell)
	}
	return cell
}

// The colours of states, as SGR parameters.
const (
	green  = "32"
	yellow = "33"
	red    = "31"
)

var colours = map[string]string{
	"synced": green, "ok": green, "✓": green, "yes": green, "closed": green, "repaired": green, "deleted": green,
	"pending": yellow, "retrying": yellow, "dismissed": yellow, "pending_approval": yellow, "half-open": yellow, "skipped": yellow, "Terminating": yellow,
	"failed": red, "FAIL": red, "✗": red, "no": red, "open": red, "malformed": red, "too_large": red, "invalid": red,
}

// Word colours a word that is a state.
func (s Style) Word(word string) string {
	colour, known := colours[word]
	if !s.Color || !known {
		return word
	}
	return "\x1b[" + colour + "m" + word + "\x1b[0m"
}
