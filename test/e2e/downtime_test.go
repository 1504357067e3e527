package e2e

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/testenv"
)

// TestDowntimeOfBothWatchers changes the cluster while nobody watches it: within 5 s of the watchers' start the registry
// must be right, deletions included.
func TestDowntimeOfBothWatchers(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-downtime")
	l.Start(l.SyncerSpec("syncer", nil))
	first, second := l.Start(l.WatcherSpec("watcher-1", nil)), l.Start(l.WatcherSpec("watcher-2", nil))
	l.AwaitReady(first, second)
	var stays, goes, comes []*unstructured.Unstructured
	for i := range 10 {
		stays = append(stays, testenv.Component("e2e-downtime", fmt.Sprintf("stays-%d", i), "1", "first", "second"))
		goes = append(goes, testenv.Component("e2e-downtime", fmt.Sprintf("goes-%d", i), "1", "first"))
		comes = append(comes, testenv.Component("e2e-downtime", fmt.Sprintf("comes-%d", i), "1", "first"))
	}
	l.Apply(append(stays, goes...)...)
	for i := range 20 { // so that those that go are no reason to ask somebody
		l.Apply(testenv.Component("e2e-downtime", fmt.Sprintf("bystander-%d", i), "1", "first"))
	}
	l.AwaitInSync(testenv.Timeout)

	l.Must(first.Stop())
	l.Must(second.Stop())
	for i := range 10 {
		stays[i] = testenv.Component("e2e-downtime", stays[i].GetName(), "2", "second", "third")
	}
	l.Apply(append(stays, comes...)...)
	l.Delete(goes...)
	// One that was deleted is there again, as somebody else; nobody saw the deletion.
	l.Delete(stays[0])
	l.Apply(stays[0])

	began := time.Now()
	l.Start(l.WatcherSpec("watcher-1", nil))
	l.Start(l.WatcherSpec("watcher-2", nil))
	l.AwaitInSync(testenv.Timeout)
	took := time.Since(began)
	t.Logf("right %.1f s after the start of the watchers", took.Seconds())
	if took > 5*time.Second {
		t.Errorf("right only after %s, want at most 5s", took)
	}
}

// TestDowntimeAfterACrash is the same after a loss of power: the lease and the claim of the dead leader have to run out.
func TestDowntimeAfterACrash(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-crash")
	l.Start(l.SyncerSpec("syncer", nil))
	watcher := l.Start(l.WatcherSpec("watcher", nil))
	l.AwaitReady(watcher)
	goes := testenv.Component("e2e-crash", "goes", "1", "first")
	l.Apply(goes, testenv.Component("e2e-crash", "stays", "1", "first"))
	l.AwaitInSync(testenv.Timeout)

	watcher.Kill()
	l.Delete(goes)
	began := time.Now()
	l.Start(watcher.Spec)
	l.AwaitInSync(testenv.Timeout)
	t.Logf("right %.1f s after the start of the watcher", time.Since(began).Seconds())
}
