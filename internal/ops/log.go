package ops

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// levels are the words for LOG_LEVEL: zerolog's and those of Python's logging.
var levels = map[string]zerolog.Level{
	"TRACE": zerolog.TraceLevel, "DEBUG": zerolog.DebugLevel, "INFO": zerolog.InfoLevel,
	"WARN": zerolog.WarnLevel, "WARNING": zerolog.WarnLevel,
	"ERROR": zerolog.ErrorLevel, "CRITICAL": zerolog.FatalLevel, "FATAL": zerolog.FatalLevel,
}

// NewLogger returns a logger for people (console) or for machines (json, one object a line, UTC time).
func NewLogger(cfg Config, out io.Writer) zerolog.Logger {
	if cfg.LogFormat == "console" {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !colour(out)}
	}
	return zerolog.New(out).Level(levels[strings.ToUpper(cfg.LogLevel)]).With().Timestamp().Logger()
}

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

func checkLevel(level string) error {
	if _, known := levels[strings.ToUpper(level)]; !known {
		return fmt.Errorf("LOG_LEVEL is %q: DEBUG, INFO, WARNING, ERROR or CRITICAL", level)
	}
	return nil
}
