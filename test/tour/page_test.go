package tour

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"odasync/internal/testcheck"
)

// command is a command of the page and the lines that it prints.
type command struct {
	line     int // of the command in the page, from 0
	text     string
	output   []string
	terminal bool // it runs in a terminal of its own, to the end of the tour
	pictured bool // it is part of the picture in the README
}

// page is docs/tour.md. In its blocks "console", and "console terminal" for what runs in another terminal, lines that begin with
// "$ " are commands, and the lines up to the next command are their output. The blocks between the comments "picture" and "end of
// the picture" are drawn for the README.
type page struct {
	path     string
	lines    []string
	commands []command
}

const fence = "```"

// more is the last line of an output that goes on.
const more = "..."

func readPage(t *testing.T, path string) *page {
	t.Helper()
	text, err := os.ReadFile(path)
	testcheck.NoError(t, err)
	p := &page{path: path, lines: strings.Split(string(text), "\n")}
	inside, terminal, pictured := false, false, false
	for number, line := range p.lines {
		switch info, isFence := strings.CutPrefix(line, fence); {
		case isFence && inside:
			inside = false
		case isFence && (info == "console" || info == "console terminal"):
			inside, terminal = true, info == "console terminal"
		case isFence:
			t.Fatalf("%s:%d: a block %q, want console or console terminal", path, number+1, info)
		case line == "<!-- picture -->":
			pictured = true
		case line == "<!-- end of the picture -->":
			pictured = false
		case inside && strings.HasPrefix(line, "$ "):
			p.commands = append(p.commands, command{line: number, text: line[2:], terminal: terminal, pictured: pictured})
		case inside && len(p.commands) == 0:
			t.Fatalf("%s:%d: output without a command", path, number+1)
		case inside:
			last := &p.commands[len(p.commands)-1]
			last.output = append(last.output, line)
		}
	}
	return p
}

// write replaces the outputs of the commands in the page.
func (p *page) write(t *testing.T, outputs [][]string) {
	t.Helper()
	var lines []string
	next := 0
	for i, c := range p.commands {
		lines = append(append(lines, p.lines[next:c.line+1]...), outputs[i]...)
		next = c.line + 1 + len(c.output)
	}
	lines = append(lines, p.lines[next:]...)
	testcheck.NoError(t, os.WriteFile(p.path, []byte(strings.Join(lines, "\n")), 0o644))
}

// session is the pictured part as a terminal shows it.
func (p *page) session() string {
	var commands []string
	for _, c := range p.commands {
		if c.pictured {
			commands = append(commands, strings.Join(append([]string{"$ " + c.text}, c.output...), "\n"))
		}
	}
	return strings.Join(commands, "\n\n") + "\n"
}

// changing are the parts of an output that differ from run to run, with their replacement in a comparison.
var changing = []struct {
	pattern *regexp.Regexp
	as      string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`), "TIME"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "TIME"},
	{regexp.MustCompile(`\d+ +\d+\.\d +\d+\.\d/s`), "WRITES SECONDS RATE"},
	{regexp.MustCompile(`\+?\b(\d+(\.\d+)?(ms|µs|s|m|h|d))+\b`), "DURATION"},
	{regexp.MustCompile(`\S+_[A-Za-z0-9]{22} +\S+`), "PROCESS VERSION"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "ID"},
	{regexp.MustCompile(`\bid \d+`), "id NUMBER"},
	{regexp.MustCompile(`\d+ of \d+ +\d+ +TIME`), "SEQUENCES ID TIME"},
	{regexp.MustCompile(`\d+ +TIME`), "SEQUENCE TIME"},
	{regexp.MustCompile(`\bsequence \d+`), "sequence SEQUENCE"},
	{regexp.MustCompile(`\b0 of \d+`), "0 of LIMIT"},
	{regexp.MustCompile(`(last full sync|last reconcile) .* ago: .*`), "$1 COUNTS"}, // of a moment in the start
	{regexp.MustCompile(`127\.0\.0\.1:\d{5}\b`), "127.0.0.1:PORT"},
	{regexp.MustCompile(` +`), " "},
}

// lasting returns the lines without what differs from run to run.
func lasting(lines []string) string {
	text := strings.Join(lines, "\n")
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.as)
	}
	return text
}
