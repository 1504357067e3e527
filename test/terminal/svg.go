package terminal

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"odasync/internal/printable"
)

// The grid of the characters, in pixels. Every run of text is stretched to its columns, whichever font the reader has.
const (
	column = 8.4
	row    = 20
	margin = 16
	bar    = 28 // the window's title bar
)

// minColumns keeps the title bar of a narrow session in proportion.
const minColumns = 60

const style = `<style>
.w{fill:#ffffff;stroke:#c9ced4}.b{fill:#eef0f2}.t{fill:#1f2328;font:14px ui-monospace,"Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}
.n{fill:#59636e}.d{fill:#b6bdc5}.bold{font-weight:600}.dim{fill:#59636e}
.c1{fill:#b3261e}.c2{fill:#0c6436}.c3{fill:#7d4600}.c4{fill:#0a5c8c}.c5{fill:#7a3e9d}.c6{fill:#0b6b74}
@media(prefers-color-scheme:dark){.w{fill:#161b22;stroke:#3d444d}.b{fill:#21262d}.t{fill:#e6edf3}.n,.dim{fill:#9aa4ae}.d{fill:#484f58}
.c1{fill:#ff8a80}.c2{fill:#86dba8}.c3{fill:#f0c272}.c4{fill:#83c1ea}.c5{fill:#d2a8ff}.c6{fill:#76d7de}}
</style>
`

// SVG draws a session under a title.
func SVG(title, session string) string {
	lines := strings.Split(strings.TrimRight(session, "\n"), "\n")
	var text strings.Builder
	columns, now := minColumns, pen{}
	for i, line := range lines {
		var runs []run
		if runs, now = now.read(line); len(runs) > 0 {
			columns = max(columns, draw(&text, runs, bar+margin+float64(i)*row+14))
		}
	}
	width, height := 2*margin+float64(columns)*column, 2*margin+bar+float64(len(lines))*row
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">`+"\n",
		width, height, width, height, escape(title))
	out.WriteString(style)
	fmt.Fprintf(&out, `<rect class="w" x=".5" y=".5" width="%.0f" height="%.0f" rx="8"/><path class="b" d="M1 %dV8a7 7 0 0 1 7-7H%.0fa7 7 0 0 1 7 7V%dz"/>`+"\n",
		width-1, height-1, bar, width-8, bar)
	out.WriteString(`<circle class="d" cx="18" cy="14" r="5"/><circle class="d" cx="36" cy="14" r="5"/><circle class="d" cx="54" cy="14" r="5"/>` + "\n")
	fmt.Fprintf(&out, `<text class="t n" x="%.0f" y="19" text-anchor="middle">%s</text>`+"\n", width/2, escape(title))
	out.WriteString(text.String())
	out.WriteString("</svg>\n")
	return out.String()
}

// draw writes the runs of a line at the height y, and returns its columns.
func draw(out *strings.Builder, runs []run, y float64) int {
	at := 0
	for _, r := range runs {
		width := utf8.RuneCountInString(r.text)
		if strings.TrimSpace(r.text) != "" {
			fmt.Fprintf(out, `<text class="%s" x="%.1f" y="%.0f" textLength="%.1f" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n",
				r.class(), margin+float64(at)*column, y, float64(width)*column, escape(r.text))
		}
		at += width
	}
	return at
}

// pen is how text is written: a colour from 1 to 6, 0 for none, bold or dim.
type pen struct {
	colour    int
	bold, dim bool
}

// run is text of one pen.
type run struct {
	pen
	text string
}

func (p pen) class() string {
	class := "t"
	if p.colour > 0 {
		class += fmt.Sprintf(" c%d", p.colour)
	}
	if p.bold {
		class += " bold"
	}
	if p.dim {
		class += " dim"
	}
	return class
}

// sgr matches the sequence that changes colour and weight.
var sgr = regexp.MustCompile(`\x1b\[([\d;]*)m`)

// read divides a line into runs, and returns the pen that the next line begins with.
func (p pen) read(line string) ([]run, pen) {
	if strings.HasPrefix(line, "$ ") {
		return []run{{pen{dim: true}, "$ "}, {pen{bold: true}, printable.Line(line[2:])}}, pen{}
	}
	var runs []run
	add := func(text string) {
		if text != "" {
			runs = append(runs, run{p, printable.Line(text)})
		}
	}
	from := 0
	for _, at := range sgr.FindAllStringSubmatchIndex(line, -1) {
		add(line[from:at[0]])
		p = p.change(line[at[2]:at[3]])
		from = at[1]
	}
	add(line[from:])
	return runs, p
}

// change applies the parameters of a sequence. Unknown ones change nothing.
func (p pen) change(parameters string) pen {
	for _, parameter := range strings.Split(parameters, ";") {
		switch parameter {
		case "", "0":
			p = pen{}
		case "1":
			p.bold = true
		case "2":
			p.dim = true
		case "22":
			p.bold, p.dim = false, false
		case "39":
			p.colour = 0
		case "31", "32", "33", "34", "35", "36", "91", "92", "93", "94", "95", "96":
			p.colour = int(parameter[1] - '0')
		}
	}
	return p
}

func escape(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(printable.Line(text))) // a Builder takes everything
	return out.String()
}
