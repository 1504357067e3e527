package progress

import (
	"fmt"
	"io"
	"strings"
	"time"

	"odasync/internal/ops"
)

// interval is the time between two lines where there is no terminal.
const interval = 10 * time.Second

// Progress is the progress of one piece of work. It is not safe for concurrent use.
type Progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time

	begun time.Time // of the work
	first int       // what was done then
	shown time.Time // the last line
	drawn bool      // the bar's line has not been left
}

// New returns the progress of work that begins now, which is shown on out.
func New(out io.Writer) *Progress { return start(out, ops.IsTerminal(out), time.Now) }

func start(out io.Writer, terminal bool, now func() time.Time) *Progress {
	p := &Progress{out: out, terminal: terminal, now: now, begun: now(), first: -1}
	p.shown = p.begun
	return p
}

// Step shows that so many of all steps are done; a single step needs no progress. Those of the first call were done before.
func (p *Progress) Step(done, total int) {
	if p.first < 0 {
		p.first = done
	}
	if total > 1 {
		p.show(bar(done, total), fmt.Sprintf("%d of %d", done, total), Rate(done-p.first, total-p.first, p.now().Sub(p.begun)))
	}
}

// Count shows a number of things that are done while the number of all is not known.
func (p *Progress) Count(done int, what string) {
	elapsed := p.now().Sub(p.begun)
	text := fmt.Sprintf("%d %s", done, what)
	rate := fmt.Sprintf(", %s so far", elapsed.Round(time.Second))
	if done > 0 && elapsed > 0 {
		rate = fmt.Sprintf(", %.1f/s%s", float64(done)/elapsed.Seconds(), rate)
	}
	p.show(text, text, rate)
}

func (p *Progress) show(bar, text, rate string) {
	switch now := p.now(); {
	case p.terminal:
		_, _ = fmt.Fprintf(p.out, "\r%s%-30s", bar, rate) // blanks over a longer text
		p.drawn = true
	case now.Sub(p.shown) >= interval:
		p.shown = now
		_, _ = fmt.Fprintln(p.out, text+rate) // the work goes on where it cannot be shown
	}
}

// End leaves the bar's line.
func (p *Progress) End() {
	if p.drawn {
		_, _ = fmt.Fprintln(p.out)
		p.drawn = false
	}
}

func bar(done, total int) string {
	const width = 30
	filled := width * min(done, total) / total
	return fmt.Sprintf("[%s%s] %d/%d", strings.Repeat("=", filled), strings.Repeat(" ", width-filled), done, total)
}

// Rate is the number of steps a second and the time for the rest at that rate; empty before the first is done.
func Rate(done, total int, elapsed time.Duration) string {
	if done <= 0 || elapsed <= 0 {
		return ""
	}
	left := time.Duration(float64(elapsed) / float64(done) * float64(total-done))
	return fmt.Sprintf(", %.1f/s, %s left", float64(done)/elapsed.Seconds(), left.Round(time.Second))
}
