package adapter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/sethvargo/go-envconfig"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves the handler at an address.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// says answers each "METHOD path" with "status content-type body", and everything else with a page of HTML.
type says map[string]string

func (s says) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, known := s[r.Method+" "+r.URL.Path]
	if !known {
		answer = "404 text/html <!DOCTYPE html>\n<pre>Cannot " + r.Method + " " + r.URL.Path + "</pre>"
	}
	parts := strings.SplitN(answer, " ", 3)
	w.Header().Set("Content-Type", parts[1])
	var status int
	if _, err := fmt.Sscan(parts[0], &status); err != nil {
		panic(err)
	}
	if status >= 300 && status < 400 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(parts[2]))
}

func load(t *testing.T, variables map[string]string) registry.Config {
	t.Helper()
	var cfg registry.Config
	testcheck.NoError(t, config.Load(t.Context(), envconfig.MapLookuper(variables), &cfg))
	return cfg
}

// The read-only inventory of the Canvas.
var inventory = says{
	"GET /hello": "200 text/plain Hello",
	"POST /tmf-api/resourceInventoryManagement/v5/resource": `405 application/json {"message":"POST method not allowed"}`,
	"GET /tmf-api/resourceInventoryManagement/v5/resource":  "200 application/json []",
}

func TestRecognise_Registries(t *testing.T) {
	v1 := refregistry.New(refregistry.Config{APIKey: "k"}).Handler()
	tmf639 := refregistry.New(refregistry.Config{API: refregistry.TMF639, Name: "canvas-compreg"}).Handler()
	for name, test := range map[string]struct {
		service http.Handler
		path    string
		want    adapter.Found
	}{
		"when it is v1":                {v1, "", adapter.Found{API: "v1", Name: "odasync reference registry"}},
		"when it is TMF639":            {tmf639, "", adapter.Found{API: "tmf639", Version: "5.0.0", Name: "canvas-compreg"}},
		"when it is v1 below a path":   {http.StripPrefix("/base", v1), "/base/", adapter.Found{API: "v1", Name: "odasync reference registry"}},
		"when TMF639 is below a path":  {http.StripPrefix("/base", tmf639), "/base", adapter.Found{API: "tmf639", Version: "5.0.0", Name: "canvas-compreg"}},
		"when it is v1 behind a proxy": {behindKey("k", v1), "", adapter.Found{API: "v1", Name: "odasync reference registry"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := load(t, map[string]string{"COMPONENT_REGISTRY_URL": serve(t, test.service) + test.path, "COMPONENT_REGISTRY_API_KEY": "k"})
			found, err := adapter.Recognise(t.Context(), cfg)
			if err != nil || found != test.want {
				t.Errorf("found %+v (%v), want %+v", found, err, test.want)
			}
		})
	}
}

// behindKey demands a key for everything, health too.
func behindKey(key string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func TestRecognise_Refusals(t *testing.T) {
	const path = "/tmf-api/resourceInventoryManagement/v5"
	tmf639 := refregistry.New(refregistry.Config{API: refregistry.TMF639}).Handler()
	v1 := refregistry.New(refregistry.Config{}).Handler()
	for name, test := range map[string]struct {
		service http.Handler
		path    string
		want    []string
	}{
		"when it is the inventory": {inventory, path, []string{
			"GET " + path + "/health: HTTP 404: text/html", "Cannot GET", "read-only resource inventory", "COMPONENT_REGISTRY_URL",
		}},
		"when it is the inventory without a path": {inventory, "", []string{"GET /health: HTTP 404", "read-only resource inventory"}},
		"when TMF639 has a path too many": {tmf639, path, []string{
			"HTTP 404: application/json", "a tmf639 registry answers without the path " + path, "set COMPONENT_REGISTRY_URL to http://127.0.0.1",
		}},
		"when v1 has a path too many":  {v1, "/api", []string{"a v1 registry answers without the path /api"}},
		"when it is v2":                {says{"GET /health": `200 application/json {"status":"healthy","service":"component-registry-service"}`}, "", []string{"v2", "COMPONENT_REGISTRY_URL"}},
		"when it is a later TMF639":    {says{"GET /health": `200 application/json {"Name":"self","version":"6.0.0"}`}, "", []string{`"6.0.0"`, "COMPONENT_REGISTRY_API=tmf639"}},
		"when it is any service":       {says{"GET /health": `200 application/json {"status":"UP"}`}, "", []string{"HTTP 200: application/json", "UP", "COMPONENT_REGISTRY_API to v1 or tmf639"}},
		"when it is a service by name": {says{"GET /health": `200 application/json {"service":"billing"}`}, "", []string{"no /labels/", "COMPONENT_REGISTRY_URL"}},
		"when only the case differs":   {says{"GET /health": `200 application/json {"name":"self","version":"5.0.0"}`}, "", []string{"COMPONENT_REGISTRY_API to v1 or tmf639"}},
		"when it is a page":            {says{"GET /health": "200 text/html <html>\n<title>Welcome " + strings.Repeat("x", 200)}, "", []string{"text/html", `"<html> <title>Welcome x`, "x…"}},
		"when it is nothing at all":    {says{"GET /health": "404 text/plain "}, "", []string{"HTTP 404: text/plain, set", "COMPONENT_REGISTRY_URL"}},
		"when it redirects":            {says{"GET /health": "301 text/html moved"}, "", []string{"HTTP 301", "without a redirect"}},
		"when it needs other credentials": {behindKey("other", v1), "", []string{
			"HTTP 401", "COMPONENT_REGISTRY_API to v1 or tmf639",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, test.service) + test.path
			_, err := adapter.Recognise(t.Context(), load(t, map[string]string{"COMPONENT_REGISTRY_URL": address, "COMPONENT_REGISTRY_API_KEY": "pa55"}))
			testcheck.ErrorContains(t, err, append(test.want, address)...)
			if strings.Contains(err.Error(), "pa55") {
				t.Errorf("%q shows the key", err)
			}
			testcheck.Equal(t, "class", target.ClassUnauthorized, target.ClassOf(err))
		})
	}
}

// Credentials are not sent to a service that does not ask for them, nor repeated if it does.
func TestRecognise_KeepsTheCredentials(t *testing.T) {
	var sent []string
	asks := false
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
		if asks {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("you sent " + r.Header.Get("Authorization")))
		}
	}))
	cfg := load(t, map[string]string{"COMPONENT_REGISTRY_URL": address, "COMPONENT_REGISTRY_API_KEY": "pa55"})
	for _, asks = range []bool{false, true} {
		if _, err := adapter.Recognise(t.Context(), cfg); err == nil || strings.Contains(err.Error(), "pa55") {
			t.Errorf("error %v", err)
		}
		if shown := strings.Contains(strings.Join(sent, " "), "pa55"); shown != asks {
			t.Errorf("asked for credentials %v, sent %q", asks, sent)
		}
	}
}

// A registry that cannot answer now is a failure of the registry, which the caller waits for.
func TestRecognise_Unavailable(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, test := range map[string]struct {
		address string
		want    string
	}{
		"when nothing listens": {closed.URL, "connection refused"},
		"when it fails":        {serve(t, says{"GET /health": "503 text/html <h1>Service Unavailable</h1>"}), "HTTP 503"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := adapter.Recognise(t.Context(), load(t, map[string]string{"COMPONENT_REGISTRY_URL": test.address}))
			failure, ok := registry.AsFailure(err)
			if !ok || failure.Class != target.ClassUnavailable || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want a failure with %q", err, test.want)
			}
		})
	}
	t.Run("when the caller leaves", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := adapter.Recognise(ctx, load(t, map[string]string{"COMPONENT_REGISTRY_URL": closed.URL})); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

// A late registry reports why it cannot be opened, and is opened once.
func TestLate(t *testing.T) {
	key, c := component.Key{Cluster: "lab", Namespace: "shop", Name: "catalog"}, &component.Component{Name: "catalog", Namespace: "shop"}
	for name, use := range map[string]func(context.Context, *adapter.Late) error{
		"Apply": func(ctx context.Context, l *adapter.Late) error {
			_, err := l.Apply(ctx, key, c, target.Previous{})
			return err
		},
		"Delete": func(ctx context.Context, l *adapter.Late) error {
			_, err := l.Delete(ctx, key, target.Previous{})
			return err
		},
		"Health":     func(ctx context.Context, l *adapter.Late) error { return l.Health(ctx) },
		"WriteProbe": func(ctx context.Context, l *adapter.Late) error { return l.WriteProbe(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			service := refregistry.New(refregistry.Config{})
			service.SetFault(func(*http.Request) *faults.Fault { return &faults.Fault{Status: http.StatusServiceUnavailable} })
			late := adapter.OpenLate(load(t, map[string]string{"COMPONENT_REGISTRY_URL": serve(t, service.Handler())}), prometheus.NewRegistry(), zerolog.Nop())
			defer late.Close()
			if err := use(t.Context(), late); target.ClassOf(err) != target.ClassUnavailable || !strings.Contains(err.Error(), "HTTP 503") {
				t.Errorf("while it is down: %v", err)
			}
			service.SetFault(nil)
			service.ResetRequests()
			for range 2 {
				if err := use(t.Context(), late); err != nil {
					t.Error(err)
				}
			}
			asked := service.Requests()["GET /health"]
			if name == "Health" {
				asked -= 2
			}
			testcheck.Equal(t, "times recognised", 1, asked)
		})
	}
}

func open(t *testing.T, variables map[string]string, log zerolog.Logger) (adapter.Adapter, error) {
	t.Helper()
	opened, err := adapter.Open(t.Context(), load(t, variables), prometheus.NewRegistry(), log)
	if err == nil {
		t.Cleanup(opened.Close)
	}
	return opened, err
}

func TestOpen_Auto(t *testing.T) {
	for name, test := range map[string]struct {
		service     refregistry.Config
		api         string
		connections int
		logged      string
	}{
		"when it is v1": {
			refregistry.Config{}, "v1", 256,
			`{"level":"info","api":"v1","version":"","name":"odasync reference registry","message":"registry recognised"}`,
		},
		"when it is TMF639": {
			refregistry.Config{API: refregistry.TMF639}, "tmf639", 2,
			`{"level":"info","api":"tmf639","version":"5.0.0","name":"self","message":"registry recognised"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			address := serve(t, refregistry.New(test.service).Handler())
			opened, err := open(t, map[string]string{"COMPONENT_REGISTRY_URL": address}, zerolog.New(&out))
			testcheck.NoError(t, err)
			if opened.API() != test.api || opened.Connections() != test.connections {
				t.Errorf("API %s with %d connections, want %s with %d", opened.API(), opened.Connections(), test.api, test.connections)
			}
			testcheck.Equal(t, "log", test.logged+"\n", out.String())
			testcheck.NoError(t, opened.Contract(t.Context()))
		})
	}
}

// An API that is set is not recognised.
func TestOpen_Explicit(t *testing.T) {
	for _, api := range []string{registry.APIV1, registry.APITMF639} {
		service := refregistry.New(refregistry.Config{})
		opened, err := open(t, map[string]string{
			"COMPONENT_REGISTRY_URL": serve(t, service.Handler()), "COMPONENT_REGISTRY_API": api, "COMPONENT_REGISTRY_MAX_CONNECTIONS": "3",
		}, zerolog.Nop())
		testcheck.NoError(t, err)
		if opened.API() != api || opened.Connections() != 3 {
			t.Errorf("API %s with %d connections, want %s with 3", opened.API(), opened.Connections(), api)
		}
		if requests := service.Requests(); len(requests) > 0 {
			t.Errorf("%s: requests %v", api, requests)
		}
	}
}

// The settings of one API against a registry of the other.
func TestOpen_NamesTheOtherAPI(t *testing.T) {
	for set, service := range map[string]string{registry.APIV1: refregistry.TMF639, registry.APITMF639: refregistry.V1} {
		address := serve(t, refregistry.New(refregistry.Config{API: service}).Handler())
		opened, err := open(t, map[string]string{"COMPONENT_REGISTRY_URL": address, "COMPONENT_REGISTRY_API": set}, zerolog.Nop())
		testcheck.NoError(t, err)
		if err := opened.Contract(t.Context()); err == nil || !strings.Contains(err.Error(), "COMPONENT_REGISTRY_API") {
			t.Errorf("%s: error %v", set, err)
		}
	}
}

// The connections that one API allows are too many for another.
func TestOpen_ChecksTheLimitsOfTheAPI(t *testing.T) {
	address := serve(t, refregistry.New(refregistry.Config{API: refregistry.TMF639}).Handler())
	_, err := open(t, map[string]string{"COMPONENT_REGISTRY_URL": address, "COMPONENT_REGISTRY_MAX_CONNECTIONS": "16"}, zerolog.Nop())
	testcheck.ErrorContains(t, err, "COMPONENT_REGISTRY_MAX_CONNECTIONS is 16: 0 to 15")
}
