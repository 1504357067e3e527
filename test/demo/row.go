package main

import (
	"strings"
	"unicode/utf8"
)

// widths are the columns of the table; together with the last one they fit 90 characters.
var widths = []int{22, 12, 8, 12, 20}

// row lays out the cells; the last one may be of any length.
func row(cells ...string) string {
	var line strings.Builder
	line.WriteString("  ")
	for i, cell := range cells {
		line.WriteString(cell)
		if i < len(widths) {
			line.WriteString(strings.Repeat(" ", max(1, widths[i]+1-utf8.RuneCountInString(cell))))
		}
	}
	return line.String()
}

// colour paints the statuses of APIs in a row.
func (s *screen) colour(row string) string {
	return strings.NewReplacer(" ready", s.green(" ready"), " pending", s.yellow(" pending")).Replace(row)
}
