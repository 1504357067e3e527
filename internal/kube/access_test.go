package kube_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"odasync/internal/kube"
	"odasync/internal/kube/kubetest"
	"odasync/internal/logtest"
	"odasync/internal/testcheck"
)

// guarded is an API server that takes one token, and the kubeconfig that leads there.
type guarded struct {
	*httptest.Server
	accepts atomic.Pointer[string]
	path    string
	log     *logtest.Buffer
	client  *kube.Client
}

// newGuarded starts a server that takes no token yet, and a client with the token "old" in its kubeconfig.
func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{path: filepath.Join(t.TempDir(), "kubeconfig"), log: new(logtest.Buffer)}
	g.accept("")
	g.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+*g.accepts.Load():
			kubetest.Refuses(401, "Unauthorized", "Unauthorized")(w, r)
		case strings.Contains(r.URL.Path, "customresourcedefinitions"):
			kubetest.Serves("v1")(w, r)
		case strings.Contains(r.URL.Path, "selfsubjectaccessreviews"):
			kubetest.Body(map[string]any{"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": map[string]any{"allowed": true}})(w, r)
		default:
			kubetest.Pages("7", "", kubetest.Object("shop", "a", "1"))(w, r)
		}
	}))
	t.Cleanup(g.Close)
	g.write(t, "old")
	cfg := kubetest.ReadConfig(t, map[string]string{"KUBECONFIG": g.path, "KUBERNETES_NAMESPACE": "shop"})
	var err error
	if g.client, err = kube.NewClient(cfg, "test", zerolog.New(g.log)); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guarded) accept(token string) { g.accepts.Store(&token) }

// write makes the kubeconfig one with the token in it.
func (g *guarded) write(t *testing.T, token string) {
	t.Helper()
	authority := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.Certificate().Raw}))
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "test",
"clusters": [{"name": "test", "cluster": {"server": %q, "certificate-authority-data": %q}}], "users": [{"name": "test", "user": {"token": %q}}],
"contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}`, g.URL, authority, token)
	testcheck.NoError(t, os.WriteFile(g.path, []byte(text), 0o600))
}

// list is a request for Components; Permissions are others by another of the clients.
func (g *guarded) list(t *testing.T) error {
	t.Helper()
	return g.client.List(t.Context(), g.client.ComponentResource("v1"), kubetest.Scope(t, "shop"), nil, func() {},
		func(json.RawMessage) error { return nil })
}

const rereadMessage = "credentials rejected, reloaded"

func TestClient_ReadsInlineCredentialsAgain(t *testing.T) {
	for name, request := range map[string]func(t *testing.T, g *guarded) error{
		"a list":             func(t *testing.T, g *guarded) error { return g.list(t) },
		"permission reviews": func(t *testing.T, g *guarded) error { _, err := g.client.Permissions(t.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			for range 4 { // the third of which reads the unchanged kubeconfig again
				if err := request(t, g); err == nil {
					t.Fatal("a request with a rejected token succeeds")
				}
			}
			testcheck.Equal(t, "log while nothing is new", "", g.log.String())
			g.write(t, "new-secret")
			g.accept("new-secret")
			tries := 0
			for ; request(t, g) != nil; tries++ {
				if tries == 3 {
					t.Fatal("the new token is not used after three more answers")
				}
			}
			testcheck.ErrorIs(t, "with another client than the one that was rejected", nil, g.list(t))
			if _, err := g.client.Permissions(t.Context()); err != nil {
				t.Errorf("another client than the one that was rejected: %v", err)
			}
			if logged := g.log.String(); strings.Count(logged, "\n") != 1 || !strings.Contains(logged, rereadMessage) || strings.Contains(logged, "secret") {
				t.Errorf("the log, of which one line without the token is wanted:\n%s", logged)
			}
		})
	}
}

// A 401 that is followed by another answer is no reason to reload the credentials.
func TestClient_KeepsCredentialsThatWork(t *testing.T) {
	g := newGuarded(t)
	g.write(t, "new")
	for range 3 {
		g.accept("none")
		for range 2 {
			if err := g.list(t); err == nil {
				t.Fatal("a request with a rejected token succeeds")
			}
		}
		g.accept("old")
		testcheck.NoError(t, g.list(t))
	}
	testcheck.Equal(t, "log", "", g.log.String())
}

func TestClient_KeepsCredentialsWhileTheKubeconfigIsBroken(t *testing.T) {
	g := newGuarded(t)
	if err := os.WriteFile(g.path, []byte("{"), 0o600); err != nil { // as while it is being written
		t.Fatal(err)
	}
	for range 9 {
		if err := g.list(t); err == nil {
			t.Fatal("a request with a rejected token succeeds")
		}
	}
	if logged := g.log.String(); strings.Count(logged, "\n") != 1 || !strings.Contains(logged, "set KUBECONFIG to a readable kubeconfig file") {
		t.Errorf("the log, of which one line is wanted:\n%s", logged)
	}
	g.accept("old") // the one of before still works
	testcheck.NoError(t, g.list(t))
}
