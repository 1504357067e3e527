// Package streamtest runs real nats-servers with JetStream within a test, on free loopback ports, with their data in
// directories of the test. They can be stopped and started again on the same data and port.
package streamtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"odasync/internal/natsconn"
	"odasync/internal/testcheck"
)

// startTimeout bounds the start of a server; it takes some ten milliseconds on an idle machine.
const startTimeout = 20 * time.Second

// Server is a nats-server in the test's process.
type Server struct {
	options *server.Options
	server  *server.Server // nil while stopped
}

// Start runs a server until the test ends. change may alter its options before, such as MaxPayload.
func Start(t testing.TB, change ...func(*server.Options)) *Server {
	t.Helper()
	s := &Server{options: &server.Options{
		Host: "127.0.0.1", Port: freePort(t), NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(),
	}}
	for _, f := range change {
		f(s.options)
	}
	s.Restart(t)
	t.Cleanup(s.Shutdown)
	return s
}

// StartParallel is [Start] for a test that is parallel to others.
func StartParallel(t *testing.T, change ...func(*server.Options)) *Server {
	t.Helper()
	t.Parallel()
	return Start(t, change...)
}

// URL is the address for clients. It stays the same over restarts.
func (s *Server) URL() string { return fmt.Sprintf("nats://%s:%d", s.options.Host, s.options.Port) }

// Restart stops the server if it runs and starts it on the same data and port.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Shutdown()
	next, err := server.NewServer(s.options.Clone())
	if err != nil {
		t.Fatalf("nats-server: %v", err)
	}
	next.Start()
	if !next.ReadyForConnections(startTimeout) {
		t.Fatalf("nats-server is not ready after %s: another process may use port %d", startTimeout, s.options.Port)
	}
	s.server = next
}

// Change alters the options and restarts the server.
func (s *Server) Change(t testing.TB, change func(*server.Options)) {
	t.Helper()
	change(s.options)
	s.Restart(t)
}

// freePort returns a free port. It is below the ephemeral range, so that it is not taken while its server is stopped.
func freePort(t testing.TB) int {
	t.Helper()
	for {
		port := 15_000 + rand.IntN(15_000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		testcheck.NoError(t, listener.Close())
		return port
	}
}

// Shutdown stops the server in order and waits for it. Its data stays.
func (s *Server) Shutdown() {
	if s.server == nil {
		return
	}
	s.server.Shutdown()
	s.server.WaitForShutdown()
	s.server = nil
}

// Conn returns a connection of the product, which ends with the test. change may alter its configuration before.
func (s *Server) Conn(t testing.TB, change ...func(*natsconn.Config)) *natsconn.Conn {
	t.Helper()
	return connect(t, append([]func(*natsconn.Config){func(cfg *natsconn.Config) { cfg.URL = s.URL() }}, change...))
}

func connect(t testing.TB, change []func(*natsconn.Config)) *natsconn.Conn {
	t.Helper()
	cfg := natsconn.Config{Replicas: 1, History: 32}
	for _, f := range change {
		f(&cfg)
	}
	conn, err := natsconn.Connect(cfg, t.Name(), zerolog.Nop(), nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(0, 0))
	testcheck.NoError(t, err)
	t.Cleanup(conn.Close)
	return conn
}

// reconnectWait is short, so that a test with a restart is.
const reconnectWait = 20 * time.Millisecond

// NATS returns a plain connection, which ends with the test, to look at the server and to disturb it.
func (s *Server) NATS(t testing.TB) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait))
	testcheck.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}
