package refregistry

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The kinds of things that are written.
const (
	KindLabel     = "label"
	KindRegistry  = "registry"
	KindComponent = "component"
	KindAPI       = "exposed-api"
)

// Write is one change that took effect; refused requests make none.
type Write struct {
	// Time is when the change took effect in the store. History is in that
	// order, which is what tells a stale write from a late answer.
	Time   time.Time
	Method string
	Kind   string
	// Registry, Component and API name the thing written, as it is named
	// after the write; what does not apply to the kind is empty.
	Registry  string
	Component string
	API       string
	ID        int64
	// Body is the request's, empty for a deletion.
	Body json.RawMessage
	// Writer is who sent the request: the user of HTTP Basic, which nothing
	// else asks for where there is no API key, and the client's address.
	Writer string
	// Start is when the request arrived and End when its answer, or the fault
	// in its place, was over; where no answer comes, End is when the change had
	// taken effect. End is zero while that is still to come. Two writes whose
	// spans overlap were under way at the same time.
	Start, End time.Time
}

// Overlaps tells whether both requests were under way at the same time. A
// write without an End is still under way.
func (w Write) Overlaps(other Write) bool {
	return (other.End.IsZero() || w.Start.Before(other.End)) && (w.End.IsZero() || other.Start.Before(w.End))
}

// History returns the writes so far in the order in which they took effect.
// It is empty unless Config.RecordHistory is set.
func (s *Server) History() []Write {
	if s.history == nil {
		return nil
	}
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	return slices.Clone(s.history.writes)
}

type history struct {
	mu     sync.Mutex
	writes []Write
}

// span is the part of a request's life that its write is recorded with. Only
// the request's own goroutine uses it.
type span struct {
	start  time.Time
	writer string
	index  int // of the write in the history, -1 before there is one
}

type spanKey struct{}

func (h *history) begin(r *http.Request) (_ *http.Request, over func()) {
	sp := &span{start: time.Now(), writer: r.RemoteAddr, index: -1}
	if user, _, ok := r.BasicAuth(); ok {
		sp.writer = user + " at " + r.RemoteAddr
	}
	return r.WithContext(context.WithValue(r.Context(), spanKey{}, sp)), func() { h.end(sp) }
}

// end ends the span of a write, once.
func (h *history) end(sp *span) {
	if sp.index < 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if write := &h.writes[sp.index]; write.End.IsZero() {
		write.End = time.Now()
	}
}

// wrote records a write. It is called inside the store's transaction, so that
// the history has the transactions' order.
func (s *Server) wrote(c *call, w Write) {
	if s.history == nil {
		return
	}
	sp := c.ctx.Value(spanKey{}).(*span)
	w.Time, w.Method, w.Body, w.Writer, w.Start = time.Now(), c.method, c.raw, sp.writer, sp.start
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	sp.index = len(s.history.writes)
	s.history.writes = append(s.history.writes, w)
}
