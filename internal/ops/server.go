package ops

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// The limits of a request. The handler of a profile extends the write timeout.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 16 << 10
	maxBody       = 1 << 10
	// maxScrapes is how many scrapes may run at a time; a further one is answered with 503.
	maxScrapes = 8
)

// profilesPath is the path of Go's profiles, where they are enabled.
const profilesPath = "/debug/pprof"

// NewRegistry returns a registry with metrics of the process, the Go runtime and the build.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	RegisterBuildInfo(registry)
	return registry
}

// Handler serves metrics, health and the log level.
func Handler(cfg Config, registry *prometheus.Registry, health *Health, logs *Logs) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+cfg.Endpoint, promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry, MaxRequestsInFlight: maxScrapes}))
	mux.HandleFunc("GET /livez", health.serve("live", &health.live))
	mux.HandleFunc("GET /readyz", health.serve("ready", &health.ready))
	mux.HandleFunc("GET /healthz", health.serve("healthy", &health.live, &health.ready))
	mux.HandleFunc("GET "+levelPath, logs.Level.serve(logs.Logger))
	mux.HandleFunc("PUT "+levelPath, logs.Level.serve(logs.Logger))
	if cfg.Profiles {
		mux.HandleFunc("GET "+profilesPath+"/", pprof.Index)
		mux.HandleFunc("GET "+profilesPath+"/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET "+profilesPath+"/profile", pprof.Profile)
		mux.HandleFunc("GET "+profilesPath+"/symbol", pprof.Symbol)
		mux.HandleFunc("GET "+profilesPath+"/trace", pprof.Trace)
	}
	return http.MaxBytesHandler(mux, maxBody)
}

// Serve binds the port and returns run, which serves [Handler] until the context ends. Without monitoring nothing is bound and
// run only waits.
func Serve(cfg Config, registry *prometheus.Registry, health *Health, logs *Logs) (run func(context.Context) error, err error) {
	if !cfg.Monitoring {
		return func(ctx context.Context) error { <-ctx.Done(); return nil }, nil
	}
	server := newServer(Handler(cfg, registry, health, logs), logs.Logger)
	if cfg.TLSCert != "" {
		certificate, err := loadCertificate(cfg.TLSCert, cfg.TLSKey, logs.Logger)
		if err != nil {
			return nil, fmt.Errorf("serve metrics: %w: give readable files in MONITORING_TLS_CERT and MONITORING_TLS_KEY", err)
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w: set MONITORING_PORT to a free port, or MONITORING_ENABLED=false", err)
	}
	logs.Logger.Info().Str("address", listener.Addr().String()).Str("metrics", cfg.Endpoint).
		Bool("tls", cfg.TLSCert != "").Msg("serving metrics and health")
	return func(ctx context.Context) error { return serveUntil(ctx, server, listener) }, nil
}

// newServer returns a server that bounds slow and large requests.
func newServer(handler http.Handler, log zerolog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		// It logs failures of single connections, such as handshakes, also those of a port scan.
		ErrorLog: stdlog.New(connections{log}, "", 0),
	}
}

// connections logs what the server reports about single connections, at level debug.
type connections struct{ log zerolog.Logger }

func (c connections) Write(line []byte) (int, error) {
	c.log.Debug().Str("detail", strings.TrimSpace(string(line))).Msg("connection for metrics or health failed")
	return len(line), nil
}

func serveUntil(ctx context.Context, server *http.Server, listener net.Listener) error {
	ended := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			ended <- server.ServeTLS(listener, "", "")
			return
		}
		ended <- server.Serve(listener)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serve metrics: %w", err)
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		_ = server.Close() // a running scrape is cut off
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
