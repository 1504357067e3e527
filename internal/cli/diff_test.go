package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/cli"
	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/normalize"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/testwait"
)

// objects is an API server with Components, by namespace and name.
type objects map[string]string

func (o objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	path, found := strings.CutPrefix(r.URL.Path, "/apis/oda.tmforum.org/v1/")
	if !found {
		cluster{versions: []string{"v1"}}.ServeHTTP(w, r)
		return
	}
	namespace, name := "", ""
	if parts := strings.Split(path, "/"); parts[0] == "namespaces" {
		namespace, name = parts[1], strings.Join(parts[3:], "/")
	}
	if name == "" {
		var items []string
		for key, object := range o {
			if namespace == "" || strings.HasPrefix(key, namespace+"/") {
				items = append(items, object)
			}
		}
		fmt.Fprintf(w, `{"kind":"ComponentList","metadata":{"resourceVersion":"7"},"items":[%s]}`, strings.Join(items, ","))
		return
	}
	if object, ok := o[namespace+"/"+name]; ok {
		fmt.Fprint(w, object)
		return
	}
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"not found","code":404}`)
}

// set creates or changes a Component in the cluster.
func (o objects) set(namespace, name, version string) {
	o[namespace+"/"+name] = object(namespace, name, version)
}

// object is a Component with an API that is not ready. The version is JSON.
func object(namespace, name, version string) string {
	return fmt.Sprintf(`{"apiVersion":"oda.tmforum.org/v1","kind":"Component","metadata":{"namespace":%q,"name":%q,"uid":"u","resourceVersion":"1"},
		"spec":{"componentMetadata":{"version":%s},"coreFunction":{"exposedAPIs":[{"name":"orders","implementation":"x","path":"/o","port":80}]}}}`, namespace, name, version)
}

// compared is a pipeline with the same components in cluster, stream and registry: catalog and orders in shop.
type compared struct {
	*pipeline
	objects objects
	events  map[string]event.Event
}

func newCompared(t *testing.T) *compared {
	t.Helper()
	c := &compared{pipeline: newPipeline(t), objects: objects{}, events: map[string]event.Event{}}
	kubeconfig(t, serve(t, c.objects))
	t.Setenv("KUBERNETES_NAMESPACE", "shop")
	c.startSyncer(t, c.url, registry.APIAuto)
	for _, name := range []string{"catalog", "orders"} {
		c.objects.set("shop", name, `"1.0.0"`)
		c.change(t, "shop", name, "1.0.0")
	}
	c.awaitEntries(t, "catalog 1.0.0", "orders 1.0.0")
	c.awaitOutcomes(t)
	return c
}

// change publishes the event of such an object.
func (c *compared) change(t *testing.T, namespace, name, version string) {
	t.Helper()
	var raw map[string]any
	if err := json.Unmarshal([]byte(object(namespace, name, fmt.Sprintf("%q", version))), &raw); err != nil {
		t.Fatal(err)
	}
	seen := normalize.Component(raw)
	seen.Seen = time.Now()
	c.events[name] = c.publishEvent(t, event.Upserted(key(namespace, name), seen))
}

// awaitOutcomes waits until every event has its outcome.
func (c *compared) awaitOutcomes(t *testing.T) {
	t.Helper()
	testwait.NoError(t, "wait for outcomes", func() error {
		for _, e := range c.events {
			state, err := c.states.Load(t.Context(), e.Key)
			if err != nil || state.Sequence != e.Sequence {
				return fmt.Errorf("%s: %d of %d, %v", e.Key, state.Sequence, e.Sequence, err)
			}
		}
		return nil
	})
}

// differs runs ctl diff and compares its lines, with single spaces between the columns.
func differs(t *testing.T, summary string, want []string, args ...string) {
	t.Helper()
	code := 0
	if len(want) > 0 {
		code, want = 1, append([]string{"NAMESPACE NAME BETWEEN FIELD DIFFERENCE"}, want...)
	}
	got := ctl(t, append([]string{"diff"}, args...)...)
	got.expect(t, code)
	var lines []string
	for line := range strings.Lines(got.stdout) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
	said, _, scoped := strings.Cut(got.stderr, "\ncluster default, namespaces ")
	if diff := cmp.Diff(summary, said); diff != "" || !scoped {
		t.Errorf("stderr, with the scope: %t (-want +got):\n%s", scoped, diff)
	}
}

func TestDiff(t *testing.T) {
	c := newCompared(t)
	const all, two = "components compared in cluster, stream and registry: ", "components compared in stream and registry: "
	differs(t, all+"2, differing: 0", nil)
	differs(t, all+"1, differing: 0", nil, "catalog", "-n", "shop")
	differs(t, two+"2, differing: 0", nil, "--no-cluster")
	differs(t, all+"2, differing: 0", nil, "-n", "sh*,nowhere")
	t.Run("when the watched namespaces have nothing", func(t *testing.T) {
		t.Setenv("KUBERNETES_NAMESPACE", "nosuch*")
		ctl(t, "diff").expect(t, 0, "warning: the cluster has no Component in namespaces nosuch*, the stream has: check KUBERNETES_NAMESPACE")
	})

	// A stale stream, an entry that another client changed, and components on one side only.
	c.objects.set("shop", "catalog", `"1.1.0"`)
	c.objects.set("shop", "new", `"1"`)
	c.objects.set("shop", "odd", `["1","2"]`)
	delete(c.objects, "shop/orders")
	c.change(t, "elsewhere", "remote", "1.0.0") // in a namespace that is not read
	c.awaitOutcomes(t)
	snapshot := c.registry.Snapshot()
	for _, api := range snapshot.APIs {
		if api.Component == "orders" {
			c.request(t, "PATCH", fmt.Sprintf("/exposed-apis/%d/status", api.ID), `{"status":"ready"}`)
		}
	}
	ids := map[string]int64{}
	for _, label := range snapshot.Labels {
		ids[label.Key+"="+label.Value] = label.ID
	}
	c.request(t, "POST", "/components/", fmt.Sprintf(`{"registry_name":"self","name":"ghost","label_ids":[%d,%d]}`, ids["managed-by=odasync/default"], ids["namespace=shop"]))
	c.request(t, "POST", "/components/", `{"registry_name":"self","name":"foreign","label_ids":[]}`)
	for _, entry := range snapshot.Components {
		if entry.Name == "remote" {
			c.request(t, "DELETE", fmt.Sprint("/components/", entry.ID), "")
		}
	}
	const (
		remote  = `elsewhere remote stream/registry component missing in registry`
		catalog = `shop catalog cluster/stream metadata.version 1.1.0 <> 1.0.0`
		ghost   = `shop ghost stream/registry component only in registry (orphan "ghost", managed-by odasync/default)`
		created = `shop new cluster/stream component missing in stream`
		odd     = `shop odd cluster/stream component the resource is invalid, the stream keeps its last valid state: spec.componentMetadata.version: must be text, not a list`
		gone    = `shop orders cluster/stream component only in stream`
		status  = `shop orders stream/registry api orders status pending <> ready`
	)
	differs(t, all+"6, differing: 6", []string{remote, catalog, ghost, created, odd, gone, status})
	differs(t, all+"5, differing: 5", []string{catalog, ghost, created, odd, gone, status}, "-n", "shop")
	differs(t, two+"4, differing: 3", []string{remote, ghost, status}, "--no-cluster")
	differs(t, two+"1, differing: 1", []string{remote}, "--namespace=elsewhere", "--no-cluster")
	differs(t, all+"1, differing: 1", []string{gone, status}, "orders")
	differs(t, all+"1, differing: 1", []string{created}, "new", "-n", "shop")
	differs(t, all+"1, differing: 1", []string{remote}, "remote")
	differs(t, all+"1, differing: 1", []string{ghost}, "ghost")
	t.Setenv("KUBERNETES_NAMESPACE", "all")
	differs(t, all+"1, differing: 1", []string{`elsewhere remote cluster/stream component only in stream`, remote}, "remote")

	got := ctl(t, "diff", "-n", "shop", "-o", "json")
	got.expect(t, 1)
	expectShape(t, "diff", got.stdout)
	var found []cli.Difference
	got.decode(t, &found)
	want := cli.Difference{
		Cluster: "default", Namespace: "shop", Name: "orders", Between: "stream/registry",
		Field: "api orders status", Left: "pending", Right: "ready", Detail: "pending <> ready",
	}
	if diff := cmp.Diff(want, found[len(found)-1]); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	ctl(t, "diff", "-o", "yaml").expect(t, 1, "differing: 6")
}

func TestDiff_Deletion(t *testing.T) {
	c := newCompared(t)
	delete(c.objects, "shop/orders")
	orders := c.events["orders"]
	c.events["orders"] = c.publishEvent(t, event.Tombstone(orders.Key, "u", "2", time.Now()))
	c.awaitOutcomes(t)
	differs(t, "components compared in cluster, stream and registry: 1, differing: 0", nil)
	differs(t, "components compared in cluster, stream and registry: 0, differing: 0", nil, "orders")
	if got := ctl(t, "diff", "-o", "json"); got.stdout != "[]\n" {
		t.Errorf("stdout: %s", got.stdout)
	}
	c.objects.set("shop", "orders", `"2"`) // created again, and not published yet
	differs(t, "components compared in cluster, stream and registry: 1, differing: 1",
		[]string{"shop orders cluster/stream component missing in stream"}, "orders")
}

// The sync state refers to an entry that the registry does not have.
func TestDiff_DanglingRef(t *testing.T) {
	p := newPipeline(t)
	e := p.publish(t, &component.Component{Namespace: "shop", Name: "catalog"})
	p.record(t, target.State{Key: e.Key, Ref: target.Ref{Registry: "self", Name: "catalog", ID: "77"}})
	differs(t, "components compared in stream and registry: 1, differing: 1",
		[]string{"shop catalog stream/registry component missing in registry"}, "catalog", "--no-cluster")
}

func TestDiff_Errors(t *testing.T) {
	newCompared(t)
	ctl(t, "diff", "unknown").expect(t, 2, `no component "unknown" in cluster, stream and registry`, "ctl list")
	ctl(t, "diff", "-n", "elsewhere").expect(t, 2, `namespace "elsewhere" is not watched`, "--no-cluster")
	tests := map[string]struct {
		change func(t *testing.T)
		words  []string
	}{
		"when the API server is down": {func(t *testing.T) { kubeconfig(t, "http://"+unusedAddress(t)) }, []string{"API server unreachable", "--no-cluster compares without the cluster"}},
		"when the registry is down":   {func(t *testing.T) { t.Setenv("COMPONENT_REGISTRY_URL", "http://"+unusedAddress(t)) }, []string{"recognise the registry at http://", "connection refused"}},
		"when NATS is down":           {func(t *testing.T) { t.Setenv("NATS_URL", "nats://"+unusedAddress(t)) }, []string{"check NATS_URL"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.change(t)
			got := ctl(t, "diff")
			got.expect(t, 2, test.words...)
			if got.stdout != "" {
				t.Errorf("stdout: %s", got.stdout)
			}
		})
	}
}
