package kube_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"odasync/internal/testcheck"
)

// unreliableProxy is a proxy between the source and the API server.
type unreliableProxy struct {
	*httptest.Server

	mu       sync.Mutex
	change   func(url.Values) // of a request's query
	down     bool             // connections are closed without a response
	frozen   bool             // responses stop, and connections stay open
	thawed   chan struct{}
	requests []url.Values // those for Components
}

func newUnreliableProxy(t testing.TB) *unreliableProxy {
	t.Helper()
	target := testcheck.Must(url.Parse(shared.Server))
	transport := testcheck.Must(rest.TransportFor(rest.AnonymousClientConfig(shared.Config)))
	n := &unreliableProxy{thawed: make(chan struct{})}
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			n.mu.Lock()
			defer n.mu.Unlock()
			query := r.Out.URL.Query()
			if filepath.Base(r.Out.URL.Path) == "components" {
				if n.change != nil {
					n.change(query)
				}
				n.requests = append(n.requests, query)
			}
			r.Out.URL.RawQuery = query.Encode()
		},
		ModifyResponse: func(answer *http.Response) error {
			answer.Body = &pausableBody{ReadCloser: answer.Body, network: n, closed: answer.Request.Context().Done()}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	// With TLS, since no credentials are sent to a plain server.
	n.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		down := n.down
		n.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	n.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(func() {
		n.freeze(false)
		n.CloseClientConnections()
		n.Close()
	})
	return n
}

// kubeconfig writes a kubeconfig for the proxy, with the credentials of another file, or another token.
func (n *unreliableProxy) kubeconfig(t testing.TB, credentials string, token ...string) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(credentials)
	testcheck.NoError(t, err)
	for _, c := range config.Clusters {
		c.Server, c.CertificateAuthority = n.URL, ""
		c.CertificateAuthorityData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n.Certificate().Raw})
	}
	for _, user := range config.AuthInfos {
		if len(token) > 0 {
			user.Token, user.TokenFile = token[0], ""
		}
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	testcheck.NoError(t, clientcmd.WriteToFile(*config, path))
	return path
}

func (n *unreliableProxy) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

// cut breaks every connection; down also refuses new ones.
func (n *unreliableProxy) cut(down bool) {
	n.set(func() { n.down = down })
	n.CloseClientConnections()
}

func (n *unreliableProxy) freeze(frozen bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.frozen && !frozen {
		close(n.thawed)
		n.thawed = make(chan struct{})
	}
	n.frozen = frozen
}

// count returns the number of requests for Components.
func (n *unreliableProxy) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.requests)
}

// asked returns a message when no request had the query parameter.
func (n *unreliableProxy) asked(name, value string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, query := range n.requests {
		if query.Get(name) == value {
			return ""
		}
	}
	return fmt.Sprintf("no request with %s=%s among %v", name, value, n.requests)
}

// pausableBody blocks while the proxy is frozen.
type pausableBody struct {
	io.ReadCloser
	network *unreliableProxy
	closed  <-chan struct{}
}

func (f *pausableBody) Read(p []byte) (int, error) {
	read, err := f.ReadCloser.Read(p)
	for {
		f.network.mu.Lock()
		frozen, thawed := f.network.frozen, f.network.thawed
		f.network.mu.Unlock()
		if !frozen {
			return read, err
		}
		select {
		case <-thawed:
		case <-f.closed:
			return 0, io.ErrClosedPipe
		}
	}
}
