package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// names are the registry's components.
func (l *lab) names() string {
	var names []string
	for _, c := range l.registry.Snapshot().Components {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// showsOnly waits until the registry has exactly these components, in alphabetical order.
func (l *lab) showsOnly(names ...string) {
	l.Helper()
	l.eventually(patience, "components in the registry", func() error {
		if have, want := l.names(), strings.Join(names, " "); have != want {
			return fmt.Errorf("it has %q, want %q", have, want)
		}
		return nil
	})
}

// TestMalformedComponent has one Component among others that cannot be read.
func TestMalformedComponent(t *testing.T) {
	t.Parallel()
	const namespace = "e2e-malformed"
	l := newLab(t, namespace)
	bad := component(namespace, "bad", "1", "first")
	l.must(unstructured.SetNestedField(bad.Object, "none", "spec", "coreFunction", "exposedAPIs"))
	l.apply(component(namespace, "good-1", "1", "first"), bad)
	watcher, _ := l.pair()
	l.apply(component(namespace, "good-2", "1", "first"))
	l.showsOnly("good-1", "good-2")

	_, err := watcher.AwaitEntry(l.within(patience), logs("Component cannot be read", map[string]string{
		"level": "warn", "namespace": namespace, "component": "bad", "field": "spec.coreFunction.exposedAPIs", "error": "must be a list, not text",
	}))
	l.must(err)
	if count := l.metric(watcher, "odasync_components_malformed_total"); count != 1 {
		t.Errorf("malformed counted %v times, want once", count)
	}

	// A Component that could be read before keeps its last readable state, and is not taken for deleted.
	spoiled := component(namespace, "good-2", "2", "first")
	l.must(unstructured.SetNestedField(spoiled.Object, []any{map[string]any{"path": "/nameless"}}, "spec", "coreFunction", "exposedAPIs"))
	l.apply(spoiled)
	_, err = watcher.AwaitEntry(l.within(patience), logs("Component cannot be read", map[string]string{
		"component": "good-2", "field": "spec.coreFunction.exposedAPIs[0].name", "error": "is missing",
	}))
	l.must(err)
	l.apply(component(namespace, "good-1", "2", "first"))
	l.eventually(patience, "the others go on", func() error {
		for _, c := range l.registry.Snapshot().Components {
			if want := map[string]string{"good-1": "2", "good-2": "1"}[c.Name]; c.Labels["component-version"] != want {
				return fmt.Errorf("%s shows version %q, want %q", c.Name, c.Labels["component-version"], want)
			}
		}
		return nil
	})

	l.apply(component(namespace, "bad", "2", "first"), component(namespace, "good-2", "3", "first"))
	l.equal(patience)
}

// TestRejectedComponent has Components that the registry refuses for good: each fails with the registry's words, and its
// next version may succeed.
func TestRejectedComponent(t *testing.T) {
	t.Parallel()
	const namespace = "e2e-rejected"
	l := newLab(t, namespace)
	watcher, syncer := l.pair()
	long := component(namespace, strings.Repeat("x", 101), "1", "first")
	long.SetLabels(nil) // whose values Kubernetes limits to 63 characters
	address := component(namespace, "address", "1", "first")
	l.must(unstructured.SetNestedSlice(address.Object, []any{map[string]any{
		"name": "address-first", "ready": true, "url": "https://oda.example.org/" + strings.Repeat("x", 500),
	}}, "status", "coreAPIs"))
	l.apply(component(namespace, "good-1", "1", "first"), long, address, component(namespace, "good-2", "1", "first"))

	for name, words := range map[string]string{
		long.GetName(): "at most 100 characters",
		"address":      "at most 500 characters",
	} {
		_, err := syncer.AwaitEntry(l.within(patience), logs(anyMessage, map[string]string{
			"level": "error", "namespace": namespace, "component": name, "error": words,
		}))
		l.must(err)
	}
	if failed := l.metric(syncer, `odasync_events_handled_total{outcome="failed"}`); failed != 2 {
		t.Errorf("%v failed, want 2", failed)
	}
	// The component whose API has no valid address is there without that API.
	l.showsOnly("address", "good-1", "good-2")
	l.ready(watcher, syncer) // one component's failure is not the registry's

	l.delete(long)
	l.apply(component(namespace, "address", "2", "first"), component(namespace, "good-2", "2", "second"))
	l.equal(patience)
	l.drained(patience)
}

// TestOneNameInTwoNamespaces never overwrites the first with the second; naming entries by namespace has room for both.
func TestOneNameInTwoNamespaces(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-twins-a", "e2e-twins-b")
	_, syncer := l.pair()
	first := component("e2e-twins-a", "twin", "1", "first")
	l.apply(first)
	l.equal(patience)
	kept := contentOf(l.registry.Snapshot())

	second := component("e2e-twins-b", "twin", "2", "second")
	l.apply(second)
	refusal, err := syncer.AwaitEntry(l.within(patience), logs(anyMessage, map[string]string{
		"level": "error", "namespace": "e2e-twins-b", "component": "twin",
		"error": `is taken by the component of namespace "e2e-twins-a"`,
	}))
	l.must(err)
	if text := refusal.Text("error"); !strings.Contains(text, "COMPONENT_NAME_FORMAT=namespace.name") {
		t.Errorf("the refusal does not name the remedy: %s", text)
	}
	l.drained(patience)
	l.must(l.differs(kept))

	// The loser's deletion takes nothing from the winner.
	l.delete(second)
	l.eventually(patience, "the deletion handled", func() error {
		if done := l.metric(syncer, `odasync_events_handled_total{outcome="deleted"}`); done != 1 {
			return fmt.Errorf("%v deletions", done)
		}
		return nil
	})
	l.must(l.differs(kept))

	l.apply(second)
	both := newRegistry(t)
	l.registry, l.mapping.namespaced = both, true
	l.start(l.syncerSpec("syncer-namespaced", map[string]string{"SYNC_TARGET": "namespaced", "COMPONENT_NAME_FORMAT": "namespace.name"}))
	l.equal(patience)
	l.showsOnly("e2e-twins-a.twin", "e2e-twins-b.twin")
}
