package ops

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/rs/zerolog"
)

// levels are the values of LOG_LEVEL: those of zerolog and of Python's logging.
var levels = map[string]zerolog.Level{
	"TRACE": zerolog.TraceLevel, "DEBUG": zerolog.DebugLevel, "INFO": zerolog.InfoLevel,
	"WARN": zerolog.WarnLevel, "WARNING": zerolog.WarnLevel,
	"ERROR": zerolog.ErrorLevel, "CRITICAL": zerolog.FatalLevel, "FATAL": zerolog.FatalLevel,
}

func checkLevel(level string) error {
	if _, known := levels[strings.ToUpper(level)]; !known {
		return fmt.Errorf("LOG_LEVEL is %q: DEBUG, INFO, WARNING, ERROR or CRITICAL", level)
	}
	return nil
}

// Level is the log level of a process. It is safe for concurrent use.
type Level struct {
	configured string
	word       atomic.Pointer[string]
	now        atomic.Int32
}

// newLevel takes a name that checkLevel accepts.
func newLevel(word string) *Level {
	l := &Level{configured: word}
	l.set(word)
	return l
}

func (l *Level) set(word string) {
	word = strings.ToUpper(word)
	l.word.Store(&word)
	l.now.Store(int32(levels[word]))
}

// Sample implements zerolog.Sampler: a line below the level is not built.
func (l *Level) Sample(level zerolog.Level) bool { return level >= zerolog.Level(l.now.Load()) }

// String returns the name of the level.
func (l *Level) String() string { return *l.word.Load() }

// change sets the level and logs the change, whatever the level is.
func (l *Level) change(word string, log zerolog.Logger) {
	l.set(word)
	log.Log().Str("log_level", l.String()).Msg("log level changed")
}

// levelPath is the path of the log level.
const levelPath = "/loglevel"

// serve returns the level (GET) or changes it (PUT, with the name as body), for clients on the same machine or in the same Pod
// only: a change could fill a disk, or hide something. kubectl port-forward connects from there.
func (l *Level) serve(log zerolog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !fromHere(r) {
			http.Error(w, "the log level is for this machine: ask from 127.0.0.1, as kubectl port-forward does", http.StatusForbidden)
			return
		}
		if r.Method == http.MethodPut {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, "the level is one word: DEBUG, INFO, WARNING, ERROR or CRITICAL", http.StatusRequestEntityTooLarge)
				return
			}
			word := strings.TrimSpace(string(body))
			if checkLevel(word) != nil {
				http.Error(w, "no such level: send DEBUG, INFO, WARNING, ERROR or CRITICAL", http.StatusBadRequest)
				return
			}
			l.change(word, log)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintln(w, l) // the client may be gone
	}
}

// fromHere reports whether a request comes from this machine. A proxy beside the process, such as that of a service mesh,
// connects from there too, with another loopback address or a header that names its client.
func fromHere(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return false
	}
	ip := net.ParseIP(host)
	return ip.Equal(net.IPv4(127, 0, 0, 1)) || ip.Equal(net.IPv6loopback)
}
