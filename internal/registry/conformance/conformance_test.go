package conformance_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"odasync/internal/config"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/registry/conformance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSuite_PassesAgainstTheReferenceRegistry is the conformance of the adapters, case by case, beside content of others.
func TestSuite_PassesAgainstTheReferenceRegistry(t *testing.T) {
	for _, api := range []string{registry.APIV1} {
		t.Run(api, func(t *testing.T) {
			const key = "key-of-the-test"
			server, client := registrytest.Start(t, refregistry.Config{APIKey: key})
			client.Seed()
			before := server.Snapshot()
			s := open(t, registry.Config{URL: client.URL, API: api, APIKey: key})
			for _, c := range conformance.Cases(s.API(), true) {
				t.Run(c.Name, func(t *testing.T) {
					r, err := s.Run(t.Context(), c)
					if err != nil {
						t.Fatal(err)
					}
					if r.Status != conformance.StatusOK {
						t.Error(r.Detail)
					}
				})
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			registrytest.Same(t, before, server.Snapshot())
		})
	}
}

func TestSuite_RemovesEverythingAfterAnInterruption(t *testing.T) {
	server, client := registrytest.Start(t, refregistry.Config{})
	client.Seed()
	before := server.Snapshot()
	for _, c := range conformance.Cases(registry.APIV1, false) {
		s := open(t, registry.Config{URL: client.URL, API: registry.APIV1})
		ctx, interrupt := context.WithCancel(t.Context())
		var writes atomic.Int32
		server.SetFault(func(r *http.Request) *faults.Fault {
			if r.Method != http.MethodGet && writes.Add(1) == 8 {
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
		registrytest.Same(t, before, server.Snapshot())
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
	if err == nil || !strings.Contains(err.Error(), "HTTP 403") || !strings.Contains(err.Error(), "remove what begins with "+s.Name()) {
		t.Errorf("error = %v, want one that says what to remove", err)
	}
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
			_, err := conformance.Open(t.Context(), withDefaults(registry.Config{URL: client.URL, API: registry.APIV1, APIKey: test.key}))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want %q in it", err, test.want)
			}
			registrytest.Same(t, refregistry.Snapshot{}, server.Snapshot())
		})
	}
}

func TestSelect_NamesTheCasesForAnUnknownOne(t *testing.T) {
	_, err := conformance.Select(conformance.Cases(registry.APIV1, false), "create", "nonsense")
	if err == nil || !strings.Contains(err.Error(), `no case "nonsense"`) || !strings.Contains(err.Error(), "create, repeat") {
		t.Errorf("error = %v", err)
	}
}

func withDefaults(cfg registry.Config) registry.Config {
	cfg.Timeout = config.Duration(20 * time.Second)
	return cfg
}

func open(t *testing.T, cfg registry.Config) *conformance.Suite {
	t.Helper()
	s, err := conformance.Open(t.Context(), withDefaults(cfg))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
