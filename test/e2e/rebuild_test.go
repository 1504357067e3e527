package e2e

import (
	"path/filepath"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"

	"odasync/test/procs"
	"odasync/test/testenv"
)

// often is a syncer that reconciles all the time.
var often = map[string]string{"SYNC_INTERVAL": "2"}

// rebuilt wipes the registry and waits until it shows the same again, which nobody asks for.
func (l *place) rebuilt(want testenv.Content) {
	l.Helper()
	l.Registry.Wipe()
	l.Eventually(2*testenv.Timeout, "the registry to be rebuilt", func() error { return l.CheckInSync(want) })
}

// TestWipedRegistry_IsRebuiltWithoutTheAPIServer wipes the registry while the watcher's API server is away: the stream has
// all that is needed, and no command is given.
func TestWipedRegistry_IsRebuiltWithoutTheAPIServer(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-rebuilt")
	watcher := l.Start(l.WatcherSpec("watcher", nil))
	syncer := l.Start(l.SyncerSpec("syncer", often))
	l.createAll(many("e2e-rebuilt", 20))
	l.AwaitReady(watcher, syncer)
	l.AwaitInSync(testenv.Timeout)
	l.AwaitAllAcked(testenv.Timeout)
	want := l.Mapping.Of(l.Objects())
	l.Must(watcher.Stop())

	config, err := clientcmd.LoadFromFile(shared.Kubeconfig)
	l.Must(err)
	port, err := procs.FreePort()
	l.Must(err)
	for _, server := range config.Clusters {
		server.Server = "https://127.0.0.1:" + strconv.Itoa(port)
	}
	path := filepath.Join(t.TempDir(), "config")
	l.Must(clientcmd.WriteToFile(*config, path))
	away := l.Start(l.WatcherSpec("watcher-away", map[string]string{"KUBECONFIG": path}))
	l.Must(away.AwaitNotReady(l.Within(testenv.Timeout), "API server unreachable"))
	l.rebuilt(want)
	l.AwaitReady(syncer)
}

// TestWipedRegistry_IsRebuiltBesideAForbiddenNamespace wipes the registry while one of the watcher's namespaces may not be
// read, from its first start on.
func TestWipedRegistry_IsRebuiltBesideAForbiddenNamespace(t *testing.T) {
	t.Parallel()
	const allowed, forbidden = "e2e-allowed", "e2e-forbidden"
	l := newLab(t, allowed, forbidden)
	rights := rightsIn(allowed)
	l.Apply(rights...)
	l.DeleteAfterwards(func() []*unstructured.Unstructured { return rights })
	l.createAll(many(allowed, 20))
	watcher := l.Start(l.WatcherSpec("watcher", map[string]string{"KUBECONFIG": shared.WatcherKubeconfig, "ODA_COMPONENT_VERSION": "v1"}))
	syncer := l.Start(l.SyncerSpec("syncer", often))
	l.AwaitReady(syncer)
	l.AwaitInSync(2 * testenv.Timeout)
	l.Must(watcher.AwaitNotReady(l.Within(testenv.Timeout), forbidden))
	l.rebuilt(l.Mapping.Of(l.Objects()))
}

// rightsIn lets the watcher's service account read the Components of a namespace, and elect a leader there.
func rightsIn(namespace string) []*unstructured.Unstructured {
	object := func(kind string, fields map[string]any) *unstructured.Unstructured {
		object := map[string]any{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": map[string]any{"namespace": namespace, "name": "reader"},
		}
		for name, value := range fields {
			object[name] = value
		}
		return &unstructured.Unstructured{Object: object}
	}
	rule := func(group, resource string, verbs ...any) any {
		return map[string]any{"apiGroups": []any{group}, "resources": []any{resource}, "verbs": verbs}
	}
	return []*unstructured.Unstructured{
		object("Role", map[string]any{"rules": []any{
			rule("oda.tmforum.org", "components", "get", "list", "watch"),
			rule("coordination.k8s.io", "leases", "get", "create", "update"),
		}}),
		object("RoleBinding", map[string]any{
			"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
			"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": "odasync-watcher", "namespace": "canvas"}},
		}),
	}
}
