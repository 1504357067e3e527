package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/testenv"
)

// names are the registry's components.
func (l *place) names() string {
	var names []string
	for _, c := range l.Registry.Snapshot().Components {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// showsOnly waits until the registry has exactly these components, in alphabetical order.
func (l *place) showsOnly(names ...string) {
	l.Helper()
	l.Eventually(testenv.Timeout, "components in the registry", func() error {
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
	bad := testenv.Component(namespace, "bad", "1", "first")
	l.Must(unstructured.SetNestedField(bad.Object, "none", "spec", "coreFunction", "exposedAPIs"))
	l.Apply(testenv.Component(namespace, "good-1", "1", "first"), bad)
	watcher, _ := l.StartPair()
	l.Apply(testenv.Component(namespace, "good-2", "1", "first"))
	l.showsOnly("good-1", "good-2")

	_, err := watcher.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs("Component cannot be read", map[string]string{
		"level": "warn", "namespace": namespace, "component": "bad", "field": "spec.coreFunction.exposedAPIs", "error": "must be a list, not text",
	}))
	l.Must(err)
	if count := l.Metric(watcher, "odasync_components_malformed_total"); count != 1 {
		t.Errorf("malformed counted %v times, want once", count)
	}

	// A Component that could be read before keeps its last readable state, and is not taken for deleted.
	spoiled := testenv.Component(namespace, "good-2", "2", "first")
	l.Must(unstructured.SetNestedField(spoiled.Object, []any{map[string]any{"path": "/nameless"}}, "spec", "coreFunction", "exposedAPIs"))
	l.Apply(spoiled)
	_, err = watcher.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs("Component cannot be read", map[string]string{
		"component": "good-2", "field": "spec.coreFunction.exposedAPIs[0].name", "error": "is missing",
	}))
	l.Must(err)
	l.Apply(testenv.Component(namespace, "good-1", "2", "first"))
	l.Eventually(testenv.Timeout, "the others go on", func() error {
		for _, c := range l.Registry.Snapshot().Components {
			if want := map[string]string{"good-1": "2", "good-2": "1"}[c.Name]; c.Labels["component-version"] != want {
				return fmt.Errorf("%s shows version %q, want %q", c.Name, c.Labels["component-version"], want)
			}
		}
		return nil
	})

	l.Apply(testenv.Component(namespace, "bad", "2", "first"), testenv.Component(namespace, "good-2", "3", "first"))
	l.AwaitInSync(testenv.Timeout)
}

// TestRejectedComponent has Components that the registry refuses for good: each fails with the registry's words, and its
// next version may succeed.
func TestRejectedComponent(t *testing.T) {
	t.Parallel()
	const namespace = "e2e-rejected"
	l := newLab(t, namespace)
	watcher, syncer := l.StartPair()
	long := testenv.Component(namespace, strings.Repeat("x", 101), "1", "first")
	long.SetLabels(nil) // whose values Kubernetes limits to 63 characters
	address := testenv.Component(namespace, "address", "1", "first")
	l.Must(unstructured.SetNestedSlice(address.Object, []any{map[string]any{
		"name": "address-first", "ready": true, "url": "https://oda.example.org/" + strings.Repeat("x", 500),
	}}, "status", "coreAPIs"))
	l.Apply(testenv.Component(namespace, "good-1", "1", "first"), long, address, testenv.Component(namespace, "good-2", "1", "first"))

	for name, words := range map[string]string{
		long.GetName(): "at most 100 characters",
		"address":      "at most 500 characters",
	} {
		_, err := syncer.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs(testenv.AnyMessage, map[string]string{
			"level": "error", "namespace": namespace, "component": name, "error": words,
		}))
		l.Must(err)
	}
	if failed := l.Metric(syncer, `odasync_events_handled_total{outcome="failed"}`); failed != 2 {
		t.Errorf("%v failed, want 2", failed)
	}
	// The component whose API has no valid address is there without that API.
	l.showsOnly("address", "good-1", "good-2")
	l.AwaitReady(watcher, syncer) // one component's failure is not the registry's

	l.Delete(long)
	l.Apply(testenv.Component(namespace, "address", "2", "first"), testenv.Component(namespace, "good-2", "2", "second"))
	l.AwaitInSync(testenv.Timeout)
	l.AwaitAllAcked(testenv.Timeout)
}

// TestOneNameInTwoNamespaces never overwrites the first with the second; naming entries by namespace has room for both.
func TestOneNameInTwoNamespaces(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-twins-a", "e2e-twins-b")
	_, syncer := l.StartPair()
	first := testenv.Component("e2e-twins-a", "twin", "1", "first")
	l.Apply(first)
	l.AwaitInSync(testenv.Timeout)
	kept := testenv.ContentOf(l.Registry.Snapshot())

	second := testenv.Component("e2e-twins-b", "twin", "2", "second")
	l.Apply(second)
	refusal, err := syncer.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs(testenv.AnyMessage, map[string]string{
		"level": "error", "namespace": "e2e-twins-b", "component": "twin",
		"error": `is taken by the component of namespace "e2e-twins-a"`,
	}))
	l.Must(err)
	if text := refusal.Text("error"); !strings.Contains(text, "COMPONENT_NAME_FORMAT=namespace.name") {
		t.Errorf("the refusal does not name the remedy: %s", text)
	}
	l.AwaitAllAcked(testenv.Timeout)
	l.Must(l.CheckInSync(kept))

	// The loser's deletion takes nothing from the winner.
	l.Delete(second)
	l.Eventually(testenv.Timeout, "the deletion handled", func() error {
		if done := l.Metric(syncer, `odasync_events_handled_total{outcome="deleted"}`); done != 1 {
			return fmt.Errorf("%v deletions", done)
		}
		return nil
	})
	l.Must(l.CheckInSync(kept))

	l.Apply(second)
	both := testenv.NewRegistry(t)
	l.Registry, l.Mapping.Namespaced = both, true
	l.Start(l.SyncerSpec("syncer-namespaced", map[string]string{"SYNC_TARGET": "namespaced", "COMPONENT_NAME_FORMAT": "namespace.name"}))
	l.AwaitInSync(testenv.Timeout)
	l.showsOnly("e2e-twins-a.twin", "e2e-twins-b.twin")
}
