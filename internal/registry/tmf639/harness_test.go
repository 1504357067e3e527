package tmf639

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/registry/tmf639/document/documenttest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is a reference registry behind real HTTP, and adapters to it.
type harness struct {
	*registrytest.Client
	server *refregistry.Server
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{server: refregistry.New(refregistry.Config{API: refregistry.TMF639})}
	server := httptest.NewServer(h.server.Handler())
	t.Cleanup(server.Close)
	h.Client = &registrytest.Client{TB: t, URL: server.URL, HTTP: server.Client()}
	return h
}

// adapter returns a new adapter, which knows nothing.
func (h *harness) adapter(changes ...func(*registry.Config)) *Adapter {
	h.Helper()
	return h.logging(zerolog.Nop(), changes...)
}

func (h *harness) logging(log zerolog.Logger, changes ...func(*registry.Config)) *Adapter {
	h.Helper()
	cfg := documenttest.Config(h.URL)
	for _, change := range changes {
		change(&cfg)
	}
	testcheck.NoError(h, cfg.Validate())
	a := New(cfg, NewMetrics(prometheus.NewRegistry()), log)
	h.Cleanup(a.Close)
	return a
}

func withoutAdoption(cfg *registry.Config) { cfg.Adopt = false }

// applied applies a sample for the first time.
func applied(t *testing.T, apis ...string) (h *harness, a *Adapter, c *component.Component, first target.Result) {
	t.Helper()
	h = newHarness(t)
	a, c = h.adapter(), documenttest.Sample("catalog", apis...)
	return h, a, c, h.apply(a, c, target.Previous{})
}

// apply requires success.
func (h *harness) apply(a *Adapter, c *component.Component, previous target.Previous) target.Result {
	h.Helper()
	result, err := a.Apply(h.Context(), documenttest.Key(c), c, previous)
	if err != nil {
		h.Fatalf("apply %s: %v", c.Name, err)
	}
	return result
}

// delete requires success.
func (h *harness) delete(a *Adapter, c *component.Component, previous target.Previous) {
	h.Helper()
	result, err := a.Delete(h.Context(), documenttest.Key(c), previous)
	if err != nil {
		h.Fatalf("delete %s: %v", c.Name, err)
	}
	testcheck.Equal(h, fmt.Sprintf("what the deletion of %s leaves", c.Name), target.Ref{}, result.Ref)
}

// wantNoWrite requires that a repeated apply writes nothing.
func (h *harness) wantNoWrite(a *Adapter, c *component.Component, previous target.Previous) target.Result {
	h.Helper()
	h.server.ResetRequests()
	result := h.apply(a, c, previous)
	if _, writes := h.requests(); writes != 0 || result.Writes != 0 {
		h.Errorf("the repeat writes %d times and reports %d writes, want none", writes, result.Writes)
	}
	return result
}

// requests returns the numbers of all requests and of those that write, since the last reset.
func (h *harness) requests() (all, writes int) {
	for name, n := range h.server.Requests() {
		all += n
		if !strings.HasPrefix(name, "GET ") {
			writes += n
		}
	}
	return all, writes
}

// wantRequests requires the requests since the last reset.
func (h *harness) wantRequests(want map[string]int) {
	h.Helper()
	testcheck.Equal(h, "requests", want, h.server.Requests())
}

// documents returns what readers of the registry see: the content of all documents by their ids, and the links.
func (h *harness) documents() map[string]string {
	h.Helper()
	all := map[string]string{}
	for _, d := range registrytest.Must[[]map[string]any](h.Client, 200, "GET", document.Path+"?limit=-1", "") {
		var links []string
		related, _ := d["resourceRelationship"].([]any)
		for _, r := range related {
			r := r.(map[string]any)
			links = append(links, fmt.Sprint(r["relationshipType"], " ", r["resource"].(map[string]any)["id"], " ", r["id"], " "))
		}
		all[d["id"].(string)] = strings.Join(links, "") + contentOf(d)
	}
	return all
}

// contentOf returns a document without what the registry makes.
func contentOf(d map[string]any) string {
	d = maps.Clone(d)
	for _, name := range []string{"id", "href", "resourceRelationship"} {
		delete(d, name)
	}
	body, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		panic(err)
	}
	return string(body)
}

// wantDocuments requires exactly the documents of the components, by the adapter's mapping, with the right links.
func (h *harness) wantDocuments(a *Adapter, components ...*component.Component) {
	h.Helper()
	want := map[string]string{}
	for _, c := range components {
		maps.Copy(want, documentsOf(a.cfg, c))
	}
	testcheck.Equal(h, "documents", want, h.documents())
}

// documentsOf returns the documents of a component in the form of documents.
func documentsOf(cfg registry.Config, c *component.Component) map[string]string {
	all := map[string]string{}
	for _, d := range document.Desire(cfg.WithDefaults(defaults), documenttest.Key(c), c) {
		link := ""
		for _, r := range d.Relationships {
			link = "exposedBy" + " " + r.Resource.ID + " <nil> "
		}
		all[d.ID] = link + contentOf(documenttest.Body(d))
	}
	return all
}

// collectedBy returns the documents that the Canvas's own collector would have written for the component.
func collectedBy(c *component.Component) []map[string]any {
	var all []map[string]any
	for i, d := range document.Desire(documenttest.Config("http://localhost:8080").WithDefaults(defaults), documenttest.Key(c), c) {
		d.ResourceVersion = fmt.Sprint(1000 + i)
		all = append(all, documenttest.Body(d))
	}
	return all
}

// post creates documents as another program.
func (h *harness) post(bodies ...map[string]any) {
	h.Helper()
	for _, body := range bodies {
		h.send(http.StatusCreated, "POST", document.Path, body)
	}
}

// send sends a request as another program.
func (h *harness) send(status int, method, path string, body any) {
	h.Helper()
	encoded, err := json.Marshal(body)
	testcheck.NoError(h, err)
	if r := h.Do(method, path, string(encoded)); r.Status != status {
		h.Fatalf("%s %s: HTTP %d, want %d: %s", method, path, r.Status, status, r.Body)
	}
}

// inventory returns the entries of a cluster in the order of their ids.
func (h *harness) inventory(a *Adapter, cluster string) []target.Entry {
	h.Helper()
	var all []target.Entry
	testcheck.NoError(h, a.Inventory(h.Context(), cluster, func(e target.Entry) { all = append(all, e) }))
	slices.SortFunc(all, func(a, b target.Entry) int { return strings.Compare(a.Ref.ID+a.Key.Name, b.Ref.ID+b.Key.Name) })
	return all
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

// nth injects a fault into the request of that number, from 1.
func nth(n int32, fault faults.Fault) func(*http.Request) *faults.Fault {
	var served atomic.Int32
	return func(*http.Request) *faults.Fault {
		if served.Add(1) != n {
			return nil
		}
		return &fault
	}
}

func previousOf(result target.Result) target.Previous { return target.Previous{Ref: result.Ref} }

func verifyOf(result target.Result) target.Previous {
	return target.Previous{Ref: result.Ref, Verify: true}
}
