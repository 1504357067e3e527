package v1

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is a reference registry behind real HTTP, and adapters to it.
type harness struct {
	*registrytest.Client
	server atomic.Pointer[refregistry.Server]
}

func newHarness(t *testing.T, cfg refregistry.Config) *harness {
	t.Helper()
	h := &harness{}
	h.server.Store(refregistry.New(cfg))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.server.Load().Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	h.Client = &registrytest.Client{TB: t, URL: server.URL, HTTP: server.Client()}
	return h
}

// wipe replaces the registry by an empty one, as the restart of a service without a volume does.
func (h *harness) wipe() { h.server.Store(refregistry.New(refregistry.Config{})) }

// fault sets what becomes of each request.
func (h *harness) fault(of func(*http.Request) *faults.Fault) { h.server.Load().SetFault(of) }

func (h *harness) adapter(changes ...func(*registry.Config)) *Adapter {
	h.Helper()
	return newAdapter(h, h.URL, changes...)
}

// newAdapter returns an adapter to the registry at the URL.
func newAdapter(t testing.TB, url string, changes ...func(*registry.Config)) *Adapter {
	t.Helper()
	cfg := registry.Config{
		URL: url, Timeout: config.Duration(20 * time.Second), Name: "self", NameFormat: registry.FormatName,
		Segments: []component.Segment{component.SegmentCore}, API: registry.APIV1, IDPrefix: "self",
	}
	for _, change := range changes {
		change(&cfg)
	}
	testcheck.NoError(t, cfg.Validate())
	a := New(cfg, NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	t.Cleanup(a.Close)
	return a
}

// withNamespace is a change of the configuration.
func withNamespace(cfg *registry.Config) { cfg.NameFormat = registry.FormatNamespaceName }

// send sends a request that no adapter would send.
func (h *harness) send(method, path string, body any) {
	h.Helper()
	encoded, err := json.Marshal(body)
	testcheck.NoError(h, err)
	if r := h.Do(method, path, string(encoded)); r.Status >= 300 {
		h.Fatalf("%s %s: HTTP %d: %s", method, path, r.Status, r.Body)
	}
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

// newEmpty returns a harness of an empty registry and an adapter.
func newEmpty(t *testing.T) (*harness, *Adapter) {
	t.Helper()
	h := newHarness(t, refregistry.Config{})
	return h, h.adapter()
}

// applied applies a sample for the first time.
func applied(t *testing.T, apis ...string) (h *harness, a *Adapter, c *component.Component, first target.Result) {
	t.Helper()
	h, a = newEmpty(t)
	c = sample("catalog", apis...)
	return h, a, c, h.apply(a, c)
}

// apply requires success. Without a previous state nothing is known.
func (h *harness) apply(a *Adapter, c *component.Component, previous ...target.Previous) target.Result {
	h.Helper()
	result, err := a.Apply(h.Context(), keyOf(c), c, append(previous, target.Previous{})[0])
	if err != nil {
		h.Fatalf("apply %s: %v", c.Name, err)
	}
	return result
}

// delete requires success.
func (h *harness) delete(a *Adapter, c *component.Component, previous target.Previous) target.Result {
	h.Helper()
	result, err := a.Delete(h.Context(), keyOf(c), previous)
	if err != nil {
		h.Fatalf("delete %s: %v", c.Name, err)
	}
	return result
}

// entryOf describes a component's entry and APIs under a registry entry, one line an item, without ids.
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

// wantEntry requires the entry of the sample with these APIs, in the order of the names.
func (h *harness) wantEntry(name string, apis ...string) {
	h.Helper()
	testcheck.Equal(h, fmt.Sprintf("entry %s", name), sampleEntry(name, apis...), h.entryOf("self", name))
}

func (h *harness) wantNoEntry(name string) {
	h.Helper()
	testcheck.Equal(h, "entry", "", h.entryOf("self", name))
}

// wantContent requires that the entry's description contains all the parts.
func (h *harness) wantContent(name string, parts ...string) {
	h.Helper()
	for _, part := range parts {
		if got := h.entryOf("self", name); !strings.Contains(got, part) {
			h.Errorf("entry %s lacks %q:\n%s", name, part, got)
		}
	}
}

// wantNoWrite requires that a repeated apply writes nothing.
func (h *harness) wantNoWrite(a *Adapter, c *component.Component, previous target.Previous) target.Result {
	h.Helper()
	h.resetRequests()
	result := h.apply(a, c, previous)
	if _, writes := h.requests(); writes != 0 || result.Writes != 0 {
		h.Errorf("the repeat writes %d times and reports %d writes, want none", writes, result.Writes)
	}
	return result
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

// sampleEntry is the entry of the sample as entryOf describes it.
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

func (h *harness) wantUnchanged(before refregistry.Snapshot) {
	h.Helper()
	testcheck.Equal(h, "content, before (-) and after (+)", before, h.snapshot())
}

// wantDistinctLabels requires that no label exists twice.
func (h *harness) wantDistinctLabels() {
	h.Helper()
	seen := map[string]bool{}
	for _, l := range h.snapshot().Labels {
		if seen[l.Key+"="+l.Value] {
			h.Errorf("label %s=%s exists twice", l.Key, l.Value)
		}
		seen[l.Key+"="+l.Value] = true
	}
}

// leaveAPIs creates APIs with these labels, all of one name, and deletes their component.
func (h *harness) leaveAPIs(name string, labels ...[]int64) {
	h.Helper()
	id := h.Component("self", name)
	for _, each := range labels {
		h.API("self", name, "api", each...)
	}
	h.send("DELETE", fmt.Sprint(pathComponents, id), nil)
}

// relabel replaces a component's labels.
func (h *harness) relabel(id int64, labels ...int64) {
	h.Helper()
	h.send("PUT", fmt.Sprint(pathComponents, id), componentUpdate{LabelIDs: append([]int64{}, labels...)})
}

// inParallel calls do for each number below count.
func inParallel(workers, count int, do func(i int)) {
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < count; i += workers {
				do(i)
			}
		})
	}
	group.Wait()
}

// on injects a fault into the next n requests with the method and the path prefix.
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
