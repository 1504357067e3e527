package preview

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/refregistry"
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/target"
)

// Preview is what a registry would get for one Component: JSON of ctl preview.
type Preview struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Requests are those that write, in their order.
	Requests []Request `json:"requests"`
	// Problems are why the registry would not have the whole Component; empty for none.
	Problems []string `json:"problems"`
}

// Request is a request that writes.
type Request struct {
	// Request is the method and the path, such as "POST /resource".
	Request string          `json:"request"`
	Body    json.RawMessage `json:"body"`
}

// Registry is an empty registry in memory, and the adapter to it.
type Registry struct {
	cluster string
	adapter adapter.Adapter
	server  *http.Server
	ended   chan struct{}
	own     string // the address that the adapter has
	public  string // the one that takes its place in what is recorded

	mu       sync.Mutex
	recorded []Request // since the last take
}

// Open starts a registry with the API of the configuration, which is [registry.APIV1] or [registry.APITMF639]. The bodies that
// it records have the address of the configuration.
func Open(ctx context.Context, cfg registry.Config, cluster string) (*Registry, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the registry of the preview: %w", err)
	}
	r := &Registry{cluster: cluster, ended: make(chan struct{}), recorded: []Request{}, own: "http://" + listener.Addr().String(), public: cfg.Address()}
	reference := refregistry.New(refregistry.Config{API: cfg.API}).Handler()
	r.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.record(request)
		reference.ServeHTTP(w, request)
	})}
	go func() {
		defer close(r.ended)
		_ = r.server.Serve(listener) // until Close
	}()
	r.adapter, err = adapter.Open(ctx, registry.Config{
		URL: r.own, API: cfg.API, Timeout: cfg.Timeout, Name: cfg.Name, NameFormat: cfg.NameFormat, Segments: cfg.Segments,
		IDPrefix: cfg.IDPrefix, Adopt: cfg.Adopt, Dependencies: cfg.Dependencies,
	}, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// Close stops the registry.
func (r *Registry) Close() {
	r.adapter.Close()
	r.stop()
}

func (r *Registry) stop() {
	_ = r.server.Close()
	<-r.ended
}

// record keeps a request that writes.
func (r *Registry) record(request *http.Request) {
	if request.Method == http.MethodGet {
		return
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the adapter gave up
	}
	request.Body = io.NopCloser(strings.NewReader(string(body)))
	shown := json.RawMessage(strings.ReplaceAll(string(body), r.own, r.public))
	if len(shown) == 0 {
		shown = json.RawMessage("null")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recorded = append(r.recorded, Request{Request: request.Method + " " + request.URL.EscapedPath(), Body: shown})
}

// take returns what was recorded, and begins anew.
func (r *Registry) take() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	recorded := r.recorded
	r.recorded = []Request{}
	return recorded
}

// Apply previews a Component. Those that were previewed before are in the registry. Calls must not overlap. Its error is the end of
// the context.
func (r *Registry) Apply(ctx context.Context, seen component.Observation) (Preview, error) {
	p := Preview{Namespace: seen.Namespace, Name: seen.Name, Requests: []Request{}, Problems: []string{}}
	if seen.Err != nil {
		p.Problems = append(p.Problems, seen.Err.Error())
		return p, nil
	}
	key := component.Key{Cluster: r.cluster, Namespace: seen.Namespace, Name: seen.Name}
	_, err := r.adapter.Apply(ctx, key, seen.Component, target.Previous{})
	if ctx.Err() != nil {
		return p, ctx.Err()
	}
	if err != nil {
		p.Problems = append(p.Problems, err.Error())
	}
	p.Requests = r.take()
	return p, nil
}
