package v1

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/config"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// A write whose answer is lost has happened. The next attempt, here by another replica, comes with doubt and without the
// record that was never made.
func TestALostAnswerMakesNoDuplicate(t *testing.T) {
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
			b := newBench(t, refregistry.Config{})
			start := target.Previous{}
			renamed := func(cfg *registry.Config) { cfg.NameFormat = registry.FormatNamespaceName }
			if test.method != "POST" {
				old := sample("catalog", "offers", "products", "dropped")
				old.Metadata.Version = "0.9"
				old.ExposedAPIs[0].Ready = false
				start = recordOf(b.apply(b.adapter(), old, target.Previous{}))
			}
			want := sample("catalog", "offers", "products")
			if test.method == "PATCH" {
				want.Metadata.Version = "0.9"
			}
			var changes []func(*registry.Config)
			if name == "of a deleted entry" {
				changes = append(changes, renamed)
			}
			b.server.Load().SetFault(on(1, test.method, test.path, faults.Fault{After: true, Reset: true}))
			result, err := b.adapter(changes...).Apply(t.Context(), keyOf(want), want, start)
			fails(t, err, target.ClassUnavailable, test.method)

			b.apply(b.adapter(changes...), want, target.Previous{Ref: start.Ref, InDoubt: true})
			b.apply(b.adapter(changes...), want, target.Previous{Ref: result.Ref, InDoubt: true})
			s := b.snapshot()
			if len(s.Components) != 1 || len(s.APIs) != 2 || len(s.Registries) != 1 {
				t.Errorf("%d components, %d APIs, %d registries, want 1, 2, 1", len(s.Components), len(s.APIs), len(s.Registries))
			}
			if test.method != "PATCH" && name != "of a deleted entry" {
				if diff := cmp.Diff(sampleShown("catalog", "offers", "products"), b.shown("self", "catalog")); diff != "" {
					t.Error(diff)
				}
			}
			pairs := map[string]int{}
			for _, l := range s.Labels {
				if pairs[l.Key+"="+l.Value]++; pairs[l.Key+"="+l.Value] > 1 {
					t.Errorf("label %s=%s twice", l.Key, l.Value)
				}
			}
		})
	}
}

func TestFailuresOverTheWire(t *testing.T) {
	tests := map[string]struct {
		fault faults.Fault
		class target.Class
		words []string
		wait  time.Duration
	}{
		"down":      {fault: faults.Fault{Status: 503, RetryAfter: "7"}, class: target.ClassUnavailable, words: []string{"HTTP 503"}, wait: 7 * time.Second},
		"busy":      {fault: faults.Fault{Status: 429, RetryAfter: "3", Body: `{"detail":"slow down"}`}, class: target.ClassRateLimited, words: []string{"slow down"}, wait: 3 * time.Second},
		"wrong key": {fault: faults.Fault{Status: 401, Body: `{"detail":"no"}`}, class: target.ClassUnauthorized, words: []string{"HTTP 401: no"}},
		"wrong URL": {fault: faults.Fault{Status: 404, Body: `<html>nothing here</html>`}, class: target.ClassUnauthorized, words: []string{"GET /labels/: HTTP 404"}},
		"no registry": {
			fault: faults.Fault{Status: 200, Body: "<html>Welcome</html>"}, class: target.ClassUnauthorized,
			words: []string{"GET /labels/: HTTP 200", "not what a v1 Component Registry sends", "COMPONENT_REGISTRY_URL"},
		},
		"reset": {fault: faults.Fault{Reset: true}, class: target.ClassUnavailable, words: []string{"GET /labels/", "reset"}},
		"hang":  {fault: faults.Fault{Hang: true}, class: target.ClassUnavailable, words: []string{"no answer within 1s"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, refregistry.Config{})
			v := b.adapter(func(cfg *registry.Config) {
				if test.fault.Hang {
					cfg.Timeout = config.Duration(time.Second)
				}
			})
			b.server.Load().SetFault(func(*http.Request) *faults.Fault { return &test.fault })
			c := sample("catalog", "products")
			_, err := v.Apply(t.Context(), keyOf(c), c, target.Previous{})
			fails(t, err, test.class, test.words...)
			if failure, _ := registry.AsFailure(err); failure.RetryAfter != test.wait {
				t.Errorf("wait = %s, want %s", failure.RetryAfter, test.wait)
			}
			if strings.Contains(err.Error(), b.url) {
				t.Errorf("%q shows the URL", err)
			}
			b.server.Load().SetFault(nil)
			b.apply(v, c, target.Previous{})
		})
	}
}

func TestNobodyListening(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	v := b.adapter(func(cfg *registry.Config) { cfg.URL = "http://127.0.0.1:1" })
	c := sample("catalog")
	_, err := v.Apply(t.Context(), keyOf(c), c, target.Previous{})
	fails(t, err, target.ClassUnavailable, "connection refused")
	if err := v.Health(t.Context()); err == nil {
		t.Error("healthy without a registry")
	}
}

func TestHealth(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	v := b.adapter()
	if err := v.Health(t.Context()); err != nil {
		t.Error(err)
	}
	b.server.Load().SetFault(on(1, "GET", pathHealth, faults.Fault{Status: 500}))
	fails(t, v.Health(t.Context()), target.ClassUnavailable, "GET /health: HTTP 500")
	if all := b.server.Load().Requests(); all["GET /health"] != 2 || len(all) != 1 {
		t.Errorf("requests = %v", all)
	}
}

func TestNoRequestStartsAfterTheContextEnded(t *testing.T) {
	c := sample("catalog", "offers", "products")
	for n := int32(0); n < 14; n++ { // an apply takes 17 requests
		b := newBench(t, refregistry.Config{})
		v := b.adapter()
		ctx, cancel := context.WithCancel(t.Context())
		var served, after atomic.Int32
		b.server.Load().SetFault(func(*http.Request) *faults.Fault {
			switch served.Add(1) {
			case n + 1:
				cancel()
			case n + 2:
				after.Add(1)
			}
			return nil
		})
		_, err := v.Apply(ctx, keyOf(c), c, target.Previous{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled in request %d: error = %v", n+1, err)
		}
		if _, ok := registry.AsFailure(err); ok {
			t.Errorf("cancelled in request %d: %v is a failure of the registry", n+1, err)
		}
		if after.Load() != 0 {
			t.Errorf("cancelled in request %d: another one followed", n+1)
		}
		if _, err := v.Delete(ctx, keyOf(c), target.Previous{InDoubt: true}); !errors.Is(err, context.Canceled) {
			t.Errorf("delete with an ended context: %v", err)
		}
		if after.Load() != 0 {
			t.Errorf("delete with an ended context sent a request")
		}
		b.server.Load().SetFault(nil)
		b.apply(v, c, target.Previous{InDoubt: true})
		if diff := cmp.Diff(sampleShown("catalog", "offers", "products"), b.shown("self", "catalog")); diff != "" {
			t.Errorf("cancelled in request %d: %s", n+1, diff)
		}
	}
}

// The first caller reads the registry for all; when its claim is lost meanwhile, another one does.
func TestACallerWhoseContextEndsDoesNotHarmThoseWhoWait(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	v := b.adapter()
	entered := make(chan struct{})
	var once sync.Once
	b.server.Load().SetFault(func(r *http.Request) *faults.Fault {
		var hang *faults.Fault
		once.Do(func() {
			close(entered)
			hang = &faults.Fault{Hang: true}
		})
		return hang
	})
	ctx, cancel := context.WithCancel(t.Context())
	first, second := sample("first"), sample("second")
	firstErr, secondErr := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := v.Apply(ctx, keyOf(first), first, target.Previous{})
		firstErr <- err
	}()
	<-entered
	go func() {
		_, err := v.Apply(t.Context(), keyOf(second), second, target.Previous{})
		secondErr <- err
	}()
	cancel()
	if err := <-firstErr; !errors.Is(err, context.Canceled) {
		t.Errorf("first: %v", err)
	}
	if err := <-secondErr; err != nil {
		t.Errorf("second: %v", err)
	}
}

func TestSecretsStayInside(t *testing.T) {
	const key, password = "k3y-of-the-registry", "passw0rd"
	tests := map[string]func(*registry.Config){
		"key": func(cfg *registry.Config) { cfg.APIKey = key },
		"password": func(cfg *registry.Config) {
			cfg.URL = strings.Replace(cfg.URL, "http://", "http://user:"+password+"@", 1)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			b := newBench(t, refregistry.Config{})
			v := b.adapterWith(NewMetrics(prometheus.NewRegistry()), zerolog.New(&logged), change)
			var sent atomic.Value
			b.server.Load().SetFault(func(r *http.Request) *faults.Fault {
				sent.Store(r.Header.Get("Authorization"))
				return &faults.Fault{Status: 401, Body: `{"detail":"bad credentials ` + key + password + `"}`}
			})
			c := sample("catalog")
			_, refusal := v.Apply(t.Context(), keyOf(c), c, target.Previous{})
			b.server.Load().SetFault(func(*http.Request) *faults.Fault { return &faults.Fault{Reset: true} })
			_, reset := v.Apply(t.Context(), keyOf(c), c, target.Previous{})
			if refusal == nil || reset == nil {
				t.Fatal("both should fail")
			}
			secret := map[string]string{"key": key, "password": password}[name]
			for where, text := range map[string]string{"refusal": refusal.Error(), "reset": reset.Error(), "log": logged.String()} {
				if text == "" || strings.Contains(text, secret) {
					t.Errorf("the %s is empty or shows the secret: %s", where, text)
				}
			}
			if want := map[string]string{"key": "Bearer " + key, "password": "Basic dXNlcjpwYXNzdzByZA=="}[name]; sent.Load() != want {
				t.Errorf("sent %q, want %q", sent.Load(), want)
			}
		})
	}
}

func TestAPIKeyIsAccepted(t *testing.T) {
	b := newBench(t, refregistry.Config{APIKey: "right"})
	b.apply(b.adapter(func(cfg *registry.Config) { cfg.APIKey = "right" }), sample("catalog", "products"), target.Previous{})
	c := sample("catalog")
	_, err := b.adapter(func(cfg *registry.Config) { cfg.APIKey = "wrong" }).Apply(t.Context(), keyOf(c), c, target.Previous{})
	fails(t, err, target.ClassUnauthorized, "HTTP 401")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	var redirected atomic.Int32
	elsewhere := newWeb(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		redirected.Add(1)
		http.Redirect(w, r, b.url+r.URL.Path+"?token=abc", http.StatusTemporaryRedirect)
	}))
	v := b.adapter(func(cfg *registry.Config) { cfg.URL = elsewhere })
	c := sample("catalog")
	_, err := v.Apply(t.Context(), keyOf(c), c, target.Previous{})
	fails(t, err, target.ClassUnauthorized, "HTTP 307", "redirected to "+b.url+"/labels:", "COMPONENT_REGISTRY_URL")
	if strings.Contains(err.Error(), "token") {
		t.Errorf("%q shows the query", err)
	}
	if all, _ := b.requests(); all != 0 || redirected.Load() != 1 {
		t.Errorf("%d requests arrived, %d were redirected", all, redirected.Load())
	}
}

func TestMetricsCountByTemplate(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	gatherer := prometheus.NewRegistry()
	v := b.adapterWith(NewMetrics(gatherer), zerolog.Nop())
	c := sample("catalog", "products")
	first := b.apply(v, c, target.Previous{})
	b.server.Load().SetFault(on(2, "GET", "/components/1", faults.Fault{Reset: true})) // net/http repeats a GET once
	_, err := v.Apply(t.Context(), keyOf(c), c, recordOf(first))
	fails(t, err, target.ClassUnavailable)
	b.apply(v, c, recordOf(first))
	want := map[string]float64{
		"POST /components/ 201":       1,
		"POST /exposed-apis/ 201":     1,
		"GET /components/{id} 200":    1,
		"GET /components/{id} error":  1,
		"DELETE /components/{id} 204": 0,
	}
	families, err := gatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "oda_collector_registry_api_calls_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			name := labels["method"] + " " + labels["endpoint"] + " " + labels["status"]
			if _, asked := want[name]; asked {
				got[name] = m.GetCounter().GetValue()
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
