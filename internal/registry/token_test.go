package registry

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"odasync/internal/config"
	"odasync/internal/logtest"
	"odasync/internal/refregistry"
	issuer "odasync/internal/refregistry/auth"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

const (
	clientSecret = "s3cr3t-of-the-client"
	tokenRequest = "POST " + issuer.TokenPath
)

// newIssuing is a TMF639 registry that demands tokens of its own issuer.
func newIssuing(t *testing.T, lifetime time.Duration, clients ...issuer.Client) *harness {
	t.Helper()
	for i := range clients {
		clients[i].Secret = clientSecret
	}
	return newHarness(t, refregistry.Config{API: refregistry.TMF639, Auth: &issuer.Config{Clients: clients, Lifetime: lifetime}})
}

// as sets the credentials of a client.
func (h *harness) as(id string) func(*Config) {
	return func(cfg *Config) {
		cfg.API, cfg.MaxConnections = APITMF639, 8
		cfg.OAuth2.TokenURL, cfg.OAuth2.ClientID = config.Secret(h.URL+issuer.TokenPath), config.Secret(id)
		testcheck.NoError(h, cfg.OAuth2.ClientSecret.UnmarshalText([]byte(clientSecret)))
	}
}

func listResources(t *testing.T, c *Client) error {
	t.Helper()
	return c.Do(t.Context(), Request{Method: http.MethodGet, Path: "/resource", Row: func(d *jsontext.Decoder) error { return d.SkipValue() }}, nil)
}

func postResource(t *testing.T, c *Client) error {
	t.Helper()
	return c.Do(t.Context(), Request{Method: http.MethodPost, Path: "/resource", Body: map[string]string{"@type": "LogicalResource"}}, nil)
}

func TestClient_FetchesATokenOnDemand(t *testing.T) {
	h := newIssuing(t, 0, issuer.Client{ID: "odasync", Roles: []string{"sync"}})
	c := h.client(h.as("odasync"))
	for range 3 {
		testcheck.NoError(t, listResources(t, c))
	}
	testcheck.NoError(t, postResource(t, c))
	requests := h.Requests()
	if requests["GET /resource"] != 4 || requests["POST /resource"] != 1 || requests[tokenRequest] != 1 {
		t.Errorf("requests %v, want one that is rejected and one for the token", requests)
	}
}

// A registry that demands nothing gets no token.
func TestClient_StaysAnonymous(t *testing.T) {
	h := newHarness(t, refregistry.Config{API: refregistry.TMF639})
	h.SetFault(func(r *http.Request) *faults.Fault {
		if r.Header.Get("Authorization") != "" {
			t.Error("a token is sent")
		}
		return nil
	})
	c := h.client(h.as("odasync"))
	testcheck.NoError(t, listResources(t, c))
}

// No request fails while tokens expire, and each serves for its life.
func TestClient_OutlastsItsTokens(t *testing.T) {
	const lifetime = 2 * time.Second
	h := newIssuing(t, lifetime, issuer.Client{ID: "odasync", Roles: []string{"sync"}})
	c := h.client(h.as("odasync"))
	began := time.Now()
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			for time.Since(began) < 2*lifetime {
				if err := listResources(t, c); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	// A token of the issuer ends at a full second, up to one before its time, and a rejection replaces it too.
	if issued := h.Requests()[tokenRequest]; issued < 2 || issued > 8 {
		t.Errorf("%d tokens in %s, which live for %s", issued, 2*lifetime, lifetime)
	}
}

func TestClient_ExplainsARejectedToken(t *testing.T) {
	for name, test := range map[string]struct {
		client issuer.Client
		send   func(*testing.T, *Client) error
		class  target.Class
		want   []string
	}{
		"when the role may not write": {issuer.Client{Roles: []string{"query"}}, postResource, target.ClassUnauthorized, []string{
			"HTTP 403: User does not have permission: resource.post: grant", "OAUTH2_CLIENT_ID", "componentregistry: query", "aud account", "/realms/odari", "exp 20",
		}},
		"when the audience is another": {issuer.Client{Roles: []string{"sync"}, Claims: map[string]any{"aud": "other"}}, listResources, target.ClassUnauthorized, []string{
			"HTTP 401: Not authenticated: the registry rejects a fresh token", "until it is restarted", "aud other", "componentregistry: sync",
		}},
		"when there are no roles at all": {issuer.Client{Claims: map[string]any{"resource_access": nil}}, listResources, target.ClassUnavailable, []string{
			"HTTP 500: Internal Server Error: the token has no claim resource_access", "grant the client",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			test.client.ID = "odasync"
			h := newIssuing(t, 0, test.client)
			err := test.send(t, h.client(h.as("odasync")))
			registrytest.WantFailure(t, err, test.class, test.want...)
			testcheck.Equal(t, "tokens fetched for one request", 1, h.Requests()[tokenRequest])
			if strings.Contains(err.Error(), "eyJ") {
				t.Errorf("%q shows the token", err)
			}
		})
	}
}

// After a rotation of the issuer's keys every new token is rejected until the registry forgets the old ones.
func TestClient_RecoversFromAKeyRotation(t *testing.T) {
	h := newIssuing(t, 0, issuer.Client{ID: "odasync", Roles: []string{"sync"}})
	c := h.client(h.as("odasync"))
	testcheck.NoError(t, listResources(t, c))
	h.RotateKeys()
	rejected := h.client(h.as("odasync"))
	registrytest.WantFailure(t, listResources(t, rejected), target.ClassUnauthorized, "restart it after a key rotation")
	h.Restart()
	testwait.Until(t, "both get a token that is accepted", func() bool {
		return listResources(t, c) == nil && listResources(t, rejected) == nil
	})
}

func TestClient_NamesTheTokenEndpoint(t *testing.T) {
	for name, test := range map[string]struct {
		change func(h *harness, cfg *Config)
		class  target.Class
		want   []string
	}{
		"when the secret is wrong": {func(_ *harness, cfg *Config) { _ = cfg.OAuth2.ClientSecret.UnmarshalText([]byte("wr0ng")) },
			target.ClassUnauthorized, []string{"GET /resource: HTTP 401: no token from OAUTH2_TOKEN_URL", "unauthorized_client", "set OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET"}},
		"when it is down": {func(_ *harness, cfg *Config) { cfg.OAuth2.TokenURL = "http://ada:pa55@127.0.0.1:1/token?x=pa55" },
			target.ClassUnavailable, []string{"no token from OAUTH2_TOKEN_URL http://127.0.0.1:1/token", "connection refused"}},
		"when it is a page": {func(h *harness, cfg *Config) { cfg.OAuth2.TokenURL = config.Secret(h.URL + "/") },
			target.ClassUnauthorized, []string{"set OAUTH2_TOKEN_URL to the token endpoint"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newIssuing(t, 0, issuer.Client{ID: "odasync", Roles: []string{"sync"}})
			c := h.client(h.as("odasync"), func(cfg *Config) { test.change(h, cfg) })
			err := listResources(t, c)
			registrytest.WantFailure(t, err, test.class, test.want...)
			for _, hidden := range []string{"pa55", "wr0ng", clientSecret} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("%q shows %q", err, hidden)
				}
			}
		})
	}
}

// A registry that repeats what it was sent makes neither errors nor logs show the token.
func TestClient_HidesItsToken(t *testing.T) {
	h := newIssuing(t, 0, issuer.Client{ID: "odasync", Roles: []string{"sync"}})
	h.SetFault(func(r *http.Request) *faults.Fault {
		if sent := r.Header.Get("Authorization"); strings.HasPrefix(sent, "Bearer ") {
			return &faults.Fault{Status: http.StatusUnprocessableEntity, Body: `{"detail":"you sent ` + sent + `"}`}
		}
		return nil
	})
	var out logtest.Buffer
	c := h.clientWith(prometheus.NewRegistry(), zerolog.New(&out), h.as("odasync"))
	err := postResource(t, c)
	registrytest.WantFailure(t, err, target.ClassInvalid, "you sent Bearer ***")
	if shown := err.Error() + out.String(); strings.Contains(shown, "eyJ") || strings.Contains(shown, clientSecret) {
		t.Errorf("shows a secret: %s", shown)
	}
}

// Both the registry and the token endpoint are behind the private authority.
func TestClient_TrustsTheAuthorityForTokens(t *testing.T) {
	service := refregistry.New(refregistry.Config{API: refregistry.TMF639, Auth: &issuer.Config{Clients: []issuer.Client{{ID: "odasync", Secret: clientSecret, Roles: []string{"sync"}}}}})
	server := httptest.NewTLSServer(service.Handler())
	t.Cleanup(server.Close)
	authorities := filepath.Join(t.TempDir(), "ca.pem")
	testcheck.NoError(t, os.WriteFile(authorities, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	h := newHarness(t, refregistry.Config{})
	h.URL = server.URL
	c := h.client(h.as("odasync"), func(cfg *Config) { cfg.Transport.CAFile = authorities })
	testcheck.NoError(t, listResources(t, c))
}
