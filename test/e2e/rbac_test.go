package e2e

import (
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/cluster"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestWatcher_LeastPrivilege runs the watcher as its service account: first without permissions, then with exactly those of
// deploy/rbac.yaml. No other test may use the namespace components meanwhile.
func TestWatcher_LeastPrivilege(t *testing.T) {
	env := newEnv(t, "components")
	root, err := procs.Root()
	env.Must(err)
	rules, err := cluster.Manifest(filepath.Join(root, "deploy", "rbac.yaml"))
	env.Must(err)
	component := testenv.Component("components", "least", "1", "first")
	env.Apply(component)
	env.DeleteAfterwards(func() []*unstructured.Unstructured { return append(rules, component) })

	watcher := env.Start(env.WatcherSpec("watcher", map[string]string{"KUBECONFIG": shared.WatcherKubeconfig, "LEASE_NAMESPACE": "canvas"}))
	for _, rule := range []string{
		`watch components.oda.tmforum.org in namespace "components"`,
		`get customresourcedefinitions.apiextensions.k8s.io "components.oda.tmforum.org" cluster-wide`,
		`update leases.coordination.k8s.io "odasync-watcher" in namespace "canvas"`,
	} {
		env.AwaitLog(watcher, "missing permission", map[string]string{"level": "error", "permission": rule})
	}
	env.AwaitNotReady(watcher, "missing permission")

	env.Apply(rules...)
	env.Start(env.SyncerSpec("syncer", nil))
	env.Must(watcher.AwaitReady(env.Within(2 * testenv.Timeout)))
	env.AwaitInSync(testenv.Timeout)
	env.Must(watcher.Stop()) // releasing the lease needs a permission, too
	if released := watcher.Logged(testenv.Logs("lease released", nil)); len(released) != 1 {
		t.Errorf("the lease was not released: %s", watcher.Tail(5))
	}
}
