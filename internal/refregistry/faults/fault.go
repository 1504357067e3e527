package faults

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"time"
)

// Fault is what happens to a request instead of, or around, its operation.
// After the delay the first of Hang, Reset and Status that is set determines the
// answer; with none of them it is the operation's own.
type Fault struct {
	// Status and Body are answered in the operation's place, with Retry-After
	// when RetryAfter is set (seconds or an HTTP date).
	Status     int
	Body       string
	RetryAfter string
	// Delay passes in full even when the client leaves: a slow service does
	// not notice, and performs a write long after the client gave up.
	Delay time.Duration
	// Hang never answers; it lasts until the client leaves or the server stops.
	// The request counts as over once the operation is performed: a frozen
	// client leaves only when it continues.
	Hang bool
	// Reset breaks the connection without an answer.
	Reset bool
	// After performs the operation first. With Hang or Reset the answer is then
	// lost, with Status a gateway gave up too early.
	After bool
}

// inject answers the request, by next or in its place.
func (f *Fault) inject(w http.ResponseWriter, r *http.Request, next http.Handler, over func()) {
	kept := newKeptAnswer()
	if f.After {
		next.ServeHTTP(kept, r)
	}
	time.Sleep(f.Delay)
	switch {
	case f.Hang:
		over()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Reset:
		reset(w)
	case f.Status != 0:
		contentType := "text/plain; charset=utf-8"
		if json.Valid([]byte(f.Body)) {
			contentType = "application/json"
		}
		w.Header().Set("Content-Type", contentType)
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body)) // a client that has gone needs no answer
	case f.After:
		kept.send(w)
	default:
		next.ServeHTTP(w, r)
	}
}

// reset drops what is unsent and makes the client see a reset connection
// rather than an end of file.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no connection to take over; end it without an answer
	}
	if wrapped, ok := conn.(*tls.Conn); ok {
		conn = wrapped.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the close below still ends the connection
	}
	_ = conn.Close()
}

// keptAnswer buffers an answer until the fault lets it through.
type keptAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newKeptAnswer() *keptAnswer { return &keptAnswer{header: http.Header{}, status: http.StatusOK} }

func (k *keptAnswer) Header() http.Header         { return k.header }
func (k *keptAnswer) WriteHeader(status int)      { k.status = status }
func (k *keptAnswer) Write(p []byte) (int, error) { return k.body.Write(p) }

func (k *keptAnswer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), k.header)
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body.Bytes()) // a client that has gone needs no answer
}
