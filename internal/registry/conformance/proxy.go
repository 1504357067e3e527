package conformance

import (
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// proxy stands between an adapter and the registry, on the loopback interface, and breaks the connection of one request. The
// adapter then does not know whether the registry has carried the request out.
type proxy struct {
	url    string // of the registry through the proxy
	server *http.Server
	served chan struct{} // closed once the server has ended
	*breaker
}

// newProxy serves on a free port until close is called.
func newProxy(registryURL string, transport http.RoundTripper) (*proxy, error) {
	to, err := url.Parse(registryURL)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	front := *to
	front.Scheme, front.Host = "http", listener.Addr().String()
	p := &proxy{url: front.String(), served: make(chan struct{}), breaker: &breaker{next: transport}}
	quiet := stdlog.New(io.Discard, "", 0)
	p.server = &http.Server{ErrorLog: quiet, Handler: &httputil.ReverseProxy{
		Transport: p.breaker, ErrorLog: quiet,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, to.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if errors.Is(err, errBroken) {
				panic(http.ErrAbortHandler) // closes the connection without an answer
			}
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener) // returns when the proxy is closed
	}()
	return p, nil
}

func (p *proxy) close() {
	_ = p.server.Close() // nothing is in flight
	<-p.served
}

// breakage is the request that breaks: the one of the number, from 1, before or after the registry has carried it out. The
// zero value breaks none.
type breakage struct {
	number int
	after  bool
}

func (b breakage) String() string {
	if b.after {
		return fmt.Sprintf("after request %d", b.number)
	}
	return fmt.Sprintf("before request %d", b.number)
}

// errBroken takes the place of an answer.
var errBroken = errors.New("broken on purpose")

// breaker forwards requests and breaks one of them.
type breaker struct {
	next http.RoundTripper

	mu     sync.Mutex
	at     breakage
	count  int
	broken bool
}

// set counts from the beginning.
func (b *breaker) set(at breakage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at, b.count, b.broken = at, 0, false
}

// hasBroken reports whether there were as many requests since set as it takes.
func (b *breaker) hasBroken() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

// RoundTrip implements [http.RoundTripper].
func (b *breaker) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.count++
	breaks, after := b.count == b.at.number, b.at.after
	b.broken = b.broken || breaks
	b.mu.Unlock()
	if breaks && !after {
		return nil, errBroken
	}
	response, err := b.next.RoundTrip(r)
	if err == nil && breaks {
		response.Body.Close()
		return nil, errBroken
	}
	return response, err
}
