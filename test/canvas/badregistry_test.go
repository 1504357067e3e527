package canvas

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/testcheck"
	"odasync/test/testenv"
)

// front is an address whose service a test replaces.
type front struct{ now atomic.Pointer[http.Handler] }

func newFront(t *testing.T, first http.Handler) (f *front, address string) {
	t.Helper()
	f = &front{}
	f.set(first)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testcheck.NoError(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*f.now.Load()).ServeHTTP(w, r)
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // until Close
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return f, "http://" + listener.Addr().String()
}

func (f *front) set(h http.Handler) { f.now.Store(&h) }

// TestBadRegistry starts a syncer with a service that is no registry, or none that works. It says what is wrong and what to do, loses
// nothing, and begins to write by itself as soon as the service is a registry.
func TestBadRegistry(t *testing.T) {
	answers := func(status int, contentType, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body) // a client that has gone needs no answer
		})
	}
	inventory := http.NewServeMux()
	inventory.Handle("GET /hello", answers(http.StatusOK, "text/plain", "Hello"))
	inventory.Handle("/", answers(http.StatusNotFound, "text/html; charset=utf-8", "<pre>Cannot GET /health</pre>"))
	for name, test := range map[string]struct {
		bad  http.Handler
		says string
	}{
		"an unknown service":                {answers(http.StatusOK, "application/json", `{"hello":"world"}`), "set COMPONENT_REGISTRY_URL to the base address"},
		"the read-only inventory":           {inventory, "read-only resource inventory"},
		"a service that answers HTML":       {answers(http.StatusOK, "text/html", "<html>login</html>"), "set COMPONENT_REGISTRY_URL to the base address"},
		"a proxy without a service":         {answers(http.StatusBadGateway, "text/html", "<html>502</html>"), "502"},
		"a service that closes connections": {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t, refregistry.Config{}, "canvas-bad")
			env.create(3)
			env.watch()
			service, address := newFront(t, test.bad)
			syncer := env.feed(map[string]string{"COMPONENT_REGISTRY_URL": address})
			env.AwaitNotReady(syncer, test.says)
			service.set(env.tmf639.Handler())
			env.AwaitDocuments(env.tmf639, time.Minute)
			env.Must(syncer.AwaitReady(env.Within(2 * time.Minute)))
			env.expectNoDeadLetters("tmf639")
		})
	}
}

// TestWrongAPI starts a syncer with the settings of a v1 registry, and with a path, at a TMF639 registry.
func TestWrongAPI(t *testing.T) {
	env := newEnv(t, refregistry.Config{}, "canvas-wrong")
	env.watch()
	for name, test := range map[string]struct {
		settings map[string]string
		says     string
	}{
		"with the API v1":   {map[string]string{"COMPONENT_REGISTRY_API": "v1"}, "COMPONENT_REGISTRY_API"},
		"with another path": {map[string]string{"COMPONENT_REGISTRY_URL": env.tmf639.URL() + "/tmf-api/resourceInventoryManagement/v5"}, "set COMPONENT_REGISTRY_URL to " + env.tmf639.URL()},
	} {
		t.Run(name, func(t *testing.T) {
			env.create(1)
			settings := map[string]string{"SYNC_TARGET": fmt.Sprintf("wrong-%d", len(test.says))}
			for key, value := range test.settings {
				settings[key] = value
			}
			env.AwaitNotReady(env.feed(settings), test.says)
		})
	}
	testcheck.Equal(t, "documents written", 0, len(env.tmf639.Resources()))
}

// TestRegistryStops holds all requests for a while, as a registry does that has 16 of them in flight. The syncer waits, and writes what
// is due afterwards.
func TestRegistryStops(t *testing.T) {
	env := newEnv(t, refregistry.Config{}, "canvas-stops")
	env.create(5)
	env.watch()
	service, address := newFront(t, env.tmf639.Handler())
	syncer := env.feed(map[string]string{"COMPONENT_REGISTRY_URL": address})
	env.AwaitReady(syncer)
	env.AwaitDocuments(env.tmf639, testenv.Timeout)

	held, free := make(chan struct{}, 100), make(chan struct{})
	service.set(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		held <- struct{}{}
		<-free
		env.tmf639.Handler().ServeHTTP(w, r)
	}))
	for i := range 5 {
		env.Apply(testenv.Component("canvas-stops", fmt.Sprintf("component-%05d", i), "2.0.0", "first", "second"))
	}
	<-held
	close(free)
	env.AwaitDocuments(env.tmf639, testenv.Timeout)
	env.expectNoDeadLetters("tmf639")
	if most := env.tmf639.MaxInFlight(); most > 2 {
		t.Errorf("%d requests of one syncer in flight, want at most 2", most)
	}
}
