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

	"odasync/internal/config"
	"odasync/internal/registry"
	"odasync/internal/registry/transport"
)

// proxy is a server between an adapter and the registry, on the loopback interface, and breaks the connection of one request. The
// adapter then does not know whether the registry has carried the request out.
type proxy struct {
	address string
	server  *http.Server
	served  chan struct{} // closed once the server has ended
	*breaker
}

// tokenPath leads to the token endpoint of the registry, since the adapter's way to it is the same as to the registry.
const tokenPath = "/odasync-verify-token"

// newProxy serves on a free port until close is called.
func newProxy(cfg registry.Config, way http.RoundTripper) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{address: listener.Addr().String(), served: make(chan struct{}), breaker: &breaker{next: way}}
	to, err := url.Parse(cfg.URL)
	if err == nil {
		var token *url.URL
		if token, err = url.Parse(cfg.OAuth2.TokenURL.Reveal()); err == nil {
			routes := http.NewServeMux()
			routes.Handle("/", forward(p.breaker, func(out *url.URL) { out.Scheme, out.Host = to.Scheme, to.Host }))
			routes.Handle(tokenPath, forward(way, func(out *url.URL) { *out = *token }))
			p.server = &http.Server{ErrorLog: quiet, Handler: routes}
		}
	}
	if err != nil { // Validate rejects it
		return nil, errors.Join(err, listener.Close())
	}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener) // returns when the proxy is closed
	}()
	return p, nil
}

var quiet = stdlog.New(io.Discard, "", 0)

// forward sends requests on to other addresses.
func forward(way http.RoundTripper, rewrite func(*url.URL)) http.Handler {
	return &httputil.ReverseProxy{
		Transport: way, ErrorLog: quiet,
		Rewrite: func(r *httputil.ProxyRequest) {
			rewrite(r.Out.URL)
			r.Out.Host = r.Out.URL.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if errors.Is(err, errBroken) {
				panic(http.ErrAbortHandler) // closes the connection without an answer
			}
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
}

// before returns the configuration of an adapter that reaches the registry through the proxy.
func (p *proxy) before(cfg registry.Config) registry.Config {
	front, err := url.Parse(cfg.URL)
	if err != nil { // newProxy has parsed it
		front = &url.URL{}
	}
	front.Scheme, front.Host = "http", p.address
	cfg.URL, cfg.Transport = front.String(), transport.Config{}
	if cfg.OAuth2.Enabled() {
		cfg.OAuth2.TokenURL = config.Secret("http://" + p.address + tokenPath)
	}
	return cfg
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
