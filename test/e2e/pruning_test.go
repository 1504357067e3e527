package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/procs"
	"odasync/test/testenv"
)

// pending waits until ctl status shows a deletion of that many components, and returns the id that approves it.
func (l *place) pending(gone, of int) (id string) {
	l.Helper()
	l.Eventually(testenv.Timeout, fmt.Sprintf("%d of %d to be pending approval", gone, of), func() error {
		printed, _ := l.CTL("status")
		words := fmt.Sprintf("deletion pending approval: cluster %s: %d of %d components", l.Mapping.Cluster, gone, of)
		if found := approval.FindStringSubmatch(printed); found != nil && strings.Contains(printed, words) {
			id = found[1]
			return nil
		}
		return fmt.Errorf("ctl status says:\n%s", printed)
	})
	return id
}

// TestEmptiedNamespacesWithEightRestarts empties twenty namespaces while the watcher is down, and restarts it again and again.
func TestEmptiedNamespacesWithEightRestarts(t *testing.T) {
	t.Parallel()
	const namespaces, each = 20, 5
	var names []string
	var objects []*unstructured.Unstructured
	for n := range namespaces {
		name := fmt.Sprintf("e2e-emptied-%02d", n)
		names = append(names, name)
		for i := range each {
			objects = append(objects, testenv.Component(name, fmt.Sprintf("team-%d-item-%d", n, i), "1", "first"))
		}
	}
	l := newLab(t, names...)
	watcher, syncer := l.StartPair()
	l.createAll(objects)
	l.AwaitInSync(testenv.Timeout)
	l.AwaitAllAcked(testenv.Timeout)
	before := testenv.ContentOf(l.Registry.Snapshot())
	l.Must(watcher.Stop())
	l.Delete(objects...)
	id := ""
	for restart := range 8 {
		watcher = l.Start(watcher.Spec)
		l.AwaitReady(watcher)
		now := l.pending(namespaces*each, namespaces*each)
		if id != "" && now != id {
			t.Errorf("restart %d: the approval id is %s, and was %s", restart, now, id)
		}
		id = now
		l.reconcile(0, "")
		l.Must(l.CheckInSync(before))
		if restart == 7 {
			break
		}
		if restart%2 == 0 {
			l.Must(watcher.Stop())
		} else {
			watcher.Kill()
		}
	}
	l.MustCTL(0, "reconcile --approve "+id)
	l.AwaitInSync(testenv.Timeout)
	l.AwaitReady(watcher, syncer)
	l.says(l.MustCTL(0, "status"), "all is well")
}

// TestEverythingOfAFewIsPending has three Components of three deleted while the watcher is down.
func TestEverythingOfAFewIsPending(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-three")
	watcher, _ := l.StartPair()
	objects := many("e2e-three", 3)
	l.Apply(objects...)
	l.AwaitInSync(testenv.Timeout)
	before := testenv.ContentOf(l.Registry.Snapshot())
	l.Must(watcher.Stop())
	l.Delete(objects...)
	l.Start(watcher.Spec)
	id := l.pending(3, 3)
	l.reconcile(0, "")
	l.Must(l.CheckInSync(before))
	l.MustCTL(0, "reconcile --approve "+id)
	l.AwaitInSync(testenv.Timeout)
	l.MustCTL(1, "reconcile --approve "+id) // is used up
}

// TestEmptiedFolder empties a folder of manifests while it is watched and while it is not.
func TestEmptiedFolder(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-folder")
	dir := t.TempDir()
	const count = 20
	path := func(i int) string { return filepath.Join(dir, fmt.Sprintf("item-%02d.yaml", i)) }
	for i := range count {
		text, err := testenv.Component("e2e-folder", fmt.Sprintf("item-%02d", i), "1", "first").MarshalJSON()
		l.Must(err)
		l.Must(os.WriteFile(path(i), text, 0o600))
	}
	spec := procs.Run("run", t.TempDir(), "127.0.0.1:0", map[string]string{
		"NATS_URL": l.NATSURL, "COMPONENT_REGISTRY_URL": l.Registry.URL(), "CLUSTER_NAME": l.Mapping.Cluster, "KUBERNETES_NAMESPACE": "all",
	})
	spec.Args = append(spec.Args, "--manifests", dir)
	run := l.Start(spec)
	shows := func(want int) {
		t.Helper()
		l.Eventually(testenv.Timeout, fmt.Sprintf("the registry to show %d", want), func() error {
			if got := len(l.Registry.Snapshot().Components); got != want {
				return fmt.Errorf("it shows %d", got)
			}
			return nil
		})
	}
	shows(count)
	l.AwaitReady(run)
	l.AwaitAllAcked(testenv.Timeout)
	began := time.Now()
	l.Must(os.Remove(path(0)))
	shows(count - 1)
	if took := time.Since(began); took > time.Second {
		t.Errorf("one file of many is gone after %s, want at most a second", took)
	}

	for i := 1; i < count; i++ { // a wrong branch
		l.Must(os.Remove(path(i)))
	}
	id := l.pending(count-1, count-1)
	l.reconcile(0, "")
	shows(count - 1)
	for range 2 {
		l.Must(run.Stop())
		run = l.Start(spec)
		l.AwaitReady(run)
		if again := l.pending(count-1, count-1); again != id {
			t.Errorf("after a restart the approval id is %s, and was %s", again, id)
		}
		l.reconcile(0, "")
		shows(count - 1)
	}
	l.MustCTL(0, "reconcile --approve "+id)
	shows(0)
}

// TestDeletedDuringALongNATSOutage has everything deleted while NATS is away, and NATS come back only after the term has
// ended: the API server has said that they are gone.
func TestDeletedDuringALongNATSOutage(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-reported")
	watcher, syncer := l.StartPair()
	objects := many("e2e-reported", 3)
	l.Apply(objects...)
	l.AwaitInSync(testenv.Timeout)
	l.AwaitAllAcked(testenv.Timeout)
	l.NATS[0].Kill()
	l.Must(watcher.AwaitNotReady(l.Within(testenv.Timeout), "nats: not connected"))
	l.Delete(objects...)
	_, err := watcher.AwaitEntry(l.Within(2*testenv.Timeout), testenv.Logs("not leading, campaigning again", nil))
	l.Must(err)
	l.RestartNATS()
	l.AwaitInSync(2 * testenv.Timeout)
	l.AwaitReady(watcher, syncer)
	l.MustCTL(0, "status")
}

// TestOneNamespaceForbidden lets the watcher list only one of two namespaces: what the other holds stays, and the first goes
// on, deletions and markers included.
func TestOneNamespaceForbidden(t *testing.T) {
	l := newLab(t, "e2e-allowed", "e2e-forbidden")
	account := []any{map[string]any{"kind": "ServiceAccount", "name": "odasync-watcher", "namespace": "canvas"}}
	object := func(kind, namespace, name string, more map[string]any) *unstructured.Unstructured {
		meta := map[string]any{"name": name}
		if namespace != "" {
			meta["namespace"] = namespace
		}
		all := map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": meta}
		for key, value := range more {
			all[key] = value
		}
		return &unstructured.Unstructured{Object: all}
	}
	grant := func(scope, namespace, name, group, resource string, verbs ...any) []*unstructured.Unstructured {
		rule := map[string]any{"apiGroups": []any{group}, "resources": []any{resource}, "verbs": verbs}
		return []*unstructured.Unstructured{
			object(scope, namespace, name, map[string]any{"rules": []any{rule}}),
			object(scope+"Binding", namespace, name, map[string]any{
				"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": scope, "name": name},
				"subjects": account,
			}),
		}
	}
	rules := grant("ClusterRole", "", "e2e-crd", "apiextensions.k8s.io", "customresourcedefinitions", "get")
	rules = append(rules, grant("Role", "e2e-allowed", "e2e-lease", "coordination.k8s.io", "leases", "get", "create", "update")...)
	rules = append(rules, grant("Role", "e2e-allowed", "e2e-components", "oda.tmforum.org", "components", "get", "list", "watch")...)
	both := grant("Role", "e2e-forbidden", "e2e-components", "oda.tmforum.org", "components", "get", "list", "watch")
	l.Apply(append(rules, both...)...)
	l.DeleteAfterwards(func() []*unstructured.Unstructured { return append(rules, both...) })

	spec := l.WatcherSpec("watcher", map[string]string{"KUBECONFIG": shared.WatcherKubeconfig, "SYNC_INTERVAL": "2s"})
	watcher := l.Start(spec)
	l.AwaitReady(watcher, l.Start(l.SyncerSpec("syncer", nil)))
	stays, objects := testenv.Component("e2e-forbidden", "stays", "1", "first"), many("e2e-allowed", 5)
	l.Apply(append(objects, stays)...)
	l.AwaitInSync(testenv.Timeout)
	want := l.Mapping.Of([]unstructured.Unstructured{*objects[0], *objects[1], *objects[2], *stays})
	l.Must(watcher.Stop())
	l.Delete(append(both, objects[3])...)
	watcher = l.Start(spec)
	began := time.Now()
	l.Eventually(2*testenv.Timeout, "the deletion in the other namespace", func() error {
		return l.CheckInSync(l.Mapping.Of(l.Objects()))
	})
	t.Logf("deleted %.1f s after the start, with one namespace forbidden", time.Since(began).Seconds())
	l.Delete(objects[4])
	l.Eventually(testenv.Timeout, "the marker and the next deletion", func() error {
		if printed, _ := l.CTL("status"); !strings.Contains(printed, "the last full sync could not list e2e-forbidden") {
			return fmt.Errorf("ctl status says:\n%s", printed)
		}
		return l.CheckInSync(want)
	})
	l.MustCTL(0, "sync --all")
	l.reconcile(0, "")
	l.Must(l.CheckInSync(want))
	l.Apply(both...)
	l.AwaitReady(watcher)
	l.MustCTL(0, "sync --all")
	l.MustCTL(0, "status")
	l.Must(l.CheckInSync(want))
}
