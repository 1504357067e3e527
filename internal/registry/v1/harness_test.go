package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is a reference registry behind real HTTP, and adapters to it.
type harness struct {
	t      *testing.T
	url    string
	server atomic.Pointer[refregistry.Server]
}

func newHarness(t *testing.T, cfg refregistry.Config) *harness {
	t.Helper()
	h := &harness{t: t}
	h.server.Store(refregistry.New(cfg))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.server.Load().Handler().ServeHTTP(w, r)
	}))
	h.url = web.URL
	t.Cleanup(web.Close)
	return h
}

// wipe puts an empty registry in the place of the present one, as a service without a volume does when it restarts.
func (h *harness) wipe() { h.server.Store(refregistry.New(refregistry.Config{})) }

func (h *harness) adapter(changes ...func(*registry.Config)) *Adapter {
	h.t.Helper()
	return h.adapterWith(NewMetrics(prometheus.NewRegistry()), zerolog.Nop(), changes...)
}

func (h *harness) adapterWith(metrics *registry.Metrics, log zerolog.Logger, changes ...func(*registry.Config)) *Adapter {
	h.t.Helper()
	cfg := registry.Config{
		URL: h.url, Timeout: config.Duration(20 * time.Second), Name: "self", NameFormat: registry.FormatName,
		Segments: []component.Segment{component.SegmentCore},
	}
	for _, change := range changes {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		h.t.Fatal(err)
	}
	v := New(cfg, metrics, log)
	h.t.Cleanup(v.Close)
	return v
}

// raw sends a request that no adapter would, and returns the id in its answer.
func (h *harness) send(method, path string, body any) int64 {
	h.t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequest(method, h.url+path, bytes.NewReader(encoded))
	if err != nil {
		h.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if response.StatusCode >= 300 {
		h.t.Fatalf("%s %s: HTTP %d: %s", method, path, response.StatusCode, answer)
	}
	var created struct{ ID int64 }
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &created); err != nil {
			h.t.Fatal(err)
		}
	}
	return created.ID
}

func (h *harness) createLabel(key, value string) int64 {
	h.t.Helper()
	return h.send("POST", pathLabels, labelCreate{key, value})
}

func (h *harness) createRegistry(name string) int64 {
	h.t.Helper()
	return h.send("POST", pathRegistries, registryCreate{Name: name, Type: "self", URL: "http://registry.example.org", LabelIDs: []int64{}})
}

func (h *harness) createComponent(registry, name string, labels ...int64) int64 {
	h.t.Helper()
	return h.send("POST", pathComponents, componentCreate{RegistryName: registry, Name: name, LabelIDs: append([]int64{}, labels...)})
}

func (h *harness) createAPI(registry, of, name string, labels ...int64) int64 {
	h.t.Helper()
	return h.send("POST", pathAPIs, apiCreate{
		RegistryName: registry, ComponentName: of, Name: name, URL: "http://old.example.org/" + name, Status: statusPending, LabelIDs: append([]int64{}, labels...),
	})
}

func (h *harness) snapshot() refregistry.Snapshot { return h.server.Load().Snapshot() }

// requests returns the numbers of all requests and of those that write, since the last reset.
func (h *harness) requests() (all, writes int) {
	for name, n := range h.server.Load().Requests() {
		all += n
		if !strings.HasPrefix(name, "GET ") {
			writes += n
		}
	}
	return all, writes
}

func (h *harness) resetRequests() { h.server.Load().ResetRequests() }

// apply applies and wants success.
func (h *harness) apply(v *Adapter, c *component.Component, previous target.Previous) target.Result {
	h.t.Helper()
	result, err := v.Apply(h.t.Context(), keyOf(c), c, previous)
	if err != nil {
		h.t.Fatalf("apply %s: %v", c.Name, err)
	}
	return result
}

// shown describes what the registry shows of one registry entry and component, one line an item, without ids.
func (h *harness) entryOf(registry, name string) string {
	var lines []string
	for _, c := range h.snapshot().Components {
		if c.Registry == registry && c.Name == name {
			lines = append(lines, fmt.Sprintf("component %s %v", c.Name, c.Labels))
		}
	}
	for _, a := range h.snapshot().APIs {
		if a.Registry == registry && a.Component == name {
			lines = append(lines, fmt.Sprintf("api %s %s spec=%s %s %v", a.Name, a.URL, a.Specification, a.Status, a.Labels))
		}
	}
	return strings.Join(lines, "\n")
}

const (
	testCluster   = "east"
	testNamespace = "components"
)

func keyOf(c *component.Component) component.Key {
	return component.Key{Cluster: testCluster, Namespace: c.Namespace, Name: c.Name}
}

// sample is a component with ready core APIs of the given names.
func sample(name string, apis ...string) *component.Component {
	c := &component.Component{
		Namespace: testNamespace,
		Name:      name,
		Labels:    map[string]string{labelPrefix + "componentName": name},
		Metadata:  component.Metadata{ID: "TMFC001", Version: "1.0.0", FunctionalBlock: "CoreCommerce"},
	}
	for _, a := range apis {
		c.ExposedAPIs = append(c.ExposedAPIs, component.ExposedAPI{
			Name: a, Entry: a, Segment: component.SegmentCore, URL: "http://" + name + ".example.org/" + a, Ready: true,
			Specifications: []component.Specification{{URL: "http://specs.example.org/" + a + ".json"}},
		})
	}
	return c
}

// sampleEntry is what shown gives for the sample.
func sampleEntry(name string, apis ...string) string {
	labels := map[string]string{
		"componentName": name, "component-version": "1.0.0", "functionalBlock": "CoreCommerce", "id": "TMFC001",
		"managed-by": "odasync/" + testCluster, "namespace": testNamespace,
	}
	lines := []string{fmt.Sprintf("component %s %v", name, labels)}
	for _, a := range apis {
		labels["api-name"] = a
		lines = append(lines, fmt.Sprintf("api %s http://%s.example.org/%s spec=http://specs.example.org/%s.json ready %v", a, name, a, a, labels))
	}
	return strings.Join(lines, "\n")
}

func previousOf(result target.Result) target.Previous { return target.Previous{Ref: result.Ref} }

// fails wants a failure of a class whose text has all the words.
func wantFailure(t *testing.T, err error, class target.Class, words ...string) {
	t.Helper()
	failure, ok := registry.AsFailure(err)
	if !ok {
		t.Fatalf("error = %v, want a failure of class %s", err, class)
	}
	if failure.Class != class {
		t.Errorf("class of %q = %s, want %s", err, failure.Class, class)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q lacks %q", err, word)
		}
	}
}

// on makes a fault for the next n requests of a method whose path begins with the prefix.
func on(n int32, method, prefix string, fault faults.Fault) func(*http.Request) *faults.Fault {
	var left atomic.Int32
	left.Store(n)
	return func(r *http.Request) *faults.Fault {
		if r.Method != method || !strings.HasPrefix(r.URL.Path, prefix) || left.Add(-1) < 0 {
			return nil
		}
		return &fault
	}
}

// newWeb serves a handler and returns its URL.
func newWeb(t *testing.T, handler http.Handler) string {
	t.Helper()
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	return web.URL
}
