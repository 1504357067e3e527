package cli

import (
	"fmt"
	"io"
	"strings"

	"odasync/internal/ops"
)

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct {
	out   io.Writer
	shown bool
}

func newProgress(out io.Writer) *progress {
	if !ops.IsTerminal(out) {
		out = nil
	}
	return &progress{out: out}
}

// show draws the bar; a single step needs none.
func (p *progress) show(done, total int) {
	if p.out == nil || total < 2 {
		return
	}
	const width = 30
	filled := width * done / total
	_, _ = fmt.Fprintf(p.out, "\r[%s%s] %d/%d", strings.Repeat("=", filled), strings.Repeat(" ", width-filled), done, total)
	p.shown = true
}

// end leaves the bar's line.
func (p *progress) end() {
	if p.shown {
		_, _ = fmt.Fprintln(p.out)
		p.shown = false
	}
}
