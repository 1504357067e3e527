package cli_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"odasync/internal/ops"
	"odasync/internal/ops/opstest"
)

// readyDaemon serves the health of a daemon with one check, and returns its port.
func readyDaemon(t *testing.T, check func() error) string {
	t.Helper()
	health := new(ops.Health)
	health.Ready("nats", func(context.Context) error { return check() })
	address := serve(t, ops.Handler(ops.Config{Endpoint: "/metrics"}, ops.NewRegistry(), health, ops.NewLogs(ops.Config{}, io.Discard)))
	return address[strings.LastIndex(address, ":")+1:]
}

func TestHealth_Daemon(t *testing.T) {
	readyPort := readyDaemon(t, func() error { return nil })
	unreadyPort := readyDaemon(t, func() error { return errors.New("not connected") })
	for _, host := range []string{"", "127.0.0.1", "0.0.0.0", "::"} {
		t.Run("host "+host, func(t *testing.T) {
			environment(t, map[string]string{"MONITORING_HOST": host, "MONITORING_PORT": readyPort})
			ready := ctl(t, "health")
			ready.expect(t, 0)
			if ready.stdout != "ok  nats\nready\n" {
				t.Errorf("printed %q", ready.stdout)
			}
			t.Setenv("MONITORING_PORT", unreadyPort)
			unready := ctl(t, "health")
			unready.expect(t, 1, "/readyz responds with 503 Service Unavailable")
			if !strings.Contains(unready.stdout, "not nats: not connected") {
				t.Errorf("printed %q, which lacks the reason", unready.stdout)
			}
		})
	}
}

// The certificate has another name than the requested host, as one for a Service.
func TestHealth_HTTPS(t *testing.T) {
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
		cert string
		code int
		text string
	}{
		"when the server has the certificate":     {cert: cert},
		"when the server has another certificate": {cert: other, code: 2, text: "another certificate than MONITORING_TLS_CERT"},
		"when the file is missing":                {cert: key + ".missing", code: 2, text: "MONITORING_TLS_CERT"},
		"when the file is a key":                  {cert: key, code: 2, text: "another certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, map[string]string{"MONITORING_PORT": port, "MONITORING_TLS_CERT": test.cert, "MONITORING_TLS_KEY": key})
			ctl(t, "health").expect(t, test.code, test.text)
		})
	}
}
