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

// levels are the words for LOG_LEVEL: zerolog's and those of Python's logging.
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

// Level is from where on a process logs. It is safe for concurrent use.
type Level struct {
	configured string
	word       atomic.Pointer[string]
	now        atomic.Int32
}

// newLevel expects a word that checkLevel knows.
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

// Sample implements zerolog.Sampler: what it refuses is not even put together.
func (l *Level) Sample(level zerolog.Level) bool { return level >= zerolog.Level(l.now.Load()) }

// String gives the level's word.
func (l *Level) String() string { return *l.word.Load() }

// change sets the level and tells so, whatever the level is.
func (l *Level) change(word string, log zerolog.Logger) {
	l.set(word)
	log.Log().Str("log_level", l.String()).Msg("log level changed")
}

// levelPath is where the level is asked for and changed.
const levelPath = "/loglevel"

// serve shows the level (GET) and changes it (PUT, with the word as body), for those on the same machine or in the same Pod
// alone: who changes it could fill a disk, or hide something. kubectl port-forward comes from there.
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
		_, _ = fmt.Fprintln(w, l) // a reader that has gone needs no answer
	}
}

// fromHere says whether a request comes from this machine itself. A proxy beside the process, such as a service mesh's,
// comes from there too: it uses another address of the loopback network or says for whom it asks.
func fromHere(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return false
	}
	ip := net.ParseIP(host)
	return ip.Equal(net.IPv4(127, 0, 0, 1)) || ip.Equal(net.IPv6loopback)
}
