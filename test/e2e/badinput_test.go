package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/testcheck"
	"odasync/test/testenv"
)

// componentNames are the names of the registry's components.
func (env *environment) componentNames() string {
	var names []string
	for _, c := range env.Registry.Snapshot().Components {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// awaitComponents waits until the registry has exactly these components, given in alphabetical order.
func (env *environment) awaitComponents(names ...string) {
	env.Helper()
	env.Eventually(testenv.Timeout, "components in the registry", func() error {
		if have, want := env.componentNames(), strings.Join(names, " "); have != want {
			return fmt.Errorf("it has %q, want %q", have, want)
		}
		return nil
	})
}

// TestMalformedComponent writes a malformed Component among others.
func TestMalformedComponent(t *testing.T) {
	const namespace = "e2e-malformed"
	env := newParallel(t, namespace)
	bad := testenv.Component(namespace, "bad", "1", "first")
	env.Must(unstructured.SetNestedField(bad.Object, "none", "spec", "coreFunction", "exposedAPIs"))
	env.Apply(testenv.Component(namespace, "good-1", "1", "first"), bad)
	watcher, _ := env.StartPair()
	env.Apply(testenv.Component(namespace, "good-2", "1", "first"))
	env.awaitComponents("good-1", "good-2")

	env.AwaitLog(watcher, "component cannot be read", map[string]string{
		"level": "warn", "namespace": namespace, "component": "bad", "field": "spec.coreFunction.exposedAPIs", "error": "must be a list, not text",
	})
	testcheck.Equal(t, "times that malformed is counted", 1, env.Metric(watcher, "odasync_components_malformed_total"))

	// A Component that becomes malformed keeps its last valid state, and is not deleted.
	malformed := testenv.Component(namespace, "good-2", "2", "first")
	env.Must(unstructured.SetNestedField(malformed.Object, []any{map[string]any{"path": "/nameless"}}, "spec", "coreFunction", "exposedAPIs"))
	env.Apply(malformed)
	env.AwaitLog(watcher, "component cannot be read", map[string]string{
		"component": "good-2", "field": "spec.coreFunction.exposedAPIs[0].name", "error": "is missing",
	})
	env.Apply(testenv.Component(namespace, "good-1", "2", "first"))
	env.Eventually(testenv.Timeout, "the others are applied", func() error {
		for _, c := range env.Registry.Snapshot().Components {
			if want := map[string]string{"good-1": "2", "good-2": "1"}[c.Name]; c.Labels["component-version"] != want {
				return fmt.Errorf("%s has version %q, want %q", c.Name, c.Labels["component-version"], want)
			}
		}
		return nil
	})

	env.Applied(testenv.Component(namespace, "bad", "2", "first"), testenv.Component(namespace, "good-2", "3", "first"))
}

// TestRejectedComponent writes Components that the registry rejects: each fails with the registry's detail, and its next
// version may succeed.
func TestRejectedComponent(t *testing.T) {
	const namespace = "e2e-rejected"
	env := newParallel(t, namespace)
	watcher, syncer := env.StartPair()
	long := testenv.Component(namespace, strings.Repeat("x", 101), "1", "first")
	long.SetLabels(nil) // whose values Kubernetes limits to 63 characters
	address := testenv.Component(namespace, "address", "1", "first")
	env.Must(unstructured.SetNestedSlice(address.Object, []any{map[string]any{
		"name": "address-first", "ready": true, "url": "https://oda.example.org/" + strings.Repeat("x", 500),
	}}, "status", "coreAPIs"))
	env.Apply(testenv.Component(namespace, "good-1", "1", "first"), long, address, testenv.Component(namespace, "good-2", "1", "first"))

	for name, detail := range map[string]string{
		long.GetName(): "at most 100 characters",
		"address":      "at most 500 characters",
	} {
		env.AwaitLog(syncer, testenv.AnyMessage, map[string]string{
			"level": "error", "namespace": namespace, "component": name, "error": detail,
		})
	}
	testcheck.Equal(t, "failed events", 2, env.Metric(syncer, `odasync_events_handled_total{outcome="failed"}`))
	// The component whose API has no valid address is registered without that API.
	env.awaitComponents("address", "good-1", "good-2")
	env.AwaitReady(watcher, syncer) // one component does not affect readiness

	env.Delete(long)
	env.Apply(testenv.Component(namespace, "address", "2", "first"), testenv.Component(namespace, "good-2", "2", "second"))
	env.AwaitDone(testenv.Timeout)
}

// TestNameConflict_AcrossNamespaces never overwrites the first component with the second; names with namespaces allow both.
func TestNameConflict_AcrossNamespaces(t *testing.T) {
	env := newParallel(t, "e2e-twins-a", "e2e-twins-b")
	_, syncer := env.StartPair()
	first := testenv.Component("e2e-twins-a", "twin", "1", "first")
	env.Applied(first)
	kept := testenv.ContentOf(env.Registry.Snapshot())

	second := testenv.Component("e2e-twins-b", "twin", "2", "second")
	env.Apply(second)
	failure := env.AwaitLog(syncer, testenv.AnyMessage, map[string]string{
		"level": "error", "namespace": "e2e-twins-b", "component": "twin",
		"error": `belongs to the component of namespace "e2e-twins-a"`,
	})
	testcheck.Contains(t, "the error", failure.Text("error"), "COMPONENT_NAME_FORMAT=namespace.name")
	env.AwaitAllAcked(testenv.Timeout)
	env.Must(env.CheckInSync(kept))

	// Deleting the second does not affect the first.
	env.Delete(second)
	env.Eventually(testenv.Timeout, "the deletion is handled", func() error {
		if done := env.Metric(syncer, `odasync_events_handled_total{outcome="deleted"}`); done != 1 {
			return fmt.Errorf("%v deletions", done)
		}
		return nil
	})
	env.Must(env.CheckInSync(kept))

	env.Apply(second)
	both := testenv.NewRegistry(t)
	env.Registry, env.Mapping.Namespaced = both, true
	env.Start(env.SyncerSpec("syncer-namespaced", map[string]string{"SYNC_TARGET": "namespaced", "COMPONENT_NAME_FORMAT": "namespace.name"}))
	env.AwaitInSync(testenv.Timeout)
	env.awaitComponents("e2e-twins-a.twin", "e2e-twins-b.twin")
}
