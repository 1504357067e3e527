package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/test/cluster"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// runbook is a page of docs/runbooks: its ctl commands in their order.
type runbook struct {
	*environment
	page     string
	commands []string
}

// followRunbook reads a page. The test must run all of its commands.
func (env *environment) followRunbook(page string) *runbook {
	env.Helper()
	root, err := procs.Root()
	env.Must(err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "runbooks", page))
	env.Must(err)
	b := &runbook{environment: env, page: page}
	for line := range strings.Lines(string(text)) {
		if _, command, found := strings.Cut(line, "ctl "); found && strings.HasPrefix(line, "    ") {
			b.commands = append(b.commands, strings.TrimSpace(command))
		}
	}
	env.Cleanup(func() {
		if len(b.commands) > 0 && !env.Failed() {
			env.Errorf("%s: these commands were not run: %q", page, b.commands)
		}
	})
	return b
}

// next runs the page's next command, which must end with the exit code, and returns its output. It replaces ID by the id.
func (b *runbook) next(want int, id ...string) string {
	b.Helper()
	if len(b.commands) == 0 {
		b.Fatalf("%s has no more commands", b.page)
	}
	command := b.commands[0]
	b.commands = b.commands[1:]
	if len(id) > 0 {
		command = strings.ReplaceAll(command, "ID", id[0])
	}
	return b.MustCTL(want, command)
}

func TestRunbook_RegistryLost(t *testing.T) {
	env, watcher, _ := newPair(t, "e2e-registry-lost")
	env.applyAll(components("e2e-registry-lost", 30))
	env.AwaitDone(testenv.Timeout)
	want := env.Mapping.Of(env.Objects())
	env.Must(watcher.Stop())
	env.Registry.Wipe()
	page := env.followRunbook("registry-lost.md")
	env.ExpectText(page.next(0), "found: 30 missing", "dry run: nothing was changed")
	env.ExpectText(page.next(0), "done: 30 repaired, 0 deleted, 0 not repaired")
	env.Must(env.CheckInSync(want))
	env.ExpectText(page.next(0), "found: 0 missing, 0 different")
}

func TestRunbook_SyncStateLost(t *testing.T) {
	env := newParallel(t, "e2e-state-lost")
	env.Start(env.WatcherSpec("watcher", onDemand))
	syncer := env.Start(env.SyncerSpec("syncer", onDemand))
	env.AwaitReady(syncer)
	env.applyAll(components("e2e-state-lost", 30))
	env.AwaitDone(testenv.Timeout)
	check := env.addForeignEntries(3)
	want := env.Mapping.Of(env.Objects())
	for _, c := range env.Registry.Snapshot().Components {
		if c.Name == "item-7" {
			env.Registry.Send("DELETE", fmt.Sprintf("/components/%d", c.ID), nil)
		}
	}
	env.Must(env.JetStream().DeleteKeyValue(t.Context(), store.StatesBucket))
	env.AwaitLog(syncer, "syncer is not running", map[string]string{"error": "stream KV_ODA_SYNC_STATE was removed from the nats server"})
	env.Eventually(testenv.Timeout, "the bucket is created again", func() error {
		_, err := env.JetStream().KeyValue(t.Context(), store.StatesBucket)
		return err
	})
	env.AwaitReady(syncer)
	env.Must(procs.Pause(t.Context(), 6*time.Second)) // reconciles skip components with a message of the last 5 s
	env.Registry.ResetRequests()
	page := env.followRunbook("sync-state-lost.md")
	env.ExpectText(page.next(0), "30 unacknowledged", "done: 1 repaired, 0 deleted, 0 not repaired")
	env.Must(env.CheckContent(want, withoutForeign(testenv.ContentOf(env.Registry.Snapshot()))))
	if writes := env.Registry.Writes(); writes > 3 {
		t.Errorf("%d writes for one lost entry: %v", writes, env.Registry.Requests())
	}
	check()
	env.Apply(testenv.Component("e2e-state-lost", "item-3", "2", "third"))
	env.awaitInSyncBesideForeign()
}

func TestRunbook_StreamLost(t *testing.T) {
	env, watcher, syncer := newPair(t, "e2e-stream-lost")
	objects := components("e2e-stream-lost", 30)
	env.applyAll(objects)
	env.AwaitDone(testenv.Timeout)
	check := env.addForeignEntries(3)
	env.Must(watcher.Stop())
	env.Delete(objects[:3]...)
	env.Must(env.JetStream().DeleteStream(t.Context(), stream.StreamName))
	_, code := env.CTL("status")
	if code == 0 {
		t.Error("ctl status succeeds without a stream")
	}
	watcher = env.Start(watcher.Spec)
	env.AwaitReady(watcher, syncer)
	env.Registry.ResetRequests()
	page := env.followRunbook("stream-lost.md")
	page.next(0)
	env.awaitInSyncBesideForeign()
	check()
	if writes := env.Registry.Writes(); writes > 3*3 {
		t.Errorf("%d writes for three deleted Components: %v", writes, env.Registry.Requests())
	}
}

var approval = regexp.MustCompile("ctl approve ([0-9a-f]+)")

// TestRunbook_DeletionsPendingApproval deletes all Components while the watcher is stopped, as a restore by mistake does.
func TestRunbook_DeletionsPendingApproval(t *testing.T) {
	env, watcher, syncer := newPair(t, "e2e-refused")
	objects := components("e2e-refused", 40)
	env.applyAll(objects)
	env.AwaitDone(testenv.Timeout)
	before := testenv.ContentOf(env.Registry.Snapshot())
	env.Must(watcher.Stop())
	env.Delete(objects...)
	watcher = env.Start(watcher.Spec)
	pending := env.AwaitLog(watcher, "deletion pending approval", nil)
	env.AwaitReady(watcher, syncer)
	env.reconcile() // stream and registry are equal
	env.Must(env.CheckInSync(before))

	restored := env.followRunbook("cluster-restored.md")
	env.ExpectText(restored.next(1), "deletion pending approval: cluster lab: 40 of 40 components would be deleted, such as lab/e2e-refused/item-0")
	env.Apply(objects[0]) // one is back, but the others still exceed the prune limit
	restored.next(1)
	page := env.followRunbook("deletions-pending-approval.md")
	printed := page.next(1)
	env.ExpectText(printed, "39 of 40 components would be deleted")
	id := approval.FindStringSubmatch(printed)
	if id == nil || id[1] == pending.Text("approval") {
		t.Fatalf("no new id in:\n%s", printed)
	}
	env.MustCTL(1, "approve --yes "+pending.Text("approval")) // is of another set
	env.Must(env.CheckInSync(before))
	page.next(0, id[1])
	env.AwaitInSync(testenv.Timeout)
	env.ExpectText(page.next(0), "no problems found")
}

// TestRunbook_ClusterRestored replaces the cluster by another one with older Components, lower resourceVersions and other
// uids.
func TestRunbook_ClusterRestored(t *testing.T) {
	env, watcher, syncer := newPair(t, "e2e-restored")
	var now, backup []*unstructured.Unstructured
	for i := range 12 {
		now = append(now, testenv.Component("e2e-restored", fmt.Sprintf("item-%d", i), "2", "first", "second"))
		backup = append(backup, testenv.Component("e2e-restored", fmt.Sprintf("item-%d", i+3), "1", "first"))
	}
	env.Applied(now...)
	env.Must(watcher.Stop())

	old := cluster.Start(t, "--versions=v1")
	env.Cluster = old
	testenv.MakeNamespace(t, old, "e2e-restored")
	env.Apply(backup...)
	watcher = env.Start(watcher.Spec.With(map[string]string{"KUBECONFIG": old.Kubeconfig}))
	waits := env.AwaitLog(watcher, "another cluster under this name, deletions pending approval", nil)
	env.Eventually(testenv.Timeout, "the restored cluster is in the registry, and nothing is deleted", func() error {
		want := env.Mapping.Of(env.Objects())
		for _, object := range now[:3] {
			lost := env.Mapping.Of([]unstructured.Unstructured{*object})
			want.Components, want.APIs = append(want.Components, lost.Components...), append(want.APIs, lost.APIs...)
		}
		return env.CheckInSync(want.Sorted())
	})
	env.AwaitNotReady(watcher, "the Kubernetes cluster has changed: it was "+waits.Text("was")+" and is "+waits.Text("is"))
	env.Delete(testenv.Component("e2e-restored", "item-14", "")) // to the watcher, reported by the wrong cluster
	env.ExpectText(env.MustCTL(1, "status"), "ctl approve "+waits.Text("approval"))
	env.MustCTL(0, "approve --yes "+waits.Text("approval"))
	env.AwaitInSync(testenv.Timeout)
	env.AwaitReady(watcher, syncer)
	env.Applied(testenv.Component("e2e-restored", "item-4", "3", "third"))
	env.MustCTL(0, "status")
}

func TestRunbook_SecondCluster(t *testing.T) {
	env := newParallel(t, "e2e-east", "e2e-west")
	env.Namespaces = []string{"e2e-east"}
	env.StartPair()
	env.Applied(components("e2e-east", 5)...)

	west := env.secondCluster("west", "e2e-west")
	other := testenv.Component("e2e-west", "only-west", "1", "first")
	same := testenv.Component("e2e-west", "item-2", "9", "first")
	env.Apply(other, same)
	watcher := west.Start(west.WatcherSpec("watcher-west", nil))
	env.Eventually(testenv.Timeout, "the second watcher leads", func() error { // a standby is ready, too
		leads, err := watcher.Metric(env.Within(testenv.Timeout), "odasync_leader")
		if err == nil && leads != 1 {
			err = fmt.Errorf("it does not")
		}
		return err
	})
	west.AwaitReady(watcher)
	page := west.followRunbook("second-cluster.md")
	west.ExpectText(page.next(1), "full sync: 2 components", "belongs to the component of namespace")
	west.ExpectText(page.next(0), "cluster west, target default: 2 components desired, 1 entries", "found: 0 missing, 0 different")
	west.ExpectText(page.next(0), "item-2", "name_conflict")

	want := env.Mapping.Of(env.Objects())
	add := west.Mapping.Of([]unstructured.Unstructured{*other})
	want.Components, want.APIs = append(want.Components, add.Components...), append(want.APIs, add.APIs...)
	env.Must(env.CheckInSync(want.Sorted()))
	env.Delete(testenv.Component("e2e-east", "item-2", "")) // the name is free
	env.Eventually(testenv.Timeout, "the second cluster's component has the name", func() error {
		west.CTL("reconcile")
		for _, c := range env.Registry.Snapshot().Components {
			if c.Name == "item-2" && c.Labels["managed-by"] == "odasync/west" {
				return nil
			}
		}
		return fmt.Errorf("it has not")
	})
}

// TestSecondCluster_OwnRegistryName syncs two clusters from one stream to one registry, each under its own registry name: equal
// component names are no conflict.
func TestSecondCluster_OwnRegistryName(t *testing.T) {
	env := newParallel(t, "e2e-own-east", "e2e-own-west")
	env.Apply(testenv.Component("e2e-own-east", "same", "1", "first"), testenv.Component("e2e-own-west", "same", "2", "first"))
	env.Namespaces = []string{"e2e-own-east"}
	east := map[string]string{"SYNC_CLUSTERS": env.Mapping.Cluster}
	env.AwaitReady(env.Start(env.WatcherSpec("watcher-east", nil)), env.Start(env.SyncerSpec("syncer-east", east)))
	west := env.secondCluster("west", "e2e-own-west")
	own := map[string]string{"SYNC_TARGET": "west", "SYNC_CLUSTERS": "west", "COMPONENT_REGISTRY_NAME": "west"}
	west.AwaitReady(west.Start(west.WatcherSpec("watcher-west", nil)), west.Start(west.SyncerSpec("syncer-west", own)))
	env.Eventually(testenv.Timeout, "each cluster has its component under its own registry name", func() error {
		have := map[string]string{}
		for _, c := range env.Registry.Snapshot().Components {
			have[c.Registry+"/"+c.Name] = c.Labels["component-version"]
		}
		if want := map[string]string{"self/same": "1", "west/same": "2"}; !maps.Equal(have, want) {
			return fmt.Errorf("the registry has %v, want %v", have, want)
		}
		return nil
	})
	env.MustCTL(0, "sync --all")
	env.ExpectText(west.MustCTL(1, "reconcile"), "target", "default", "takes no components of cluster", "SYNC_CLUSTERS")
}
