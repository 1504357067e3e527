package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

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
	_, _ = fmt.Fprint(p.out, "\r"+bar(done, total))
	p.shown = true
}

// showPace is show with how fast it goes and how long it will take.
func (p *progress) showPace(done, total int, took time.Duration) {
	if p.out == nil || total < 2 {
		return
	}
	_, _ = fmt.Fprintf(p.out, "\r%s%-30s", bar(done, total), pace(done, total, took)) // blanks over a longer text
	p.shown = true
}

func bar(done, total int) string {
	const width = 30
	filled := width * done / total
	return fmt.Sprintf("[%s%s] %d/%d", strings.Repeat("=", filled), strings.Repeat(" ", width-filled), done, total)
}

// pace says how many a second, and how long the rest will take at that rate; nothing before the first is done.
func pace(done, total int, took time.Duration) string {
	if done == 0 || took <= 0 {
		return ""
	}
	left := time.Duration(float64(took) / float64(done) * float64(total-done))
	return fmt.Sprintf(", %.1f/s, %s left", float64(done)/took.Seconds(), left.Round(time.Second))
}

// end leaves the bar's line.
func (p *progress) end() {
	if p.shown {
		_, _ = fmt.Fprintln(p.out)
		p.shown = false
	}
}
