package faults

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
)

// Injector puts faults between clients and a handler. The zero Injector is
// ready to use and injects none. It is safe for concurrent use.
type Injector struct {
	choose atomic.Pointer[func(*http.Request) *Fault]
}

// Set has f decide about every request from now on; nil, as the function or as
// its result, means no fault. f may read the request's body and is called
// concurrently.
func (i *Injector) Set(f func(r *http.Request) *Fault) {
	if f == nil {
		i.choose.Store(nil)
		return
	}
	i.choose.Store(&f)
}

// Handler returns next with faults. over is called for a request that hangs,
// when nothing more comes of it except for its client.
func (i *Injector) Handler(next http.Handler, over func(*http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		choose := i.choose.Load()
		if choose == nil {
			next.ServeHTTP(w, r)
			return
		}
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the client left before its body was complete
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		fault := (*choose)(r)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		if fault == nil {
			next.ServeHTTP(w, r)
			return
		}
		fault.inject(w, r, next, func() { over(r) })
	})
}
