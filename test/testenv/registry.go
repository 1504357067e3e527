package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/refregistry"
	"odasync/internal/testcheck"
	"odasync/test/procs"
)

// Registry is a reference registry in the test's process. Its content survives a stop.
type Registry struct {
	*refregistry.Server
	t    testing.TB
	cfg  refregistry.Config
	port int
	stop func()
}

// NewRegistry starts an empty v1 registry that records every write.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	return NewRegistryWith(t, refregistry.Config{RecordHistory: true})
}

// NewRegistryWith starts an empty registry.
func NewRegistryWith(t testing.TB, cfg refregistry.Config) *Registry {
	t.Helper()
	r := &Registry{t: t, cfg: cfg, Server: refregistry.New(cfg)}
	r.Start()
	t.Cleanup(r.Stop)
	return r
}

// Start listens, after a stop on the same port.
func (r *Registry) Start() {
	r.t.Helper()
	var listener net.Listener
	var err error
	if r.port == 0 {
		if r.port, err = procs.FreePort(); err != nil {
			r.t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		listener, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", r.port))
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("start the registry: %v", err)
		}
		_ = procs.Pause(r.t.Context(), 50*time.Millisecond) // the end of the context ends the test anyway
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- refregistry.Serve(ctx, listener, r.Server, zerolog.Nop()) }()
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("registry: %v", err)
		}
		r.stop = func() {}
	}
}

// Stop closes the port: further connections are refused.
func (r *Registry) Stop() { r.stop() }

// Wipe replaces the registry by an empty one, as after the loss of its database. Counted requests and history are reset.
func (r *Registry) Wipe() {
	r.t.Helper()
	r.Stop()
	r.Server = refregistry.New(r.cfg)
	r.Start()
}

// Writes is the number of writing requests since the last reset.
func (r *Registry) Writes() int {
	sum := 0
	for name, count := range r.Requests() {
		if !strings.HasPrefix(name, "GET ") {
			sum += count
		}
	}
	return sum
}

// Send sends a request, which must succeed, and returns the id in the response.
func (r *Registry) Send(method, path string, body any) (id int64) {
	r.t.Helper()
	text, err := json.Marshal(body)
	testcheck.NoError(r.t, err)
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.URL()+path, bytes.NewReader(text))
	testcheck.NoError(r.t, err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	testcheck.NoError(r.t, err)
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		r.t.Fatalf("%s %s: %s", method, path, answer.Status)
	}
	var created struct{ ID int64 }
	if answer.StatusCode != http.StatusNoContent {
		testcheck.NoError(r.t, json.NewDecoder(answer.Body).Decode(&created))
	}
	return created.ID
}

// URL is the address for syncers.
func (r *Registry) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", r.port) }

// Calls is the number of requests since the last reset.
func (r *Registry) Calls() int {
	sum := 0
	for _, count := range r.Requests() {
		sum += count
	}
	return sum
}
