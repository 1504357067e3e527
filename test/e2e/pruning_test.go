package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// awaitPendingApproval waits until ctl status reports a pending deletion of that many components, and returns the id for its approval.
func (env *environment) awaitPendingApproval(gone, of int) (id string) {
	env.Helper()
	env.Eventually(testenv.Timeout, fmt.Sprintf("%d of %d to be pending approval", gone, of), func() error {
		printed, _ := env.CTL("status")
		pending := fmt.Sprintf("deletion pending approval: cluster %s: %d of %d components", env.Mapping.Cluster, gone, of)
		if found := approval.FindStringSubmatch(printed); found != nil && strings.Contains(printed, pending) {
			id = found[1]
			return nil
		}
		return fmt.Errorf("ctl status says:\n%s", printed)
	})
	return id
}

// TestPruneLimit_EmptiedNamespacesAcrossRestarts empties twenty namespaces while the watcher is stopped, and restarts it eight times.
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
	env.AwaitDone(testenv.Timeout)
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
		env.reconcile()
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
	env.MustCTL(0, "approve --yes "+id)
	env.AwaitInSync(testenv.Timeout)
	env.AwaitReady(watcher, syncer)
	env.ExpectText(env.MustCTL(0, "status"), "no problems found")
}

// TestPruneLimit_LastComponents deletes three Components of three while the watcher is stopped.
func TestPruneLimit_LastComponents(t *testing.T) {
	env, watcher, _ := newPair(t, "e2e-three")
	objects := components("e2e-three", 3)
	env.Applied(objects...)
	before := testenv.ContentOf(env.Registry.Snapshot())
	env.Must(watcher.Stop())
	env.Delete(objects...)
	env.Start(watcher.Spec)
	id := env.awaitPendingApproval(3, 3)
	env.reconcile()
	env.Must(env.CheckInSync(before))
	env.MustCTL(0, "approve --yes "+id)
	env.AwaitInSync(testenv.Timeout)
	env.MustCTL(1, "approve --yes "+id) // is consumed
}

// TestPruneLimit_EmptiedFolder empties a folder of manifests, with and without a running watcher.
func TestPruneLimit_EmptiedFolder(t *testing.T) {
	env := newParallel(t, "e2e-folder")
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
	expectCount := func(want int) {
		t.Helper()
		env.Eventually(testenv.Timeout, fmt.Sprintf("%d components in the registry", want), func() error {
			if got := len(env.Registry.Snapshot().Components); got != want {
				return fmt.Errorf("it has %d", got)
			}
			return nil
		})
	}
	expectCount(count)
	env.AwaitReady(run)
	env.AwaitAllAcked(testenv.Timeout)
	began := time.Now()
	env.Must(os.Remove(path(0)))
	expectCount(count - 1)
	testcheck.AtMost(t, "time to delete one file of many", time.Second, time.Since(began))

	for i := 1; i < count; i++ { // a wrong branch
		env.Must(os.Remove(path(i)))
	}
	id := env.awaitPendingApproval(count-1, count-1)
	env.reconcile()
	expectCount(count - 1)
	for range 2 {
		env.Must(run.Stop())
		run = env.Start(spec)
		env.AwaitReady(run)
		testcheck.Equal(t, "the approval id after a restart", id, env.awaitPendingApproval(count-1, count-1))
		env.reconcile()
		expectCount(count - 1)
	}
	env.MustCTL(0, "approve --yes "+id)
	expectCount(0)
}

// TestNATSOutage_ReportedDeletions deletes all Components during an outage of NATS that outlasts the leader's term: the API server has
// reported the deletions, so they need no approval.
func TestNATSOutage_ReportedDeletions(t *testing.T) {
	env, watcher, syncer := newPair(t, "e2e-reported")
	objects := components("e2e-reported", 3)
	env.Apply(objects...)
	env.AwaitDone(testenv.Timeout)
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

// TestForbiddenNamespace lets the watcher list only one of two namespaces: Components of the other stay, and the first is
// synced, including deletions and snapshot markers.
func TestForbiddenNamespace(t *testing.T) {
	env := newEnv(t, "e2e-allowed", "e2e-forbidden")
	rules := grant("ClusterRole", "", "e2e-crd", "apiextensions.k8s.io", "customresourcedefinitions", "get")
	rules = append(append(rules, grantLease("e2e-allowed")...), grantComponents("e2e-allowed")...)
	both := grantComponents("e2e-forbidden")
	env.Apply(append(rules, both...)...)
	env.DeleteAfterwards(func() []*unstructured.Unstructured { return append(rules, both...) })

	spec := env.WatcherSpec("watcher", map[string]string{"KUBECONFIG": shared.WatcherKubeconfig, "SYNC_INTERVAL": "2s"})
	watcher := env.Start(spec)
	env.AwaitReady(watcher, env.Start(env.SyncerSpec("syncer", nil)))
	stays, objects := testenv.Component("e2e-forbidden", "stays", "1", "first"), components("e2e-allowed", 5)
	env.Applied(append(objects, stays)...)
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
	printed := env.MustCTL(1, "sync --all")
	testcheck.Contains(t, "ctl sync --all", printed, "full sync: 4 components", "not everything in namespaces e2e-forbidden could be read")
	env.reconcile()
	env.Must(env.CheckInSync(want))
	env.Apply(both...)
	env.AwaitReady(watcher)
	env.MustCTL(0, "sync --all")
	env.MustCTL(0, "status")
	env.Must(env.CheckInSync(want))
}
