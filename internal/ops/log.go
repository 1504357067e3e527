package ops

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// Logs is the log of a process.
type Logs struct {
	// Logger is the logger of the process.
	Logger zerolog.Logger
	// Level can be changed while the process runs.
	Level   *Level
	repeats *repeats
}

// NewLogs returns a log for people (console) or for machines (json: one object a line, time in UTC). hooks add to each line.
func NewLogs(cfg Config, out io.Writer, hooks ...zerolog.Hook) *Logs {
	if cfg.LogFormat == "console" {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !UseColor(out, ColorAuto)}
	}
	level := newLevel(cfg.LogLevel)
	// The level is a sampler, which derived loggers share; their own level would be fixed.
	plain := zerolog.New(out).Level(zerolog.TraceLevel).Sample(level).With().Timestamp().Logger()
	l := &Logs{Level: level, repeats: newRepeats(cfg.Repeats, plain)}
	l.Logger = plain.Hook(l.repeats).Hook(hooks...)
	return l
}

// NewLogger returns only the logger, for a short-lived program.
func NewLogger(cfg Config, out io.Writer) zerolog.Logger { return NewLogs(cfg, out).Logger }

// Flush logs the number of lines that were left out and not logged yet.
func (l *Logs) Flush() { l.repeats.flush() }

// The values of a choice of colour.
const (
	ColorAuto   = "auto"
	ColorAlways = "always"
	ColorNever  = "never"
)

// UseColor reports whether to write colours. By default they are for a terminal that supports them, unless NO_COLOR is set.
func UseColor(out io.Writer, choice string) bool {
	switch choice {
	case ColorAlways:
		return true
	case ColorNever:
		return false
	}
	return IsTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// IsTerminal reports whether the output or the input is a terminal.
func IsTerminal(file any) bool {
	f, ok := file.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
