package ops_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"odasync/internal/logtest"
	"odasync/internal/ops"
	"odasync/internal/ops/opstest"
	"odasync/internal/testcheck"
)

// served runs a server until the test ends and returns its address.
func served(t *testing.T, log *logtest.Buffer, change func(*ops.Config)) string {
	t.Helper()
	cfg := config(change)
	run, err := ops.Serve(cfg, ops.NewRegistry(), new(ops.Health), ops.NewLogs(cfg, log))
	testcheck.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		stop()
		testcheck.ErrorIs(t, "run", nil, <-ended)
	})
	return regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(log.String())[1]
}

func TestHandler_UnknownPaths(t *testing.T) {
	tests := map[string]struct {
		method, path string
		profiles     bool
		status       int
	}{
		"metrics":                   {"GET", "/metrics", false, 200},
		"head of metrics":           {"HEAD", "/metrics", false, 200},
		"write to metrics":          {"POST", "/metrics", false, 405},
		"delete health":             {"DELETE", "/healthz", false, 405},
		"options":                   {"OPTIONS", "/readyz", false, 405},
		"root":                      {"GET", "/", false, 404},
		"profiles unless asked for": {"GET", "/debug/pprof/", false, 404},
		"heap unless asked for":     {"GET", "/debug/pprof/heap", false, 404},
		"profiles":                  {"GET", "/debug/pprof/", true, 200},
		"heap":                      {"GET", "/debug/pprof/heap", true, 200},
		"command line":              {"GET", "/debug/pprof/cmdline", true, 200},
		"write to profiles":         {"POST", "/debug/pprof/symbol", true, 405},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := config(func(c *ops.Config) { c.Profiles = test.profiles })
			w := httptest.NewRecorder()
			ops.Handler(cfg, ops.NewRegistry(), new(ops.Health), quiet()).ServeHTTP(w, httptest.NewRequest(test.method, test.path, nil))
			testcheck.Equal(t, fmt.Sprintf("status of %s %s", test.method, test.path), test.status, w.Code)
		})
	}
}

// A profile that takes longer than an answer may is not refused; asked for a second here.
func TestHandler_ProfileExtendsTheTimeout(t *testing.T) {
	var log logtest.Buffer
	address := served(t, &log, func(c *ops.Config) { c.Profiles = true })
	if status, body := get(t, "http://"+address+"/debug/pprof/profile?seconds=1"); status != 200 || len(body) == 0 {
		t.Errorf("%d, %d bytes", status, len(body))
	}
}

func TestServe_BoundsSlowRequests(t *testing.T) {
	var log logtest.Buffer
	address := served(t, &log, nil)
	dial := func(t *testing.T) net.Conn {
		conn, err := net.Dial("tcp", address)
		testcheck.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(4 * ops.HeaderTimeout))
		return conn
	}
	t.Run("long headers", func(t *testing.T) {
		conn := dial(t)
		fmt.Fprintf(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 64<<10))
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		testcheck.NoError(t, err)
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Error(answer.Status)
		}
	})
	t.Run("a body that never comes", func(t *testing.T) {
		conn := dial(t)
		fmt.Fprint(conn, "PUT /loglevel HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 2000))
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		testcheck.NoError(t, err)
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusRequestEntityTooLarge {
			t.Error(answer.Status)
		}
	})
	t.Run("headers that never end", func(t *testing.T) {
		conn := dial(t)
		began := time.Now()
		fmt.Fprint(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n")
		if _, err := io.ReadAll(conn); err != nil { // a time-out of ours, had the server not ended the connection
			t.Errorf("the connection stays open: %v", err)
		}
		testcheck.AtLeast(t, "time until it ended for another reason", ops.HeaderTimeout/2, time.Since(began))
	})
}

func TestServe_TLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	opstest.Certificate(t, cert, key, "127.0.0.1")
	var log logtest.Buffer
	address := served(t, &log, func(c *ops.Config) { c.TLSCert, c.TLSKey = cert, key })

	// status is what a client gets that trusts the certificate in the file now and offers the versions up to this one.
	status := func(version uint16) (int, error) {
		content, err := os.ReadFile(cert)
		testcheck.NoError(t, err)
		trusted := x509.NewCertPool()
		trusted.AppendCertsFromPEM(content)
		transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS10, MaxVersion: version}}
		response, err := (&http.Client{Transport: transport}).Get("https://" + address + "/metrics")
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}
	if got, err := status(tls.VersionTLS13); got != 200 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	if got, err := status(tls.VersionTLS11); err == nil {
		t.Errorf("TLS 1.1 gives %d", got)
	}
	if got, _ := get(t, "http://"+address+"/metrics"); got != http.StatusBadRequest {
		t.Errorf("without TLS: %d", got)
	}

	opstest.Certificate(t, cert, key, "127.0.0.1") // renewed
	if got, err := status(tls.VersionTLS13); got != 200 || err != nil {
		t.Errorf("after the renewal: %d, %v", got, err)
	}
	before, err := os.ReadFile(cert)
	testcheck.NoError(t, err)
	testcheck.NoError(t, os.WriteFile(cert, []byte("half a certifi"), 0o600))
	if _, err := status(tls.VersionTLS13); err == nil { // the client trusts nothing now; the server serves the earlier one
		t.Error("a client without authorities was served")
	}
	testcheck.Contains(t, "the log after a broken certificate", log.String(), "serving with the earlier one")
	testcheck.NoError(t, os.WriteFile(cert, before, 0o600))
	if got, err := status(tls.VersionTLS13); got != 200 || err != nil {
		t.Errorf("after the repair: %d, %v", got, err)
	}
	testcheck.Contains(t, "the log after the repair", log.String(), "the certificate for metrics was read again")
}

func TestServe_NamesTheVariablesOfACertificate(t *testing.T) {
	cfg := config(func(c *ops.Config) { c.TLSCert, c.TLSKey = "/nowhere/tls.crt", "/nowhere/tls.key" })
	if _, err := ops.Serve(cfg, ops.NewRegistry(), new(ops.Health), quiet()); err == nil || !strings.Contains(err.Error(), "MONITORING_TLS_CERT") {
		t.Errorf("error = %v", err)
	}
}
