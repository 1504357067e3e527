package e2e

import (
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/cluster"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestLeastPrivilege runs the watcher as the service account of deploy/rbac.yaml: first without any right, then with
// exactly those. Others may not use the namespace components meanwhile.
func TestLeastPrivilege(t *testing.T) {
	l := newLab(t, "components")
	root, err := procs.Root()
	l.Must(err)
	rules, err := cluster.Manifest(filepath.Join(root, "deploy", "rbac.yaml"))
	l.Must(err)
	shown := testenv.Component("components", "least", "1", "first")
	l.Apply(shown)
	l.DeleteAfterwards(func() []*unstructured.Unstructured { return append(rules, shown) })

	watcher := l.Start(l.WatcherSpec("watcher", map[string]string{"KUBECONFIG": shared.WatcherKubeconfig, "LEASE_NAMESPACE": "canvas"}))
	for _, rule := range []string{
		`watch components.oda.tmforum.org in namespace "components"`,
		`get customresourcedefinitions.apiextensions.k8s.io "components.oda.tmforum.org" cluster-wide`,
		`update leases.coordination.k8s.io "odasync-watcher" in namespace "canvas"`,
	} {
		_, err := watcher.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs("missing permission", map[string]string{"level": "error", "permission": rule}))
		l.Must(err)
	}
	l.Must(watcher.AwaitNotReady(l.Within(testenv.Timeout), "missing permission"))

	l.Apply(rules...)
	l.Start(l.SyncerSpec("syncer", nil))
	l.Must(watcher.AwaitReady(l.Within(2 * testenv.Timeout)))
	l.AwaitInSync(testenv.Timeout)
	l.Must(watcher.Stop()) // the lease's release needs a right, too
	if released := watcher.Logged(testenv.Logs("Lease released", nil)); len(released) != 1 {
		t.Errorf("the lease was not released: %s", watcher.Tail(5))
	}
}
