package e2e

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"odasync/test/procs"
)

// patience is how long something may take that should take a moment, on a machine that is busy with other tests.
const patience = 30 * time.Second

// lab is the surroundings of one test: namespaces, a NATS server and a registry.
type lab struct {
	*testing.T
	namespaces []string
	group      *procs.Group
	nats       *procs.Process
	natsURL    string
	registry   *registry
	mapping    mapping
}

// newLab makes namespaces of the given names, and starts NATS and the registry.
func newLab(t *testing.T, namespaces ...string) *lab {
	t.Helper()
	l := &lab{T: t, namespaces: namespaces, group: procs.ForTest(t), registry: newRegistry(t)}
	l.mapping = mapping{cluster: "lab", segments: []string{"core"}}
	for _, namespace := range namespaces {
		makeNamespace(t, namespace)
		// What an earlier run of the test left, as with -count.
		if err := shared.Components(namespace).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if l.nats, l.natsURL, err = l.group.NATS(l.within(patience), "nats", 0); err != nil {
		t.Fatal(err)
	}
	return l
}

// within returns a context that ends after a while.
func (l *lab) within(limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(l.Context(), limit)
	l.Cleanup(cancel)
	return ctx
}

// must fails the test on an error.
func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// watcherSpec is a watcher of the lab's namespaces; more variables are added.
func (l *lab) watcherSpec(name string, more map[string]string) procs.Spec {
	return procs.Watcher(name, map[string]string{
		"KUBECONFIG": shared.Kubeconfig, "KUBERNETES_NAMESPACE": strings.Join(l.namespaces, ","),
		"LEASE_NAMESPACE": l.namespaces[0], "CLUSTER_NAME": l.mapping.cluster, "NATS_URL": l.natsURL,
	}).With(more)
}

// syncerSpec is a syncer into the lab's registry; more variables are added.
func (l *lab) syncerSpec(name string, more map[string]string) procs.Spec {
	return procs.Syncer(name, map[string]string{
		"NATS_URL": l.natsURL, "COMPONENT_REGISTRY_URL": l.registry.url(),
	}).With(more)
}

func (l *lab) start(spec procs.Spec) *procs.Process {
	l.Helper()
	p, err := l.group.Start(spec)
	l.must(err)
	return p
}

// pair starts a watcher and a syncer and waits until both are ready.
func (l *lab) pair() (watcher, syncer *procs.Process) {
	l.Helper()
	watcher = l.start(l.watcherSpec("watcher", nil))
	syncer = l.start(l.syncerSpec("syncer", nil))
	l.ready(watcher, syncer)
	return watcher, syncer
}

func (l *lab) ready(processes ...*procs.Process) {
	l.Helper()
	for _, p := range processes {
		l.must(p.AwaitReady(l.within(patience)))
	}
}

// metric reads a metric of a process.
func (l *lab) metric(p *procs.Process, series string) float64 {
	l.Helper()
	value, err := p.Metric(l.within(patience), series)
	l.must(err)
	return value
}

// eventually asks until there is no error.
func (l *lab) eventually(limit time.Duration, what string, ask func() error) {
	l.Helper()
	ctx := l.within(limit)
	for {
		err := ask()
		if err == nil {
			return
		}
		if procs.Pause(ctx, 20*time.Millisecond) != nil {
			l.Fatalf("%s: not within %s: %v", what, limit, err)
		}
	}
}

func (l *lab) apply(objects ...*unstructured.Unstructured) {
	l.Helper()
	l.must(shared.Apply(l.within(patience), objects...))
}

func (l *lab) delete(objects ...*unstructured.Unstructured) {
	l.Helper()
	l.must(shared.Delete(l.within(patience), objects...))
}

// deleteAfterwards removes objects at the end of the test, when its context is over.
func (l *lab) deleteAfterwards(objects func() []*unstructured.Unstructured) {
	l.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := shared.Delete(ctx, objects()...); err != nil {
			l.Error(err)
		}
	})
}

func makeNamespace(t *testing.T, name string) {
	t.Helper()
	namespaces := shared.Admin.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	_, err := namespaces.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// component returns a Component of version v1 with core APIs, none of which is ready.
func component(namespace, name, version string, apis ...string) *unstructured.Unstructured {
	var entries []any
	for _, api := range apis {
		entries = append(entries, map[string]any{
			"name": api, "apiType": "openapi", "implementation": name, "path": "/" + name + "/" + api, "port": int64(8080),
			"specification": []any{map[string]any{"url": "https://specs.example.org/" + api + "-v4.0.0.json"}},
		})
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "oda.tmforum.org/v1",
		"kind":       "Component",
		"metadata": map[string]any{
			"namespace": namespace, "name": name,
			"labels": map[string]any{"oda.tmforum.org/componentName": name},
		},
		"spec": map[string]any{
			"componentMetadata": map[string]any{"id": "TMFC001", "name": name, "version": version, "functionalBlock": "CoreCommerce"},
			"coreFunction":      map[string]any{"exposedAPIs": entries},
		},
	}}
}

const anyMessage = ""

// logs says whether an entry has this message, and these fields with these values or texts within them.
func logs(message string, fields map[string]string) func(procs.Entry) bool {
	return func(e procs.Entry) bool {
		if message != anyMessage && e.Message() != message {
			return false
		}
		for field, text := range maps.All(fields) {
			if !strings.Contains(e.Text(field), text) {
				return false
			}
		}
		return true
	}
}
