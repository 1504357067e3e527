package registry

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"odasync/internal/config"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestClient_Failures(t *testing.T) {
	tests := map[string]struct {
		fault faults.Fault
		class target.Class
		parts []string
		wait  time.Duration
	}{
		"when it is unavailable":    {fault: faults.Fault{Status: 503, RetryAfter: "7"}, class: target.ClassUnavailable, parts: []string{"HTTP 503"}, wait: 7 * time.Second},
		"when it limits the rate":   {fault: faults.Fault{Status: 429, RetryAfter: "3", Body: `{"detail":"slow down"}`}, class: target.ClassRateLimited, parts: []string{"slow down"}, wait: 3 * time.Second},
		"when the key is wrong":     {fault: faults.Fault{Status: 401, Body: `{"detail":"no"}`}, class: target.ClassUnauthorized, parts: []string{"HTTP 401: no"}},
		"when the URL is wrong":     {fault: faults.Fault{Status: 404, Body: `<html>nothing here</html>`}, class: target.ClassUnauthorized, parts: []string{"GET /labels/: HTTP 404"}},
		"when it is not a registry": {fault: faults.Fault{Status: 200, Body: "<html>Welcome</html>"}, class: target.ClassUnauthorized, parts: []string{"GET /labels/: HTTP 200", "not that of a v1 Component Registry", "COMPONENT_REGISTRY_URL"}},
		"when an item is huge":      {fault: faults.Fault{Status: 200, Body: `[{"id":1,"key":"` + strings.Repeat("x", maxItem) + `"}]`}, class: target.ClassUnauthorized, parts: []string{"GET /labels/", "larger than 1 MiB"}},
		"when it resets":            {fault: faults.Fault{Reset: true}, class: target.ClassUnavailable, parts: []string{"GET /labels/", "reset"}},
		"when it does not answer":   {fault: faults.Fault{Hang: true}, class: target.ClassUnavailable, parts: []string{"no answer within 50ms"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, refregistry.Config{})
			c := h.client(func(cfg *Config) {
				if test.fault.Hang {
					cfg.Timeout = config.Duration(50 * time.Millisecond)
				}
			})
			h.fault(test.fault)
			err := getLabels(t, c)
			testcheck.Equal(t, "wait", test.wait, registrytest.WantFailure(t, err, test.class, test.parts...).RetryAfter)
			if strings.Contains(err.Error(), h.URL) {
				t.Errorf("%q contains the URL", err)
			}
			h.SetFault(nil)
			c.timeout = 20 * time.Second
			testcheck.ErrorIs(t, "afterwards", nil, getLabels(t, c))
		})
	}
	t.Run("when no server listens", func(t *testing.T) {
		c := newHarness(t, refregistry.Config{}).client(func(cfg *Config) { cfg.URL = "http://127.0.0.1:1" })
		registrytest.WantFailure(t, getLabels(t, c), target.ClassUnavailable, "connection refused")
	})
}

func TestClient_SendsNothingAfterItsContextEnded(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := h.client().Do(ctx, Request{Method: http.MethodGet, Path: "/health"}, nil)
	if _, isFailure := AsFailure(err); !errors.Is(err, context.Canceled) || isFailure || !ContextEnded(err) {
		t.Errorf("error = %v, want the context's", err)
	}
	testcheck.Empty(t, "requests", h.Requests())
}

func TestClient_KeepsSecrets(t *testing.T) {
	const key, password = "k3y-of-the-registry", "passw0rd"
	tests := map[string]struct {
		change                func(*Config)
		secret, authorization string
	}{
		"key": {func(cfg *Config) { cfg.APIKey = config.Fixed(key) }, key, "Bearer " + key},
		"password": {
			func(cfg *Config) { cfg.URL = strings.Replace(cfg.URL, "http://", "http://user:"+password+"@", 1) }, password, "Basic dXNlcjpwYXNzdzByZA==",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			h := newHarness(t, refregistry.Config{})
			c := h.clientWith(prometheus.NewRegistry(), zerolog.New(&logged), test.change)
			var sent atomic.Value
			h.SetFault(func(r *http.Request) *faults.Fault {
				sent.Store(r.Header.Get("Authorization"))
				return &faults.Fault{Status: 401, Body: `{"detail":"bad credentials ` + key + password + `"}`}
			})
			rejection := getLabels(t, c)
			h.fault(faults.Fault{Reset: true})
			reset := getLabels(t, c)
			if rejection == nil || reset == nil {
				t.Fatal("both should fail")
			}
			for where, text := range map[string]string{"rejection": rejection.Error(), "reset": reset.Error(), "log": logged.String()} {
				if text == "" || strings.Contains(text, test.secret) {
					t.Errorf("the %s is empty or contains the secret: %s", where, text)
				}
			}
			if sent.Load() != test.authorization {
				t.Errorf("sent %q, want %q", sent.Load(), test.authorization)
			}
		})
	}
}

func TestClient_SendsTheKey(t *testing.T) {
	h := newHarness(t, refregistry.Config{APIKey: "right"})
	testcheck.ErrorIs(t, "get labels", nil, getLabels(t, h.client(func(cfg *Config) { cfg.APIKey = config.Fixed("right") })))
	registrytest.WantFailure(t, getLabels(t, h.client(func(cfg *Config) { cfg.APIKey = config.Fixed("wrong") })), target.ClassUnauthorized, "HTTP 401")
}

func TestClient_FollowsNoRedirect(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	var redirected atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		redirected.Add(1)
		http.Redirect(w, r, h.URL+r.URL.Path+"?token=abc", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(elsewhere.Close)
	err := getLabels(t, h.client(func(cfg *Config) { cfg.URL = elsewhere.URL }))
	registrytest.WantFailure(t, err, target.ClassUnauthorized, "HTTP 307", "redirected to "+h.URL+"/labels:", "COMPONENT_REGISTRY_URL")
	if strings.Contains(err.Error(), "token") {
		t.Errorf("%q contains the query", err)
	}
	if all := h.Requests(); len(all) != 0 || redirected.Load() != 1 {
		t.Errorf("%v arrived, %d requests were redirected", all, redirected.Load())
	}
}

func TestMetrics_CountByTemplate(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	gatherer := prometheus.NewRegistry()
	c := h.clientWith(gatherer, zerolog.Nop())
	item := Request{Method: http.MethodDelete, Path: "/labels/{id}", ID: "1"}
	h.Label("k", "v")
	for range 2 { // the second finds nothing
		_ = c.Do(t.Context(), item, nil)
	}
	h.fault(faults.Fault{Reset: true})
	_ = c.Do(t.Context(), item, nil)
	families := testcheck.Must(gatherer.Gather())
	got := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "oda_collector_registry_api_calls_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			values := map[string]string{}
			for _, l := range m.GetLabel() {
				values[l.GetName()] = l.GetValue()
			}
			got[values["method"]+" "+values["endpoint"]+" "+values["status"]] = m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{"DELETE /labels/{id} 204": 1, "DELETE /labels/{id} 404": 1, "DELETE /labels/{id} error": 1}
	testcheck.Equal(t, "requests", want, got)
}

// Requests above the connections wait, also where HTTP/2 would send them over one connection.
func TestClient_KeepsToItsConnections(t *testing.T) {
	const connections = 2
	var inFlight, most atomic.Int32
	meet := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now := inFlight.Add(1)
		defer inFlight.Add(-1)
		for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
		}
		select { // two requests at a time are needed for any answer
		case meet <- struct{}{}:
		case <-meet:
		}
		_, _ = io.WriteString(w, "[]")
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	authorities := filepath.Join(t.TempDir(), "ca.pem")
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	testcheck.NoError(t, os.WriteFile(authorities, encoded, 0o600))
	h := newHarness(t, refregistry.Config{})
	c := h.client(func(cfg *Config) {
		cfg.URL, cfg.MaxConnections, cfg.Transport.CAFile = server.URL, connections, authorities
	})
	testcheck.Equal(t, "connections", connections, c.Connections())
	var group errgroup.Group
	for range 20 {
		group.Go(func() error { return getLabels(t, c) })
	}
	testcheck.NoError(t, group.Wait())
	testcheck.Equal(t, "requests at a time", connections, most.Load())
}
