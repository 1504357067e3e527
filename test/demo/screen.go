package main

import (
	"fmt"
	"os"
	"time"

	"odasync/internal/ops"
)

// screen writes lines; on a terminal with colours, and with lines that the next one replaces.
type screen struct {
	out      *os.File
	terminal bool
	colours  bool
}

func newScreen(out *os.File) *screen {
	terminal := ops.IsTerminal(out) && os.Getenv("TERM") != "dumb"
	return &screen{out: out, terminal: terminal, colours: terminal && os.Getenv("NO_COLOR") == ""}
}

func (s *screen) line(text string) { fmt.Fprintln(s.out, text) }

// waiting writes a line that the next one replaces.
func (s *screen) waiting(text string) {
	if s.terminal {
		fmt.Fprint(s.out, text)
	}
}

// instead replaces the waiting line.
func (s *screen) instead(text string) {
	if s.terminal {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
	s.line(text)
}

// step writes what is being started, then its address and how long the start took.
func (s *screen) step(name string, start func() (string, error)) error {
	s.waiting(fmt.Sprintf("  %-22s starting ...", name))
	began := time.Now()
	where, err := start()
	if err != nil {
		s.instead(fmt.Sprintf("  %-22s %s", name, s.red("not started")))
		return fmt.Errorf("start %s: %w", name, err)
	}
	s.instead(fmt.Sprintf("  %-22s %-28s %s", name, where, s.dim(fmt.Sprintf("%4.1f s", time.Since(began).Seconds()))))
	return nil
}

func (s *screen) paint(code, text string) string {
	if !s.colours {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) bold(text string) string   { return s.paint("1", text) }
func (s *screen) dim(text string) string    { return s.paint("2", text) }
func (s *screen) red(text string) string    { return s.paint("31", text) }
func (s *screen) green(text string) string  { return s.paint("32", text) }
func (s *screen) yellow(text string) string { return s.paint("33", text) }
