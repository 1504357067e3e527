// Package testproxy interrupts the connection between a client and a NATS server in tests.
package testproxy

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Proxy forwards connections to a server until it is cut.
type Proxy struct {
	// URL is the address for clients.
	URL string

	server   string
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

// New returns an open proxy to the NATS server at the URL. It ends with the test.
func New(t testing.TB, server string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		URL: "nats://" + listener.Addr().String(), server: strings.TrimPrefix(server, "nats://"),
		listener: listener, conns: map[net.Conn]struct{}{},
	}
	p.work.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.SetCut(true)
		p.work.Wait()
	})
	return p
}

// SetCut closes every connection and refuses new ones, or lets them through again.
func (p *Proxy) SetCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if cut {
		for c := range p.conns {
			_ = c.Close()
		}
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp4", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !p.keep(client, server) {
			_, _ = client.Close(), server.Close()
			continue
		}
		p.work.Go(func() { p.pipe(client, server) })
		p.work.Go(func() { p.pipe(server, client) })
	}
}

// keep records connections to close on a cut. It reports false while the proxy is cut.
func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if !p.cut {
			p.conns[c] = struct{}{}
		}
	}
	return !p.cut
}

func (p *Proxy) pipe(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = from.Close(), to.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, from)
}
