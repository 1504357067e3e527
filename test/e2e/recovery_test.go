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

	"odasync/internal/stream"
	"odasync/test/cluster"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// runbook is a page of docs/runbooks: the ctl commands in it, in their order.
type runbook struct {
	*place
	page     string
	commands []string
}

// follow reads a page. The test then runs its commands, all of them.
func (l *place) follow(page string) *runbook {
	l.Helper()
	root, err := procs.Root()
	l.Must(err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "runbooks", page))
	l.Must(err)
	b := &runbook{place: l, page: page}
	for line := range strings.Lines(string(text)) {
		if _, command, found := strings.Cut(line, "ctl "); found && strings.HasPrefix(line, "    ") {
			b.commands = append(b.commands, strings.TrimSpace(command))
		}
	}
	l.Cleanup(func() {
		if len(b.commands) > 0 && !l.Failed() {
			l.Errorf("%s: these commands were not run: %q", page, b.commands)
		}
	})
	return b
}

// next runs the page's next command, which must end with that exit code, and returns what it printed. ID stands for the id.
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

// says fails unless a printed text has the words.
func (l *place) says(printed string, words ...string) {
	l.Helper()
	for _, one := range words {
		if !strings.Contains(printed, one) {
			l.Errorf("no %q in:\n%s", one, printed)
		}
	}
}

func TestRunbookRegistryLost(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-registry-lost")
	watcher, _ := l.StartPair()
	l.createAll(many("e2e-registry-lost", 30))
	l.AwaitInSync(testenv.Timeout)
	l.AwaitAllAcked(testenv.Timeout)
	want := l.Mapping.Of(l.Objects())
	l.Must(watcher.Stop())
	l.Registry.Wipe()
	page := l.follow("registry-lost.md")
	l.says(page.next(0), "found: 30 missing", "dry run: nothing was changed")
	l.says(page.next(0), "done: 30 mended, 0 deleted, 0 not mended")
	l.Must(l.CheckInSync(want))
	l.says(page.next(0), "found: 0 missing, 0 different")
}

func TestRunbookSyncStateLost(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-state-lost")
	l.Start(l.WatcherSpec("watcher", onDemand))
	syncer := l.Start(l.SyncerSpec("syncer", onDemand))
	l.AwaitReady(syncer)
	l.createAll(many("e2e-state-lost", 30))
	l.AwaitInSync(testenv.Timeout)
	l.AwaitAllAcked(testenv.Timeout)
	check := l.foreign(3)
	want := l.Mapping.Of(l.Objects())
	for _, c := range l.Registry.Snapshot().Components {
		if c.Name == "item-7" {
			l.Registry.Send("DELETE", fmt.Sprintf("/components/%d", c.ID), nil)
		}
	}
	l.Must(l.JetStream().DeleteKeyValue(t.Context(), stream.StatesBucket))
	_, err := syncer.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs("syncer is not running", map[string]string{"error": "stream KV_ODA_SYNC_STATE was removed from the nats server"}))
	l.Must(err)
	l.Eventually(testenv.Timeout, "the bucket to be made anew", func() error {
		_, err := l.JetStream().KeyValue(t.Context(), stream.StatesBucket)
		return err
	})
	l.AwaitReady(syncer)
	l.Must(procs.Pause(t.Context(), 6*time.Second)) // a message of the last 5 s may be on its way and is left alone
	l.Registry.ResetRequests()
	page := l.follow("sync-state-lost.md")
	l.says(page.next(0), "30 unsettled", "done: 1 mended, 0 deleted, 0 not mended")
	l.Must(l.CheckContent(want, own(testenv.ContentOf(l.Registry.Snapshot()))))
	if writes := l.Registry.Writes(); writes > 3 {
		t.Errorf("%d writes for one lost entry: %v", writes, l.Registry.Requests())
	}
	check()
	l.Apply(testenv.Component("e2e-state-lost", "item-3", "2", "third"))
	l.equalButForeign()
}

func TestRunbookStreamLost(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-stream-lost")
	watcher, syncer := l.StartPair()
	objects := many("e2e-stream-lost", 30)
	l.createAll(objects)
	l.AwaitInSync(testenv.Timeout)
	l.AwaitAllAcked(testenv.Timeout)
	check := l.foreign(3)
	l.Must(watcher.Stop())
	l.Delete(objects[:3]...)
	l.Must(l.JetStream().DeleteStream(t.Context(), stream.StreamName))
	_, code := l.CTL("status")
	if code == 0 {
		t.Error("ctl status says that all is well without a stream")
	}
	watcher = l.Start(watcher.Spec)
	l.AwaitReady(watcher, syncer)
	l.Registry.ResetRequests()
	page := l.follow("stream-lost.md")
	page.next(0)
	l.equalButForeign()
	check()
	if writes := l.Registry.Writes(); writes > 3*3 {
		t.Errorf("%d writes for three deleted Components: %v", writes, l.Registry.Requests())
	}
}

var approval = regexp.MustCompile("ctl reconcile --approve ([0-9a-f]+)")

// TestRunbookDeletionsRefused lets the API server answer an empty list, as after a restore by mistake.
func TestRunbookDeletionsRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-refused")
	watcher, syncer := l.StartPair()
	objects := many("e2e-refused", 40)
	l.createAll(objects)
	l.AwaitInSync(testenv.Timeout)
	l.AwaitAllAcked(testenv.Timeout)
	before := testenv.ContentOf(l.Registry.Snapshot())
	l.Must(watcher.Stop())
	l.Delete(objects...)
	watcher = l.Start(watcher.Spec)
	refusal, err := watcher.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs("deletion pending approval", nil))
	l.Must(err)
	l.AwaitReady(watcher, syncer)
	l.reconcile(0, "") // of the stream with the registry, which are equal
	l.Must(l.CheckInSync(before))

	restored := l.follow("cluster-restored.md")
	l.says(restored.next(1), "deletion pending approval: cluster lab: 40 of 40 components would be deleted, such as lab/e2e-refused/item-0")
	l.Apply(objects[0]) // one is back: the others are still too many
	restored.next(0)
	page := l.follow("deletions-refused.md")
	printed := page.next(1)
	l.says(printed, "39 of 40 components would be deleted")
	id := approval.FindStringSubmatch(printed)
	if id == nil || id[1] == refusal.Text("approval") {
		t.Fatalf("no new id in:\n%s", printed)
	}
	l.MustCTL(1, "reconcile --approve "+refusal.Text("approval")) // is of another set
	l.Must(l.CheckInSync(before))
	page.next(0, id[1])
	l.AwaitInSync(testenv.Timeout)
	l.says(l.MustCTL(0, "status"), "all is well")
}

// TestRunbookClusterRestored replaces the cluster by another one with older Components: its resourceVersions are those of
// an API server that has hardly begun, and its uids are others.
func TestRunbookClusterRestored(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-restored")
	watcher, syncer := l.StartPair()
	var now, backup []*unstructured.Unstructured
	for i := range 12 {
		now = append(now, testenv.Component("e2e-restored", fmt.Sprintf("item-%d", i), "2", "first", "second"))
		backup = append(backup, testenv.Component("e2e-restored", fmt.Sprintf("item-%d", i+3), "1", "first"))
	}
	l.Apply(now...)
	l.AwaitInSync(testenv.Timeout)
	l.Must(watcher.Stop())

	old := cluster.Start(t, "--versions=v1")
	l.Cluster = old
	testenv.MakeNamespace(t, old, "e2e-restored")
	l.Apply(backup...)
	watcher = l.Start(watcher.Spec.With(map[string]string{"KUBECONFIG": old.Kubeconfig}))
	waits, err := watcher.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs("another cluster under this name, deletions pending approval", nil))
	l.Must(err)
	l.Eventually(testenv.Timeout, "what the restored cluster has to be shown, and nothing to be deleted", func() error {
		want := l.Mapping.Of(l.Objects())
		for _, object := range now[:3] {
			lost := l.Mapping.Of([]unstructured.Unstructured{*object})
			want.Components, want.APIs = append(want.Components, lost.Components...), append(want.APIs, lost.APIs...)
		}
		return l.CheckInSync(want.Sorted())
	})
	l.Must(watcher.AwaitNotReady(l.Within(testenv.Timeout), "the Kubernetes cluster is another one: it was "+waits.Text("was")+" and is "+waits.Text("is")))
	l.Delete(testenv.Component("e2e-restored", "item-14", "")) // reported by the wrong cluster, as far as the watcher knows
	l.says(l.MustCTL(1, "status"), "ctl reconcile --approve "+waits.Text("approval"))
	l.MustCTL(0, "reconcile --approve "+waits.Text("approval"))
	l.AwaitInSync(testenv.Timeout)
	l.AwaitReady(watcher, syncer)
	l.Apply(testenv.Component("e2e-restored", "item-4", "3", "third"))
	l.AwaitInSync(testenv.Timeout)
	l.MustCTL(0, "status")
}

func TestRunbookSecondCluster(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-east", "e2e-west")
	l.Namespaces = []string{"e2e-east"}
	l.StartPair()
	l.Apply(many("e2e-east", 5)...)
	l.AwaitInSync(testenv.Timeout)

	west := &place{&testenv.Env{TB: t, Cluster: shared, Namespaces: []string{"e2e-west"}, Group: l.Group, NATSURL: l.NATSURL, Registry: l.Registry, Mapping: testenv.Mapping{Cluster: "west", Segments: []string{"core"}}}}
	other := testenv.Component("e2e-west", "only-west", "1", "first")
	same := testenv.Component("e2e-west", "item-2", "9", "first")
	l.Apply(other, same)
	watcher := west.Start(west.WatcherSpec("watcher-west", nil))
	l.Eventually(testenv.Timeout, "the second watcher to lead", func() error { // it is ready as a standby, too
		leads, err := watcher.Metric(l.Within(testenv.Timeout), "odasync_leader")
		if err == nil && leads != 1 {
			err = fmt.Errorf("it does not")
		}
		return err
	})
	west.AwaitReady(watcher)
	page := west.follow("second-cluster.md")
	west.says(page.next(1), "only-west", "is taken by the component of namespace")
	west.says(page.next(0), "cluster west, target default: 2 components desired, 1 entries", "found: 0 missing, 0 different")
	west.says(page.next(0), "item-2", "taken")

	want := l.Mapping.Of(l.Objects())
	add := west.Mapping.Of([]unstructured.Unstructured{*other})
	want.Components, want.APIs = append(want.Components, add.Components...), append(want.APIs, add.APIs...)
	l.Must(l.CheckInSync(want.Sorted()))
	l.Delete(testenv.Component("e2e-east", "item-2", "")) // the name is free
	l.Eventually(testenv.Timeout, "the second cluster's component to have the name", func() error {
		west.CTL("reconcile")
		for _, c := range l.Registry.Snapshot().Components {
			if c.Name == "item-2" && c.Labels["managed-by"] == "odasync/west" {
				return nil
			}
		}
		return fmt.Errorf("it has not")
	})
}

// TestSecondClusterUnderItsOwnName has two clusters on one stream feed one registry, each under a name of its own: a name
// that both have is no conflict then.
func TestSecondClusterUnderItsOwnName(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-own-east", "e2e-own-west")
	l.Apply(testenv.Component("e2e-own-east", "same", "1", "first"), testenv.Component("e2e-own-west", "same", "2", "first"))
	l.Namespaces = []string{"e2e-own-east"}
	east := map[string]string{"SYNC_CLUSTERS": l.Mapping.Cluster}
	l.AwaitReady(l.Start(l.WatcherSpec("watcher-east", nil)), l.Start(l.SyncerSpec("syncer-east", east)))
	west := &place{&testenv.Env{TB: t, Cluster: shared, Namespaces: []string{"e2e-own-west"}, Group: l.Group, NATSURL: l.NATSURL, Registry: l.Registry, Mapping: testenv.Mapping{Cluster: "west"}}}
	own := map[string]string{"SYNC_TARGET": "west", "SYNC_CLUSTERS": "west", "COMPONENT_REGISTRY_NAME": "west"}
	west.AwaitReady(west.Start(west.WatcherSpec("watcher-west", nil)), west.Start(west.SyncerSpec("syncer-west", own)))
	l.Eventually(testenv.Timeout, "each cluster to have its component under its own name", func() error {
		have := map[string]string{}
		for _, c := range l.Registry.Snapshot().Components {
			have[c.Registry+"/"+c.Name] = c.Labels["component-version"]
		}
		if want := map[string]string{"self/same": "1", "west/same": "2"}; !maps.Equal(have, want) {
			return fmt.Errorf("the registry shows %v, want %v", have, want)
		}
		return nil
	})
	l.MustCTL(0, "sync --all")
	l.says(west.MustCTL(1, "reconcile"), "target", "default", "takes no components of cluster", "SYNC_CLUSTERS")
}
