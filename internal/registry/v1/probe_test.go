package v1

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"odasync/internal/config"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestWriteProbe_WritesAndChangesNothing(t *testing.T) {
	h, a, _, _ := applied(t, "products")
	h.Registry("neighbour")
	before := h.snapshot()
	for name, a := range map[string]*Adapter{"an adapter that has just started": h.adapter(), "one that has written": a} {
		h.resetRequests()
		testcheck.ErrorIs(t, name, nil, a.WriteProbe(t.Context()))
		if all, writes := h.requests(); writes != 1 || all > 3 {
			t.Errorf("%s: %d requests, %d of them write, want one", name, all, writes)
		}
	}
	h.wantUnchanged(before)
}

// The probe does not restore an address that was changed.
func TestWriteProbe_KeepsTheAddress(t *testing.T) {
	h, a, _, _ := applied(t)
	id := h.snapshot().Registries[0].ID
	h.send("PUT", strings.ReplaceAll(pathRegistry, "{id}", "1"), registryUpdate{URL: "http://elsewhere.example.org/"})
	testcheck.ErrorIs(t, "write probe", nil, a.WriteProbe(t.Context()))
	if got := h.snapshot().Registries[0]; got.ID != id || got.URL != "http://elsewhere.example.org/" {
		t.Errorf("the entry is %+v", got)
	}
}

func TestWriteProbe_ReportsFaults(t *testing.T) {
	tests := map[string]struct {
		fault  faults.Fault
		of     string // the method; empty for every request
		class  target.Class
		parts  []string
		health bool // succeeds all the same
	}{
		"an internal error":            {fault: faults.Fault{Status: 500}, class: target.ClassUnavailable, parts: []string{"HTTP 500"}},
		"an internal error of a write": {fault: faults.Fault{Status: 500}, of: "PUT", class: target.ClassUnavailable, parts: []string{"PUT /registries/{id}: HTTP 500"}, health: true},
		"a wrong key":                  {fault: faults.Fault{Status: 401, Body: `{"detail":"no"}`}, class: target.ClassUnauthorized, parts: []string{"HTTP 401: no"}},
		"a key that may not write":     {fault: faults.Fault{Status: 403}, of: "PUT", class: target.ClassUnauthorized, parts: []string{"PUT /registries/{id}: HTTP 403"}, health: true},
		"too many requests":            {fault: faults.Fault{Status: 429, RetryAfter: "3"}, class: target.ClassRateLimited, parts: []string{"HTTP 429"}},
		"no answer":                    {fault: faults.Fault{Hang: true}, class: target.ClassUnavailable, parts: []string{"no answer within 1s"}},
		"no answer to a write":         {fault: faults.Fault{Hang: true}, of: "PUT", class: target.ClassUnavailable, parts: []string{"PUT /registries/{id}: no answer"}, health: true},
		"a reset":                      {fault: faults.Fault{Reset: true}, class: target.ClassUnavailable, parts: []string{"reset"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _, _, _ := applied(t, "products")
			a := h.adapter(func(cfg *registry.Config) {
				if test.fault.Hang {
					cfg.Timeout = config.Duration(time.Second)
				}
			})
			before := h.snapshot()
			h.fault(func(r *http.Request) *faults.Fault {
				if test.of != "" && r.Method != test.of {
					return nil
				}
				return &test.fault
			})
			failure := registrytest.WantFailure(t, a.WriteProbe(t.Context()), test.class, test.parts...)
			if test.class == target.ClassRateLimited && failure.RetryAfter != 3*time.Second {
				t.Errorf("wait = %s, want 3s", failure.RetryAfter)
			}
			if err := a.Health(t.Context()); test.health && err != nil {
				t.Errorf("health: %v", err)
			} else if !test.health {
				registrytest.WantFailure(t, err, test.class, "GET /health")
			}
			h.fault(nil)
			testcheck.ErrorIs(t, "afterwards", nil, a.WriteProbe(t.Context()))
			h.wantUnchanged(before)
		})
	}
}

// An entry that is gone is created once more, and nothing else changes.
func TestWriteProbe_CreatesTheEntryAgain(t *testing.T) {
	tests := map[string]func(h *harness){
		"missing": func(h *harness) { h.send("DELETE", "/registries/1", nil) },
		"renamed": func(h *harness) { h.send("PUT", "/registries/1", map[string]string{"name": "another"}) },
		"wiped":   func(h *harness) { h.wipe() },
	}
	for name, remove := range tests {
		t.Run(name, func(t *testing.T) {
			h, a, _, _ := applied(t, "products")
			remove(h)
			before := h.snapshot()
			for range 2 {
				testcheck.ErrorIs(t, "write probe", nil, a.WriteProbe(t.Context()))
			}
			after := h.snapshot()
			testcheck.Equal(t, "content, before (-) and after (+)", before, after, cmpopts.IgnoreFields(refregistry.Snapshot{}, "Registries"))
			if n := len(after.Registries) - len(before.Registries); n != 1 || after.Registries[len(after.Registries)-1].Name != "self" {
				t.Errorf("the registry entries are %+v", after.Registries)
			}
		})
	}
}

func TestProbe_EndsWithItsContext(t *testing.T) {
	h, a := newEmpty(t)
	h.fault(func(*http.Request) *faults.Fault { return &faults.Fault{Hang: true} })
	for name, ask := range map[string]func(context.Context) error{"health": a.Health, "write probe": a.WriteProbe} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- ask(ctx) }()
		cancel()
		testcheck.ErrorIs(t, name, context.Canceled, <-ended)
	}
}

// A registry with an untrusted certificate counts as unavailable.
func TestProbe_UnknownCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs each failed handshake
	server.StartTLS()
	t.Cleanup(server.Close)
	a := newAdapter(t, server.URL)
	registrytest.WantFailure(t, a.Health(t.Context()), target.ClassUnavailable, "certificate")
	registrytest.WantFailure(t, a.WriteProbe(t.Context()), target.ClassUnavailable, "certificate")
}
