package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"odasync/internal/config"
	"odasync/internal/ops/opstest"
	"odasync/internal/registry/transport"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a certificate of its own making and its key.
type pair struct{ cert, key string }

func newPair(t *testing.T) pair {
	t.Helper()
	dir := t.TempDir()
	p := pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	p.renew(t)
	return p
}

func (p pair) renew(t *testing.T) {
	t.Helper()
	opstest.Certificate(t, p.cert, p.key, "127.0.0.1")
}

func (p pair) load(t *testing.T) tls.Certificate {
	t.Helper()
	loaded, err := tls.LoadX509KeyPair(p.cert, p.key)
	testcheck.NoError(t, err)
	return loaded
}

// serve answers "hello" over TLS with the certificate that the configuration has at each handshake.
func serve(t *testing.T, current func() *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return current(), nil }}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that are meant to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// get sends one request over a connection of its own.
func get(t *testing.T, through *transport.Transport, address string) error {
	t.Helper()
	defer through.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	testcheck.NoError(t, err)
	response, err := through.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func TestTransport_TrustsTheAuthoritiesOfTheFile(t *testing.T) {
	server := newPair(t)
	address := serve(t, func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{server.load(t)}} })
	testcheck.ErrorContains(t, get(t, transport.New(transport.Config{}, 2), address), "certificate signed by unknown authority")

	trusting := transport.New(transport.Config{CAFile: server.cert}, 2)
	for _, renewed := range []bool{false, true} { // the file is read again
		if renewed {
			server.renew(t)
		}
		testcheck.ErrorIs(t, fmt.Sprintf("renewed %v", renewed), nil, get(t, trusting, address))
	}
	testcheck.NoError(t, os.WriteFile(server.cert+".broken", nil, 0o600))
	good, err := os.ReadFile(server.cert)
	testcheck.NoError(t, err)
	loaded := server.load(t)
	address = serve(t, func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{loaded}} })
	for name, change := range map[string]func() error{
		"when it is removed":           func() error { return os.Remove(server.cert) },
		"when it has no certificate":   func() error { return os.WriteFile(server.cert, []byte("none"), 0o600) },
		"when it is there as it was":   func() error { return os.WriteFile(server.cert, good, 0o600) },
		"when it has another one, too": func() error { return os.WriteFile(server.cert, append(good, good...), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			testcheck.NoError(t, change())
			testcheck.NoError(t, get(t, trusting, address))
		})
	}
}

func TestTransport_NamesTheFileThatItCannotUse(t *testing.T) {
	server := newPair(t)
	address := serve(t, func() *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{server.load(t)}, ClientAuth: tls.RequireAnyClientCert}
	})
	empty := filepath.Join(t.TempDir(), "empty")
	testcheck.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, test := range map[string]struct {
		cfg  transport.Config
		want []string
	}{
		"when the authorities are missing": {transport.Config{CAFile: empty + "x"}, []string{"COMPONENT_REGISTRY_CA_FILE", empty + "x", "no such file"}},
		"when there is no certificate":     {transport.Config{CAFile: empty}, []string{"COMPONENT_REGISTRY_CA_FILE", "no certificate"}},
		"when the client's is missing": {
			transport.Config{CAFile: server.cert, CertFile: empty + "x", KeyFile: empty},
			[]string{"COMPONENT_REGISTRY_CLIENT_CERT_FILE", "no such file"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			testcheck.ErrorContains(t, get(t, transport.New(test.cfg, 2), address), test.want...)
		})
	}
}

func TestTransport_PresentsTheClientCertificate(t *testing.T) {
	server, client := newPair(t), newPair(t)
	address := serve(t, func() *tls.Config {
		known := x509.NewCertPool()
		pem, err := os.ReadFile(client.cert)
		if err != nil || !known.AppendCertsFromPEM(pem) {
			t.Error("no client certificate")
		}
		return &tls.Config{Certificates: []tls.Certificate{server.load(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: known}
	})
	testcheck.ErrorContains(t, get(t, transport.New(transport.Config{CAFile: server.cert}, 2), address), "certificate required")
	presenting := transport.New(transport.Config{CAFile: server.cert, CertFile: client.cert, KeyFile: client.key}, 2)
	for _, renewed := range []bool{false, true} {
		if renewed {
			client.renew(t)
		}
		testcheck.ErrorIs(t, fmt.Sprintf("renewed %v", renewed), nil, get(t, presenting, address))
	}
}

// newProxy is an HTTP proxy that asks for a user, and counts the requests that come with one.
func newProxy(t *testing.T) (address string, served *atomic.Int32) {
	t.Helper()
	served = new(atomic.Int32)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") == "" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		served.Add(1)
		if r.Method != http.MethodConnect {
			_, _ = io.WriteString(w, "from the proxy")
			return
		}
		to, err := new(net.Dialer).DialContext(r.Context(), "tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		w.WriteHeader(http.StatusOK)
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL, served
}

func TestTransport_GoesThroughTheProxy(t *testing.T) {
	server := newPair(t)
	secure := serve(t, func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{server.load(t)}} })
	address, served := newProxy(t)
	withUser := strings.Replace(address, "http://", "http://ada:pa55word@", 1)
	for name, target := range map[string]string{"over TLS": secure, "in clear": "http://registry.invalid/health"} {
		t.Run(name, func(t *testing.T) {
			before := served.Load()
			through := transport.New(transport.Config{CAFile: server.cert, Proxy: config.Secret(withUser)}, 2)
			testcheck.NoError(t, get(t, through, target))
			if served.Load() != before+1 {
				t.Error("the request went past the proxy")
			}
		})
	}
	t.Run("without its user", func(t *testing.T) {
		testcheck.ErrorContains(t, get(t, transport.New(transport.Config{CAFile: server.cert, Proxy: config.Secret(address)}, 2), secure), "Proxy Authentication Required")
	})
	t.Run("when it is down", func(t *testing.T) {
		err := get(t, transport.New(transport.Config{Proxy: "http://ada:pa55word@127.0.0.1:1"}, 2), secure)
		testcheck.ErrorContains(t, err, "proxyconnect", "refused")
		if strings.Contains(err.Error(), "pa55word") {
			t.Errorf("%q shows the password", err)
		}
	})
}

func TestConfig_Validate(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  transport.Config
		want string // empty for no problem
	}{
		"when nothing is set":     {},
		"when all is set":         {transport.Config{CAFile: "ca", CertFile: "c", KeyFile: "k", Proxy: "socks5://ada:pa55@proxy:1080"}, ""},
		"when the key is missing": {transport.Config{CertFile: "c"}, "half set: give both files or none"},
		"when there is no scheme": {transport.Config{Proxy: "pa55@proxy:3128"}, "COMPONENT_REGISTRY_PROXY is ***: a URL such as http://proxy:3128"},
		"when it is another one":  {transport.Config{Proxy: "ftp://ada:pa55@proxy"}, "http, https or socks5"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.cfg.Validate()
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			testcheck.ErrorContains(t, err, test.want)
			if strings.Contains(err.Error(), "pa55") {
				t.Errorf("%q shows the password", err)
			}
		})
	}
}
