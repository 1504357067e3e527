package refregistry

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"odasync/internal/refregistry/tmf639"
	v1 "odasync/internal/refregistry/v1"
)

// The kinds of a Write.
const (
	KindComponent = v1.KindComponent
	KindAPI       = v1.KindAPI
	KindResource  = "resource" // of TMF639
)

// Write is one change that took effect; failed requests make none.
type Write struct {
	v1.Write
	// ResourceID is the id of a KindResource, which has no other names.
	ResourceID string
	// Time is when the change took effect in the store. History is in that
	// order, which distinguishes a stale write from a late answer.
	Time time.Time
	// Writer identifies the sender of the request: the user of HTTP Basic, which
	// is not checked without an API key, and the client's address.
	Writer string
	// Start is when the request arrived, and End when its answer, or the fault
	// in its place, was complete; without an answer End is when the change had
	// taken effect. End is zero until then. Two writes whose spans overlap were
	// in progress at the same time.
	Start, End time.Time
}

// Overlaps reports whether both requests were in progress at the same time. A
// write without an End still is.
func (w Write) Overlaps(other Write) bool {
	return (other.End.IsZero() || w.Start.Before(other.End)) && (w.End.IsZero() || other.Start.Before(w.End))
}

// History returns the writes so far in the order in which they took effect.
// It is empty unless Config.RecordHistory is set.
func (s *Server) History() []Write {
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	return slices.Clone(s.history.writes)
}

type history struct {
	off    bool
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

// begin returns the request with its span.
func (h *history) begin(r *http.Request) *http.Request {
	if h.off {
		return r
	}
	sp := &span{start: time.Now(), writer: r.RemoteAddr, index: -1}
	if user, _, ok := r.BasicAuth(); ok {
		sp.writer = user + " at " + r.RemoteAddr
	}
	return r.WithContext(context.WithValue(r.Context(), spanKey{}, sp))
}

// end ends the span of a write, once.
func (h *history) end(r *http.Request) {
	sp, ok := r.Context().Value(spanKey{}).(*span)
	if !ok || sp.index < 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if write := &h.writes[sp.index]; write.End.IsZero() {
		write.End = time.Now()
	}
}

func (h *history) recordV1(ctx context.Context, w v1.Write) { h.record(ctx, Write{Write: w}) }

func (h *history) recordTMF639(ctx context.Context, w tmf639.Write) {
	h.record(ctx, Write{Write: v1.Write{Method: w.Method, Kind: KindResource, Body: w.Body}, ResourceID: w.ID})
}

// record adds a write. It is called inside the store's transaction, so that the
// history has the transactions' order.
func (h *history) record(ctx context.Context, w Write) {
	sp, ok := ctx.Value(spanKey{}).(*span)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	sp.index = len(h.writes)
	w.Time, w.Writer, w.Start = time.Now(), sp.writer, sp.start
	h.writes = append(h.writes, w)
}
