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

// awaitPendingApproval waits until ctl status shows a deletion of that many components, and returns the id that approves it.
func (env *environment) awaitPendingApproval(gone, of int) (id string) {
	env.Helper()
	env.Eventually(testenv.Timeout, fmt.Sprintf("%d of %d to be pending approval", gone, of), func() error {
		printed, _ := env.CTL("status")
		words := fmt.Sprintf("deletion pending approval: cluster %s: %d of %d components", env.Mapping.Cluster, gone, of)
		if found := approval.FindStringSubmatch(printed); found != nil && strings.Contains(printed, words) {
			id = found[1]
			return nil
		}
		return fmt.Errorf("ctl status says:\n%s", printed)
	})
	return id
}

// TestPruneLimit_EmptiedNamespacesAcrossRestarts empties twenty namespaces while the watcher is down, and restarts it again and again.
func TestPruneLimit_EmptiedNamespacesAcrossRestarts(t *testing.T) {
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
	env := newEnv(t, names...)
	watcher, syncer := env.StartPair()
	env.applyAll(objects)
	env.AwaitInSync(testenv.Timeout)
	env.AwaitAllAcked(testenv.Timeout)
	before := testenv.ContentOf(env.Registry.Snapshot())
	env.Must(watcher.Stop())
	env.Delete(objects...)
	id := ""
	for restart := range 8 {
		watcher = env.Start(watcher.Spec)
		env.AwaitReady(watcher)
		now := env.awaitPendingApproval(namespaces*each, namespaces*each)
		if id != "" && now != id {
			t.Errorf("restart %d: the approval id is %s, and was %s", restart, now, id)
		}
		id = now
		env.reconcile(0, "")
		env.Must(env.CheckInSync(before))
		if restart == 7 {
			break
		}
		if restart%2 == 0 {
			env.Must(watcher.Stop())
		} else {
			watcher.Kill()
		}
	}
	env.MustCTL(0, "reconcile --approve "+id)
	env.AwaitInSync(testenv.Timeout)
	env.AwaitReady(watcher, syncer)
	env.expectText(env.MustCTL(0, "status"), "no problems found")
}

// TestPruneLimit_LastComponents has three Components of three deleted while the watcher is down.
func TestPruneLimit_LastComponents(t *testing.T) {
	t.Parallel()
	env := newEnv(t, "e2e-three")
	watcher, _ := env.StartPair()
	objects := components("e2e-three", 3)
	env.Apply(objects...)
	env.AwaitInSync(testenv.Timeout)
	before := testenv.ContentOf(env.Registry.Snapshot())
	env.Must(watcher.Stop())
	env.Delete(objects...)
	env.Start(watcher.Spec)
	id := env.awaitPendingApproval(3, 3)
	env.reconcile(0, "")
	env.Must(env.CheckInSync(before))
	env.MustCTL(0, "reconcile --approve "+id)
	env.AwaitInSync(testenv.Timeout)
	env.MustCTL(1, "reconcile --approve "+id) // is used up
}

// TestPruneLimit_EmptiedFolder empties a folder of manifests while it is watched and while it is not.
func TestPruneLimit_EmptiedFolder(t *testing.T) {
	t.Parallel()
	env := newEnv(t, "e2e-folder")
	dir := t.TempDir()
	const count = 20
	path := func(i int) string { return filepath.Join(dir, fmt.Sprintf("item-%02d.yaml", i)) }
	for i := range count {
		text, err := testenv.Component("e2e-folder", fmt.Sprintf("item-%02d", i), "1", "first").MarshalJSON()
		env.Must(err)
		env.Must(os.WriteFile(path(i), text, 0o600))
	}
	spec := procs.Run("run", t.TempDir(), "127.0.0.1:0", map[string]string{
		"NATS_URL": env.NATSURL, "COMPONENT_REGISTRY_URL": env.Registry.URL(), "CLUSTER_NAME": env.Mapping.Cluster, "KUBERNETES_NAMESPACE": "all",
	})
	spec.Args = append(spec.Args, "--manifests", dir)
	run := env.Start(spec)
	shows := func(want int) {
		t.Helper()
		env.Eventually(testenv.Timeout, fmt.Sprintf("the registry to show %d", want), func() error {
			if got := len(env.Registry.Snapshot().Components); got != want {
				return fmt.Errorf("it shows %d", got)
			}
			return nil
		})
	}
	shows(count)
	env.AwaitReady(run)
	env.AwaitAllAcked(testenv.Timeout)
	began := time.Now()
	env.Must(os.Remove(path(0)))
	shows(count - 1)
	if took := time.Since(began); took > time.Second {
		t.Errorf("one file of many is gone after %s, want at most a second", took)
	}

	for i := 1; i < count; i++ { // a wrong branch
		env.Must(os.Remove(path(i)))
	}
	id := env.awaitPendingApproval(count-1, count-1)
	env.reconcile(0, "")
	shows(count - 1)
	for range 2 {
		env.Must(run.Stop())
		run = env.Start(spec)
		env.AwaitReady(run)
		if again := env.awaitPendingApproval(count-1, count-1); again != id {
			t.Errorf("after a restart the approval id is %s, and was %s", again, id)
		}
		env.reconcile(0, "")
		shows(count - 1)
	}
	env.MustCTL(0, "reconcile --approve "+id)
	shows(0)
}

// TestNATSOutage_ReportedDeletions has everything deleted while NATS is away, and NATS come back only after the term has
// ended: the API server has said that they are gone.
func TestNATSOutage_ReportedDeletions(t *testing.T) {
	t.Parallel()
	env := newEnv(t, "e2e-reported")
	watcher, syncer := env.StartPair()
	objects := components("e2e-reported", 3)
	env.Apply(objects...)
	env.AwaitInSync(testenv.Timeout)
	env.AwaitAllAcked(testenv.Timeout)
	env.NATS[0].Kill()
	env.AwaitNotReady(watcher, "nats: not connected")
	env.Delete(objects...)
	_, err := watcher.AwaitEntry(env.Within(2*testenv.Timeout), testenv.Logs("not leading, campaigning again", nil))
	env.Must(err)
	env.RestartNATS()
	env.AwaitInSync(2 * testenv.Timeout)
	env.AwaitReady(watcher, syncer)
	env.MustCTL(0, "status")
}

// TestForbiddenNamespace lets the watcher list only one of two namespaces: what the other holds stays, and the first goes
// on, deletions and markers included.
func TestForbiddenNamespace(t *testing.T) {
	env := newEnv(t, "e2e-allowed", "e2e-forbidden")
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
	env.Apply(append(rules, both...)...)
	env.DeleteAfterwards(func() []*unstructured.Unstructured { return append(rules, both...) })

	spec := env.WatcherSpec("watcher", map[string]string{"KUBECONFIG": shared.WatcherKubeconfig, "SYNC_INTERVAL": "2s"})
	watcher := env.Start(spec)
	env.AwaitReady(watcher, env.Start(env.SyncerSpec("syncer", nil)))
	stays, objects := testenv.Component("e2e-forbidden", "stays", "1", "first"), components("e2e-allowed", 5)
	env.Apply(append(objects, stays)...)
	env.AwaitInSync(testenv.Timeout)
	want := env.Mapping.Of([]unstructured.Unstructured{*objects[0], *objects[1], *objects[2], *stays})
	env.Must(watcher.Stop())
	env.Delete(append(both, objects[3])...)
	watcher = env.Start(spec)
	began := time.Now()
	env.Eventually(2*testenv.Timeout, "the deletion in the other namespace", func() error {
		return env.CheckInSync(env.Mapping.Of(env.Objects()))
	})
	t.Logf("deleted %.1f s after the start, with one namespace forbidden", time.Since(began).Seconds())
	env.Delete(objects[4])
	env.Eventually(testenv.Timeout, "the marker and the next deletion", func() error {
		if printed, _ := env.CTL("status"); !strings.Contains(printed, "the last full sync could not list e2e-forbidden") {
			return fmt.Errorf("ctl status says:\n%s", printed)
		}
		return env.CheckInSync(want)
	})
	env.MustCTL(0, "sync --all")
	env.reconcile(0, "")
	env.Must(env.CheckInSync(want))
	env.Apply(both...)
	env.AwaitReady(watcher)
	env.MustCTL(0, "sync --all")
	env.MustCTL(0, "status")
	env.Must(env.CheckInSync(want))
}
