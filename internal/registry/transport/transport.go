package transport

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

// idleTimeout is below the 5 s after which uvicorn, which serves the registries, closes an idle connection: the outcome
// of a write on a connection that is being closed is unknown.
const idleTimeout = 4 * time.Second

// Transport sends requests. It is safe for concurrent use.
type Transport struct {
	cfg  Config
	base *http.Transport // is cloned for each set of authorities

	mu       sync.Mutex
	read     os.FileInfo // of the authorities in use
	content  []byte
	verified *http.Transport // trusts the authorities in use; nil before they were read
}

// New expects a configuration that passed Validate. It reads no file. connections bounds the connections to one host; 0 for
// no limit.
func New(cfg Config, connections int) *Transport {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxConnsPerHost, base.MaxIdleConnsPerHost, base.MaxIdleConns = connections, connections, connections
	base.IdleConnTimeout = idleTimeout
	base.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if proxy := cfg.proxy(); proxy != nil {
		base.Proxy = http.ProxyURL(proxy)
	}
	if cfg.CertFile != "" {
		base.TLSClientConfig.GetClientCertificate = cfg.certificate
	}
	return &Transport{cfg: cfg, base: base}
}

// certificate reads the client certificate for a handshake.
func (c Config) certificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read COMPONENT_REGISTRY_CLIENT_CERT_FILE and COMPONENT_REGISTRY_CLIENT_KEY_FILE: %w", err)
	}
	return &pair, nil
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	current, err := t.current()
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // nothing was read
		}
		return nil, err
	}
	return current.RoundTrip(r)
}

// CloseIdleConnections closes the connections that no request uses.
func (t *Transport) CloseIdleConnections() {
	t.base.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.verified != nil {
		t.verified.CloseIdleConnections()
	}
}

// current returns the transport that trusts the authorities as they are now. The roots of a TLS configuration cannot change,
// so a changed file makes a transport of its own.
func (t *Transport) current() (*http.Transport, error) {
	if t.cfg.CAFile == "" {
		return t.base, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refresh(); err != nil && t.verified == nil {
		return nil, fmt.Errorf("COMPONENT_REGISTRY_CA_FILE is %q: %w: give a readable file with certificates in PEM", t.cfg.CAFile, err)
	}
	return t.verified, nil
}

// refresh reads the file if it changed. The caller holds the lock.
func (t *Transport) refresh() error {
	info, err := os.Stat(t.cfg.CAFile)
	if err != nil {
		return err
	}
	if t.read != nil && info.ModTime().Equal(t.read.ModTime()) && info.Size() == t.read.Size() && os.SameFile(info, t.read) {
		return nil
	}
	content, err := os.ReadFile(t.cfg.CAFile)
	if err != nil {
		return err
	}
	if t.verified != nil && bytes.Equal(content, t.content) {
		t.read = info
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(content) {
		return errors.New("no certificate")
	}
	if t.verified != nil {
		t.verified.CloseIdleConnections()
	}
	t.verified = t.base.Clone()
	t.verified.TLSClientConfig.RootCAs = roots
	t.read, t.content = info, content
	return nil
}
