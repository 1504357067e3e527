package ops

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// NewRegistry returns a metrics registry with the process's, Go's and the build's metrics.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	RegisterBuildInfo(registry)
	return registry
}

// Handler serves metrics and health.
func Handler(cfg Config, registry *prometheus.Registry, health *Health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+cfg.Endpoint, promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	mux.HandleFunc("GET /livez", health.serve("live", &health.live))
	mux.HandleFunc("GET /readyz", health.serve("ready", &health.ready))
	mux.HandleFunc("GET /healthz", health.serve("healthy", &health.live, &health.ready))
	return mux
}

// Serve serves metrics and health until the context ends. The port is bound before it returns the address; without
// monitoring nothing is bound and run only waits.
func Serve(cfg Config, registry *prometheus.Registry, health *Health, log zerolog.Logger) (run func(context.Context) error, err error) {
	if !cfg.Monitoring {
		return func(ctx context.Context) error { <-ctx.Done(); return nil }, nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w: set MONITORING_PORT to a free port, or MONITORING_ENABLED=false", err)
	}
	log.Info().Str("address", listener.Addr().String()).Str("metrics", cfg.Endpoint).Msg("serving metrics and health")
	server := &http.Server{
		Handler: Handler(cfg, registry, health), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	return func(ctx context.Context) error { return serveUntil(ctx, server, listener) }, nil
}

func serveUntil(ctx context.Context, server *http.Server, listener net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve metrics: %w", err)
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		_ = server.Close() // a scrape under way is cut off
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
