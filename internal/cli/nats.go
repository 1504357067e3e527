package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embeddedNATS is a NATS server in this process, on a free loopback port so that other tools can look at it.
type embeddedNATS struct {
	server *server.Server
	lock   *os.File
}

// startNATS starts the server with its data under dir, which only one process may use at a time.
func startNATS(dir string) (*embeddedNATS, error) {
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
		ServerName: "odasync", Host: "127.0.0.1", Port: server.RANDOM_PORT,
		JetStream: true, StoreDir: filepath.Join(dir, "nats"), NoSigs: true,
	})
	if err != nil {
		_ = lock.Close() // nothing was written
		return nil, fmt.Errorf("embed NATS: %w", err)
	}
	e := &embeddedNATS{server: s, lock: lock}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		_ = e.stop() // the cause below says more
		return nil, fmt.Errorf("embed NATS: the server does not start: look at %s", dir)
	}
	return e, nil
}

func (e *embeddedNATS) url() string { return e.server.ClientURL() }

// stop ends the server once everything it took is on disk.
func (e *embeddedNATS) stop() error {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	if err := e.lock.Close(); err != nil {
		return fmt.Errorf("release the data directory: %w", err)
	}
	return nil
}
