package conformance_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sethvargo/go-envconfig"
	"go.uber.org/goleak"

	"odasync/internal/config"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/auth"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/registry/conformance"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSuite_PassesAgainstTheReferenceRegistry is the conformance of the adapters, case by case, over TLS and with
// authentication, in a registry that has other content.
func TestSuite_PassesAgainstTheReferenceRegistry(t *testing.T) {
	for api, secure := range map[string]func(*refregistry.Config) (client map[string]string){
		registry.APIV1:     withKey,
		registry.APITMF639: withClient,
	} {
		t.Run(api, func(t *testing.T) {
			cfg := refregistry.Config{API: api, APIKey: apiKey}
			client := secure(&cfg)
			server := refregistry.New(cfg)
			seed(t, server, api)
			before := content(server)
			s := open(t, serveTLS(t, server, client))
			testcheck.Equal(t, "API recognised", api, s.API())
			for _, c := range conformance.Cases(api, false) {
				t.Run(c.Name, func(t *testing.T) { pass(t, s, c) })
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			registrytest.Same(t, before, content(server))
		})
	}
}

// TestSuite_PassesTheLargeCases runs them without TLS and tokens, which would take most of the time.
func TestSuite_PassesTheLargeCases(t *testing.T) {
	for _, api := range []string{registry.APIV1, registry.APITMF639} {
		t.Run(api, func(t *testing.T) {
			server, client := registrytest.Start(t, refregistry.Config{API: api})
			s := open(t, registry.Config{URL: client.URL, API: api})
			small := conformance.Cases(api, false)
			for _, c := range conformance.Cases(api, true) {
				if !slices.ContainsFunc(small, func(s conformance.Case) bool { return s.Name == c.Name }) {
					t.Run(c.Name, func(t *testing.T) { pass(t, s, c) })
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			registrytest.Same(t, content(refregistry.New(refregistry.Config{API: api})), content(server))
		})
	}
}

func pass(t *testing.T, s *conformance.Suite, c conformance.Case) {
	t.Helper()
	r, err := s.Run(t.Context(), c)
	testcheck.NoError(t, err)
	if r.Status != conformance.StatusOK {
		t.Error(r.Detail)
	}
}

func TestSuite_RemovesEverythingAfterAnInterruption(t *testing.T) {
	for _, api := range []string{registry.APIV1, registry.APITMF639} {
		t.Run(api, func(t *testing.T) {
			server, client := registrytest.Start(t, refregistry.Config{API: api})
			seed(t, server, api)
			before := content(server)
			for _, c := range conformance.Cases(api, false) {
				s := open(t, registry.Config{URL: client.URL, API: api})
				ctx, interrupt := context.WithCancel(t.Context())
				var requests atomic.Int32
				server.SetFault(func(*http.Request) *faults.Fault {
					if requests.Add(1) == 8 {
						interrupt()
					}
					return nil
				})
				if _, err := s.Run(ctx, c); !errors.Is(err, context.Canceled) {
					t.Errorf("%s: error = %v, want the interruption", c.Name, err)
				}
				if err := s.Close(ctx); err != nil {
					t.Error(err)
				}
				registrytest.Same(t, before, content(server))
			}
		})
	}
}

func TestSuite_SaysWhatIsLeftWhenItCannotCleanUp(t *testing.T) {
	server, client := registrytest.Start(t, refregistry.Config{})
	s := open(t, registry.Config{URL: client.URL, API: registry.APIV1})
	server.SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == http.MethodDelete {
			return &faults.Fault{Status: http.StatusForbidden}
		}
		return nil
	})
	err := s.Close(t.Context())
	testcheck.ErrorContains(t, err, "HTTP 403", "remove what begins with "+s.Name())
}

func TestOpen_RefusesARegistryThatCannotBeUsed(t *testing.T) {
	tests := map[string]struct {
		key   config.Secret
		fault func(*http.Request) *faults.Fault
		want  string
	}{
		"with another key": {key: "wrong", want: "HTTP 401"},
		"that is read-only": {key: "right", want: "HTTP 403", fault: func(r *http.Request) *faults.Fault {
			if r.Method != http.MethodGet {
				return &faults.Fault{Status: http.StatusForbidden}
			}
			return nil
		}},
		"that is another service": {key: "right", want: "COMPONENT_REGISTRY_URL", fault: func(*http.Request) *faults.Fault {
			return &faults.Fault{Status: http.StatusOK, Body: "<html>"}
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, client := registrytest.Start(t, refregistry.Config{APIKey: "right"})
			server.SetFault(test.fault)
			_, err := conformance.Open(t.Context(), withDefaults(registry.Config{URL: client.URL, API: registry.APIV1, APIKey: config.Fixed(test.key)}))
			testcheck.ErrorContains(t, err, test.want)
			registrytest.Same(t, refregistry.Snapshot{}, server.Snapshot())
		})
	}
}

func TestSelect_NamesTheCasesForAnUnknownOne(t *testing.T) {
	_, err := conformance.Select(conformance.Cases(registry.APIV1, false), "create", "nonsense")
	testcheck.ErrorContains(t, err, `no case "nonsense"`, "create, repeat")
}

func withDefaults(cfg registry.Config) registry.Config {
	cfg.Timeout = config.Duration(20 * time.Second)
	return cfg
}

func open(t *testing.T, cfg registry.Config) *conformance.Suite {
	t.Helper()
	s, err := conformance.Open(t.Context(), withDefaults(cfg))
	testcheck.NoError(t, err)
	return s
}

// apiKey is the key of the registries that have one.
const apiKey = "key-of-the-test"

// withKey returns the variables of a client with the key.
func withKey(*refregistry.Config) (client map[string]string) {
	return map[string]string{"COMPONENT_REGISTRY_API_KEY": apiKey}
}

// withClient makes a registry require tokens, and returns the variables of a client with the role of the Canvas's own collector.
func withClient(cfg *refregistry.Config) (client map[string]string) {
	cfg.Auth = &auth.Config{Clients: []auth.Client{{ID: "odasync", Secret: "secret-of-the-test", Roles: []string{"sync"}}}}
	return map[string]string{"OAUTH2_CLIENT_ID": "odasync", "OAUTH2_CLIENT_SECRET": "secret-of-the-test"}
}

// serveTLS serves a registry and its token endpoint, with a certificate of its own, until the test ends. It returns the
// configuration of the clients.
func serveTLS(t *testing.T, served *refregistry.Server, client map[string]string) (cfg registry.Config) {
	t.Helper()
	server := httptest.NewTLSServer(served.Handler())
	t.Cleanup(server.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	testcheck.NoError(t, os.WriteFile(authority, block, 0o600))
	client["COMPONENT_REGISTRY_URL"], client["COMPONENT_REGISTRY_CA_FILE"] = server.URL, authority
	if client["OAUTH2_CLIENT_ID"] != "" {
		client["OAUTH2_TOKEN_URL"] = server.URL + auth.TokenPath
	}
	testcheck.NoError(t, config.Load(t.Context(), envconfig.MapLookuper(client), &cfg))
	return cfg
}

// seed gives a registry content of others.
func seed(t *testing.T, server *refregistry.Server, api string) {
	t.Helper()
	plain := httptest.NewServer(server.Handler())
	defer plain.Close()
	client := &registrytest.Client{TB: t, URL: plain.URL, Key: apiKey, HTTP: plain.Client()}
	if api == registry.APIV1 {
		client.Seed()
		return
	}
	for _, id := range []string{"self:catalog", "odasync-verify:printer"} {
		client.Expect(http.StatusCreated, "POST", "/resource", `{"@type":"LogicalResource","category":"ODAComponent","id":"`+id+`"}`)
	}
}

// content is everything in a registry.
func content(server *refregistry.Server) any {
	return []any{server.Snapshot(), server.Resources()}
}
