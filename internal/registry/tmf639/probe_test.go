package tmf639

import (
	"net/http"
	"testing"

	"odasync/internal/component"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestHealth_ReportsTheRegistry(t *testing.T) {
	h := newHarness(t)
	a := h.adapter()
	if err := a.Health(t.Context()); err != nil {
		t.Error(err)
	}
	h.server.SetFault(nth(1, faults.Fault{Status: 503}))
	registrytest.WantFailure(t, a.Health(t.Context()), target.ClassUnavailable, "GET /health: HTTP 503")
}

func TestWriteProbe_ShowsWhetherTheRegistryTakesWrites(t *testing.T) {
	tests := map[string]struct {
		fault faults.Fault
		class target.Class // empty for success
		want  []string
	}{
		"when it does": {},
		"when the permission is missing": {
			faults.Fault{Status: 403, Body: `{"detail":"User does not have permission: resource.patch"}`},
			target.ClassUnauthorized, []string{"resource.patch"},
		},
		"when its database fails": {faults.Fault{Status: 500}, target.ClassUnavailable, []string{"HTTP 500"}},
		"when it is another service": {
			faults.Fault{Status: 404, Body: `{"detail":"Not Found"}`},
			target.ClassUnauthorized, []string{"COMPONENT_REGISTRY_URL"},
		},
		"when it judges the content": {faults.Fault{Status: 422, Body: `{"detail":"no"}`}, target.ClassUnauthorized, []string{"no"}},
		"when it cannot write": {
			faults.Fault{Status: 405, Body: `{"message":"PATCH method not allowed"}`},
			target.ClassUnauthorized, []string{"not allowed"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			if test.fault.Status != 0 {
				h.server.SetFault(func(*http.Request) *faults.Fault { return &test.fault })
			}
			err := h.adapter().WriteProbe(t.Context())
			if test.class == "" {
				if err != nil {
					t.Error(err)
				}
			} else {
				registrytest.WantFailure(t, err, test.class, test.want...)
			}
			testcheck.Equal(t, "documents that the probe leaves", 0, len(h.server.Resources()))
		})
	}
}

func TestContract(t *testing.T) {
	answer := func(path, body string) func(*http.Request) *faults.Fault {
		return func(r *http.Request) *faults.Fault {
			if r.URL.RequestURI() != path {
				return nil
			}
			return &faults.Fault{Status: 200, Body: body}
		}
	}
	tests := map[string]struct {
		fault func(*http.Request) *faults.Fault
		want  string // empty for success
	}{
		"a registry":           {},
		"ignores limit":        {answer("/resource?limit=1", `[{"id":"a"},{"id":"b"}]`), "limit is ignored"},
		"ignores fields":       {answer("/resource?fields=resourceVersion&limit=1", `[{"id":"a","resourceVersion":"1","resourceCharacteristic":[]}]`), "fields=resourceVersion is ignored"},
		"has no ids":           {answer("/resource?limit=1", `[{}]`), "has no id"},
		"answers no list":      {answer("/resource?limit=1", `{}`), "COMPONENT_REGISTRY_URL"},
		"rejects the key":      {nth(1, faults.Fault{Status: 401, Body: `{"detail":"Not authenticated"}`}), "Not authenticated"},
		"permits only to read": {nth(3, faults.Fault{Status: 403, Body: `{"detail":"User does not have permission: resource.patch"}`}), "resource.patch"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, a, _, _ := applied(t, "offers")
			h.server.SetFault(test.fault)
			before := len(h.server.Resources())
			err := a.Contract(t.Context())
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			registrytest.WantFailure(t, err, target.ClassUnauthorized, test.want, h.URL)
			testcheck.Equal(t, "documents after the probe", before, len(h.server.Resources()))
		})
	}
}

func TestAdapter_Connections(t *testing.T) {
	h := newHarness(t)
	testcheck.Equal(t, "connections", 2, h.adapter().Connections())
	testcheck.Equal(t, "connections", 7, h.adapter(func(cfg *registry.Config) { cfg.MaxConnections = 7 }).Connections())
}

func TestAdapter_RegistersTheAPIsOfAllSegments(t *testing.T) {
	testcheck.Equal(t, "segments", component.Segments(), newHarness(t).adapter().cfg.Segments)
}
