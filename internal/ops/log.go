package ops

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// Logs is the log of a process.
type Logs struct {
	// Logger is what the parts of the process log to.
	Logger zerolog.Logger
	// Level is what it leaves out, and can be changed while it runs.
	Level   *Level
	repeats *repeats
}

// NewLogs returns a log for people (console) or for machines (json, one object a line, UTC time). hooks add to each line.
func NewLogs(cfg Config, out io.Writer, hooks ...zerolog.Hook) *Logs {
	if cfg.LogFormat == "console" {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !colour(out)}
	}
	level := newLevel(cfg.LogLevel)
	// The level is a sampler, which all loggers that derive from this one share: their own level is fixed.
	plain := zerolog.New(out).Level(zerolog.TraceLevel).Sample(level).With().Timestamp().Logger()
	l := &Logs{Level: level, repeats: newRepeats(cfg.Repeats, plain)}
	l.Logger = plain.Hook(l.repeats).Hook(hooks...)
	return l
}

// NewLogger returns the logger alone, for a program that ends soon.
func NewLogger(cfg Config, out io.Writer) zerolog.Logger { return NewLogs(cfg, out).Logger }

// Flush tells what was left out and not told yet.
func (l *Logs) Flush() { l.repeats.flush() }

// colour says whether the output is a terminal that wants colour.
func colour(out io.Writer) bool {
	return IsTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// IsTerminal says whether a person sees what is written.
func IsTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
