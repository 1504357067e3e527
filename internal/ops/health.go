package ops

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// checkTimeout bounds all checks of one request.
const checkTimeout = 4 * time.Second

// Health is a set of named checks.
type Health struct {
	mu     sync.Mutex
	names  []string
	checks map[string]func(context.Context) error
}

// NewHealth returns a set without checks, which is ready.
func NewHealth() *Health { return &Health{checks: make(map[string]func(context.Context) error)} }

// Ready adds or replaces a check of /readyz: nil means ready, an error says what is missing.
func (h *Health) Ready(name string, check func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.checks[name]; !known {
		h.names = append(h.names, name)
	}
	h.checks[name] = check
}

// report runs the checks in their order.
func (h *Health) report(ctx context.Context) (lines []string, ready bool) {
	h.mu.Lock()
	names, checks := h.names, make([]func(context.Context) error, len(h.names))
	for i, name := range names {
		checks[i] = h.checks[name]
	}
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	ready = true
	for i, name := range names {
		line := "ok  " + name
		if err := checks[i](ctx); err != nil {
			line, ready = fmt.Sprintf("not %s: %v", name, err), false
		}
		lines = append(lines, line)
	}
	return lines, ready
}

func (h *Health) serveReady(w http.ResponseWriter, r *http.Request) {
	lines, ready := h.report(r.Context())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	word := "ready"
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
		word = "not ready"
	}
	for _, line := range append(lines, word) {
		_, _ = fmt.Fprintln(w, line) // a reader that has gone needs no answer
	}
}

func serveLive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, "live")
}
