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

// wipeAndAwaitRebuild wipes the registry and waits until it shows the same again, which nobody asks for.
func (env *environment) wipeAndAwaitRebuild(want testenv.Content) {
	env.Helper()
	env.Registry.Wipe()
	env.Eventually(2*testenv.Timeout, "the registry to be rebuilt", func() error { return env.CheckInSync(want) })
}

// TestWipedRegistry_RebuiltWithoutAPIServer wipes the registry while the watcher's API server is away: the stream has
// all that is needed, and no command is given.
func TestWipedRegistry_RebuiltWithoutAPIServer(t *testing.T) {
	t.Parallel()
	env := newEnv(t, "e2e-rebuilt")
	watcher := env.Start(env.WatcherSpec("watcher", nil))
	syncer := env.Start(env.SyncerSpec("syncer", often))
	env.applyAll(components("e2e-rebuilt", 20))
	env.AwaitReady(watcher, syncer)
	env.AwaitInSync(testenv.Timeout)
	env.AwaitAllAcked(testenv.Timeout)
	want := env.Mapping.Of(env.Objects())
	env.Must(watcher.Stop())

	config, err := clientcmd.LoadFromFile(shared.Kubeconfig)
	env.Must(err)
	port, err := procs.FreePort()
	env.Must(err)
	for _, server := range config.Clusters {
		server.Server = "https://127.0.0.1:" + strconv.Itoa(port)
	}
	path := filepath.Join(t.TempDir(), "config")
	env.Must(clientcmd.WriteToFile(*config, path))
	away := env.Start(env.WatcherSpec("watcher-away", map[string]string{"KUBECONFIG": path}))
	env.AwaitNotReady(away, "API server unreachable")
	env.wipeAndAwaitRebuild(want)
	env.AwaitReady(syncer)
}

// TestWipedRegistry_RebuiltWithForbiddenNamespace wipes the registry while one of the watcher's namespaces may not be
// read, from its first start on.
func TestWipedRegistry_RebuiltWithForbiddenNamespace(t *testing.T) {
	t.Parallel()
	const allowed, forbidden = "e2e-allowed", "e2e-forbidden"
	env := newEnv(t, allowed, forbidden)
	rights := rightsIn(allowed)
	env.Apply(rights...)
	env.DeleteAfterwards(func() []*unstructured.Unstructured { return rights })
	env.applyAll(components(allowed, 20))
	watcher := env.Start(env.WatcherSpec("watcher", map[string]string{"KUBECONFIG": shared.WatcherKubeconfig, "ODA_COMPONENT_VERSION": "v1"}))
	syncer := env.Start(env.SyncerSpec("syncer", often))
	env.AwaitReady(syncer)
	env.AwaitInSync(2 * testenv.Timeout)
	env.AwaitNotReady(watcher, forbidden)
	env.wipeAndAwaitRebuild(env.Mapping.Of(env.Objects()))
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
