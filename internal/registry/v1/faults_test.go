package v1

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// A write whose answer is lost has happened. The next attempt, here by another replica, is in doubt and lacks the
// reference, which was never recorded.
func TestApply_LostAnswerMakesNoDuplicate(t *testing.T) {
	tests := map[string]struct{ method, path string }{
		"of a label":          {"POST", pathLabels},
		"of the registry":     {"POST", pathRegistries},
		"of the component":    {"POST", pathComponents},
		"of an API":           {"POST", pathAPIs},
		"of a deleted API":    {"DELETE", "/exposed-apis/"},
		"of a changed API":    {"PUT", "/exposed-apis/"},
		"of changed labels":   {"PUT", "/components/"},
		"of an API's state":   {"PATCH", "/exposed-apis/"},
		"of a deleted entry":  {"DELETE", "/components/"},
		"of a page of labels": {"GET", pathLabels},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, refregistry.Config{})
			start := target.Previous{}
			if test.method != "POST" {
				old := sample("catalog", "offers", "products", "dropped")
				old.Metadata.Version = "0.9"
				old.ExposedAPIs[0].Ready = false
				start = previousOf(h.apply(h.adapter(), old))
			}
			want := sample("catalog", "offers", "products")
			if test.method == "PATCH" {
				want.Metadata.Version = "0.9"
			}
			var changes []func(*registry.Config)
			if name == "of a deleted entry" {
				changes = append(changes, withNamespace)
			}
			h.fault(on(1, test.method, test.path, faults.Fault{After: true, Reset: true}))
			result, err := h.adapter(changes...).Apply(t.Context(), keyOf(want), want, start)
			registrytest.WantFailure(t, err, target.ClassUnavailable, test.method)

			h.apply(h.adapter(changes...), want, target.Previous{Ref: start.Ref, InDoubt: true})
			h.apply(h.adapter(changes...), want, target.Previous{Ref: result.Ref, InDoubt: true})
			s := h.snapshot()
			if len(s.Components) != 1 || len(s.APIs) != 2 || len(s.Registries) != 1 {
				t.Errorf("%d components, %d APIs, %d registries, want 1, 2, 1", len(s.Components), len(s.APIs), len(s.Registries))
			}
			if test.method != "PATCH" && name != "of a deleted entry" {
				h.wantEntry("catalog", "offers", "products")
			}
			h.wantDistinctLabels()
		})
	}
}

func TestHealth_ReportsTheRegistry(t *testing.T) {
	h, a := newEmpty(t)
	testcheck.ErrorIs(t, "health", nil, a.Health(t.Context()))
	h.fault(on(1, "GET", pathHealth, faults.Fault{Status: 500}))
	registrytest.WantFailure(t, a.Health(t.Context()), target.ClassUnavailable, "GET /health: HTTP 500")
	if all := h.server.Load().Requests(); all["GET /health"] != 2 || len(all) != 1 {
		t.Errorf("requests = %v", all)
	}
	gone := h.adapter(func(cfg *registry.Config) { cfg.URL = "http://127.0.0.1:1" })
	registrytest.WantFailure(t, gone.Health(t.Context()), target.ClassUnavailable, "connection refused")
}

func TestApply_SendsNothingAfterItsContextEnded(t *testing.T) {
	c := sample("catalog", "offers", "products")
	for n := int32(0); n < 14; n++ { // an apply takes 17 requests
		h, a := newEmpty(t)
		ctx, cancel := context.WithCancel(t.Context())
		var served, after atomic.Int32
		h.fault(func(*http.Request) *faults.Fault {
			switch served.Add(1) {
			case n + 1:
				cancel()
			case n + 2:
				after.Add(1)
			}
			return nil
		})
		_, err := a.Apply(ctx, keyOf(c), c, target.Previous{})
		if _, isFailure := registry.AsFailure(err); isFailure || !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled in request %d: error = %v, want the context's", n+1, err)
		}
		if after.Load() != 0 {
			t.Errorf("cancelled in request %d: another one followed", n+1)
		}
		if _, err := a.Delete(ctx, keyOf(c), target.Previous{InDoubt: true}); !errors.Is(err, context.Canceled) {
			t.Errorf("delete with an ended context: %v", err)
		}
		if after.Load() != 0 {
			t.Errorf("delete with an ended context sent a request")
		}
		h.fault(nil)
		h.apply(a, c, target.Previous{InDoubt: true})
		h.wantEntry("catalog", "offers", "products")
	}
}

// The first caller reads the registry for all. When it loses its claim meanwhile, another one does.
func TestApply_TakesOverTheReadingOfACancelledCaller(t *testing.T) {
	h, a := newEmpty(t)
	entered := make(chan struct{})
	var once sync.Once
	h.fault(func(*http.Request) (fault *faults.Fault) {
		once.Do(func() {
			close(entered)
			fault = &faults.Fault{Hang: true}
		})
		return fault
	})
	ctx, cancel := context.WithCancel(t.Context())
	apply := func(ctx context.Context, name string) <-chan error {
		c, ended := sample(name), make(chan error, 1)
		go func() {
			_, err := a.Apply(ctx, keyOf(c), c, target.Previous{})
			ended <- err
		}()
		return ended
	}
	first := apply(ctx, "first")
	<-entered
	second := apply(t.Context(), "second")
	cancel()
	testcheck.ErrorIs(t, "first", context.Canceled, <-first)
	testcheck.ErrorIs(t, "second", nil, <-second)
}
