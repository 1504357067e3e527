package refregistry

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
// After the delay the first of Hang, Reset and Status decides the answer; with
// none of them the operation's own answer is sent.
type Fault struct {
	// Status and Body are answered in the operation's place, with Retry-After
	// when RetryAfter is set (seconds or an HTTP date).
	Status     int
	Body       string
	RetryAfter string
	// Delay passes in full even when the client leaves: a slow service does
	// not notice, and performs a write long after it was given up.
	Delay time.Duration
	// Hang never answers; it lasts until the client leaves or the server stops.
	// The span of a write ends with the effect: nothing comes of it any more,
	// and a client that is frozen leaves only when it thaws.
	Hang bool
	// Reset breaks the connection without an answer.
	Reset bool
	// After performs the operation first. With Hang or Reset that is an answer
	// lost on its way, with Status a gateway that gave up too early.
	After bool
}

// SetFault asks f about every request from now on, before the API key is
// checked; nil, the function or its result, means no fault. f may read the
// request's body and is called concurrently.
func (s *Server) SetFault(f func(r *http.Request) *Fault) {
	if f == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&f)
}

// strike calls over where the request is over for everybody but its client.
func (f *Fault) strike(w http.ResponseWriter, r *http.Request, next http.Handler, over func()) {
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

// keptAnswer holds back an answer until its fault is decided.
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
