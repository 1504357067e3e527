package lab

import (
	"io"
	"net"
	"strings"
	"sync"
)

// Link is a way to a NATS server that can be cut for those who use it.
type Link struct {
	URL string

	server   string
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

// NewLink returns a way to the lab's NATS server, which is open.
func (l *Lab) NewLink() *Link {
	l.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	l.Must(err)
	k := &Link{
		URL: "nats://" + listener.Addr().String(), server: strings.TrimPrefix(l.NATSURL, "nats://"),
		listener: listener, conns: map[net.Conn]struct{}{},
	}
	k.work.Go(k.accept)
	l.Cleanup(func() {
		_ = listener.Close()
		k.SetCut(true)
		k.work.Wait()
	})
	return k
}

// SetCut breaks every connection and refuses new ones, or lets them through again.
func (k *Link) SetCut(cut bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut = cut
	if cut {
		for c := range k.conns {
			_ = c.Close()
		}
	}
}

func (k *Link) accept() {
	for {
		client, err := k.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp4", k.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !k.keep(client, server) {
			_, _ = client.Close(), server.Close()
			continue
		}
		k.work.Go(func() { k.pipe(client, server) })
		k.work.Go(func() { k.pipe(server, client) })
	}
}

func (k *Link) keep(conns ...net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range conns {
		if !k.cut {
			k.conns[c] = struct{}{}
		}
	}
	return !k.cut
}

func (k *Link) pipe(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = from.Close(), to.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, from)
}
