package faults

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"odasync/internal/refregistry/faults"
	"odasync/test/procs"
)

// gate holds back requests in the registry, before they take effect, until it is opened. A request is performed even if its
// client has gone, as by a slow service.
type gate struct {
	t       *testing.T
	matches func(*http.Request) bool
	opened  chan struct{}

	mu      sync.Mutex
	waiting []string
	once    sync.Once
}

// newGate holds back the requests that the function matches.
func newGate(t *testing.T, matches func(*http.Request) bool) *gate {
	g := &gate{t: t, matches: matches, opened: make(chan struct{})}
	t.Cleanup(g.open) // or the registry's shutdown would wait for these requests
	return g
}

// fault is the function for SetFault.
func (g *gate) fault(r *http.Request) *faults.Fault {
	if !g.matches(r) {
		return nil
	}
	select {
	case <-g.opened:
		return nil
	default:
	}
	g.mu.Lock()
	g.waiting = append(g.waiting, r.Method+" "+r.URL.Path)
	g.mu.Unlock()
	<-g.opened
	return nil
}

// await waits until the number of requests is held back.
func (g *gate) await(ctx context.Context, count int) {
	g.t.Helper()
	for {
		g.mu.Lock()
		waiting := slices.Clone(g.waiting)
		g.mu.Unlock()
		if len(waiting) >= count {
			return
		}
		if procs.Pause(ctx, pollInterval) != nil {
			g.t.Fatalf("%d requests are held back in the registry, want %d: %s", len(waiting), count, strings.Join(waiting, ", "))
		}
	}
}

func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }
