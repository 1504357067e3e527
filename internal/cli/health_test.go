package cli_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"odasync/internal/ops"
	"odasync/internal/ops/opstest"
	"odasync/internal/refregistry"
)

// readyDaemon serves the health of a daemon whose one check answers what the function gives, and returns its port.
func readyDaemon(t *testing.T, check func() error) string {
	t.Helper()
	health := new(ops.Health)
	health.Ready("nats", func(context.Context) error { return check() })
	server := httptest.NewServer(ops.Handler(ops.Config{Endpoint: "/metrics"}, ops.NewRegistry(), health, ops.NewLogs(ops.Config{}, io.Discard)))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return address.Port()
}

func TestHealthOfTheDaemonHere(t *testing.T) {
	var missing error
	port := readyDaemon(t, func() error { return missing })
	for _, host := range []string{"", "127.0.0.1", "0.0.0.0", "::"} {
		t.Run("host "+host, func(t *testing.T) {
			environment(t, map[string]string{"MONITORING_HOST": host, "MONITORING_PORT": port})
			missing = nil
			ready := ctl(t, "health")
			ready.expect(t, 0)
			if ready.stdout != "ok  nats\nready\n" {
				t.Errorf("printed %q", ready.stdout)
			}
			missing = errors.New("not connected")
			unready := ctl(t, "health")
			unready.expect(t, 1, "/readyz answers 503 Service Unavailable")
			if !strings.Contains(unready.stdout, "not nats: not connected") {
				t.Errorf("printed %q, which lacks the reason", unready.stdout)
			}
		})
	}
}

// The certificate names another host than the one that is asked, as one for a Service does.
func TestHealthOverHTTPS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	opstest.Certificate(t, cert, key, "watcher.odasync.svc")
	other := filepath.Join(dir, "other.crt")
	opstest.Certificate(t, other, filepath.Join(dir, "other.key"), "watcher.odasync.svc")
	health := new(ops.Health)
	server := httptest.NewUnstartedServer(ops.Handler(ops.Config{Endpoint: "/metrics"}, ops.NewRegistry(), health, ops.NewLogs(ops.Config{}, io.Discard)))
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	defer server.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	for name, test := range map[string]struct {
		cert  string
		code  int
		words string
	}{
		"its certificate": {cert: cert},
		"another":         {cert: other, code: 1, words: "another certificate than MONITORING_TLS_CERT"},
		"none":            {cert: key + ".missing", code: 2, words: "MONITORING_TLS_CERT"},
		"no certificate":  {cert: key, code: 1, words: "another certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, map[string]string{"MONITORING_PORT": port, "MONITORING_TLS_CERT": test.cert, "MONITORING_TLS_KEY": key})
			ctl(t, "health").expect(t, test.code, test.words)
		})
	}
}

func TestHealthOfAnAddress(t *testing.T) {
	registry := httptest.NewServer(refregistry.New(refregistry.Config{}).Handler())
	defer registry.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	tests := map[string]struct {
		args  []string
		env   map[string]string
		code  int
		words string
	}{
		"the registry":          {args: []string{"--url", registry.URL + "/health"}},
		"not found":             {args: []string{"--url", registry.URL + "/nothing"}, code: 1, words: "/nothing answers 404 Not Found"},
		"nobody listens":        {args: []string{"--url", "http://" + nobody(t) + "/readyz"}, code: 1, words: "check that it runs and listens there"},
		"no answer in time":     {args: []string{"--url", slow.URL, "--timeout", "50ms"}, code: 1, words: "ask for health"},
		"no address":            {args: []string{"--url", "localhost:8080"}, code: 2, words: `--url is "localhost:8080": http:// or https://, a host and a path`},
		"an empty address":      {args: []string{"--url", ""}, code: 2, words: `--url is ""`},
		"no time":               {args: []string{"--timeout", "0s"}, code: 2, words: "--timeout must be more than 0"},
		"an argument":           {args: []string{"watcher"}, code: 2, words: `unexpected argument "watcher": see ctl health --help`},
		"without monitoring":    {env: map[string]string{"MONITORING_ENABLED": "false"}, code: 2, words: "give the address with --url"},
		"on a port of chance":   {env: map[string]string{"MONITORING_PORT": "0"}, code: 2, words: "give the address with --url"},
		"a wrong configuration": {env: map[string]string{"MONITORING_PORT": "70000"}, code: 2, words: "MONITORING_PORT is 70000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			environment(t, test.env)
			ctl(t, append([]string{"health"}, test.args...)...).expect(t, test.code, test.words)
		})
	}
}
