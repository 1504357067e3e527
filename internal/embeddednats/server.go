package embeddednats

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const host = "127.0.0.1"

// Server is a server that runs.
type Server struct {
	server *server.Server
	lock   *os.File
}

// Start starts the server with its data under dir, on the port if it is free, else or for 0 on any free one.
func Start(dir string, port int) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("embed NATS: %w: choose another --data-dir", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("embed NATS: %w: choose another --data-dir", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close() // nothing was written
		return nil, fmt.Errorf("embed NATS: another process uses %s: stop it or choose another --data-dir", dir)
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "odasync", Host: host, Port: free(port),
		JetStream: true, StoreDir: filepath.Join(dir, "nats"), NoSigs: true,
	})
	if err != nil {
		_ = lock.Close() // nothing was written
		return nil, fmt.Errorf("embed NATS: %w", err)
	}
	e := &Server{server: s, lock: lock}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		_ = e.Stop() // the error below is the cause
		return nil, fmt.Errorf("embed NATS: the server did not start: check the files in %s", dir)
	}
	return e, nil
}

// free returns the port if nothing listens on it, else the server's word for any.
func free(port int) int {
	if port == 0 {
		return server.RANDOM_PORT
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return server.RANDOM_PORT
	}
	_ = listener.Close() // nothing was accepted
	return port
}

// URL is where clients find the server.
func (e *Server) URL() string { return e.server.ClientURL() }

// Stop ends the server when everything it accepted is on disk.
func (e *Server) Stop() error {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	if err := e.lock.Close(); err != nil {
		return fmt.Errorf("release the data directory: %w", err)
	}
	return nil
}
