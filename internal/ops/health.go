package ops

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"odasync/internal/printable"
)

// checkTimeout bounds all checks of one request.
const checkTimeout = 4 * time.Second

// check is a named check; its error is what is wrong.
type check struct {
	name string
	ask  func(context.Context) error
	last *lastResult
}

// Health is two sets of named checks. The zero Health is live and ready.
type Health struct {
	mu          sync.Mutex
	live, ready []check
}

// Live adds or replaces a check of /livez: whether a loop of the process runs. A lasting failure is a reason to restart the
// process.
func (h *Health) Live(name string, ask func(context.Context) error) { h.set(&h.live, name, ask) }

// Ready adds or replaces a check of /readyz: what the process needs for its work. A restart would not help.
func (h *Health) Ready(name string, ask func(context.Context) error) { h.set(&h.ready, name, ask) }

func (h *Health) set(checks *[]check, name string, ask func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range *checks {
		if (*checks)[i].name == name {
			(*checks)[i] = check{name, ask, new(lastResult)}
			return
		}
	}
	*checks = append(*checks, check{name, ask, new(lastResult)})
}

// NotReady lists the failing checks of /readyz as "name: error".
func (h *Health) NotReady(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	problems := []string{}
	for _, c := range h.checks(&h.ready) {
		if err := c.ask(ctx); err != nil {
			problems = append(problems, c.name+": "+err.Error())
		}
	}
	return problems
}

// checks returns a copy of the sets.
func (h *Health) checks(sets ...*[]check) []check {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []check
	for _, set := range sets {
		all = append(all, *set...)
	}
	return all
}

// serve answers with a line for each check and a summary: 200 where all succeed, else 503.
func (h *Health) serve(word string, sets ...*[]check) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
		defer cancel()
		var lines strings.Builder
		status := http.StatusOK
		for _, c := range h.checks(sets...) {
			if err := c.recent(ctx); err != nil {
				status = http.StatusServiceUnavailable
				fmt.Fprintf(&lines, "not %s: %s\n", c.name, printable.Line(err.Error()))
				continue
			}
			fmt.Fprintf(&lines, "ok  %s\n", c.name)
		}
		if status != http.StatusOK {
			lines.WriteString("not ")
		}
		lines.WriteString(word + "\n")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(lines.String())) // the client may be gone
	}
}
