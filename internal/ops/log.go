package ops

import (
	"io"
	"os"
	"time"

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
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !colour(out)}
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

// colour reports whether the output is a terminal that supports colour and NO_COLOR is not set.
func colour(out io.Writer) bool {
	return IsTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// IsTerminal reports whether the output is a terminal.
func IsTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
