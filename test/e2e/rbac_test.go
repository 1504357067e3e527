package e2e

import (
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/cluster"
	"odasync/test/procs"
)

// TestLeastPrivilege runs the watcher as the service account of deploy/rbac.yaml: first without any right, then with
// exactly those. Others may not use the namespace components meanwhile.
func TestLeastPrivilege(t *testing.T) {
	l := newLab(t, "components")
	root, err := procs.Root()
	l.must(err)
	rules, err := cluster.Manifest(filepath.Join(root, "deploy", "rbac.yaml"))
	l.must(err)
	shown := component("components", "least", "1", "first")
	l.apply(shown)
	l.deleteAfterwards(func() []*unstructured.Unstructured { return append(rules, shown) })

	watcher := l.start(l.watcherSpec("watcher", map[string]string{"KUBECONFIG": shared.WatcherKubeconfig, "LEASE_NAMESPACE": "canvas"}))
	for _, rule := range []string{
		`watch components.oda.tmforum.org in namespace "components"`,
		`get customresourcedefinitions.apiextensions.k8s.io "components.oda.tmforum.org" cluster-wide`,
		`update leases.coordination.k8s.io "odasync-watcher" in namespace "canvas"`,
	} {
		_, err := watcher.AwaitEntry(l.within(patience), logs("missing permission", map[string]string{"level": "error", "permission": rule}))
		l.must(err)
	}
	l.must(watcher.AwaitNotReady(l.within(patience), "missing permission"))

	l.apply(rules...)
	l.start(l.syncerSpec("syncer", nil))
	l.must(watcher.AwaitReady(l.within(2 * patience)))
	l.equal(patience)
	l.must(watcher.Stop()) // the lease's release needs a right, too
	if released := watcher.Logged(logs("Lease released", nil)); len(released) != 1 {
		t.Errorf("the lease was not released: %s", watcher.Tail(5))
	}
}
