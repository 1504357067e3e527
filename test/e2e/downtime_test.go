package e2e

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestDowntimeOfBothWatchers changes the cluster while nobody watches it: within 5 s of the watchers' start the registry
// must be right, deletions included.
func TestDowntimeOfBothWatchers(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-downtime")
	l.start(l.syncerSpec("syncer", nil))
	first, second := l.start(l.watcherSpec("watcher-1", nil)), l.start(l.watcherSpec("watcher-2", nil))
	l.ready(first, second)
	var stays, goes, comes []*unstructured.Unstructured
	for i := range 10 {
		stays = append(stays, component("e2e-downtime", fmt.Sprintf("stays-%d", i), "1", "first", "second"))
		goes = append(goes, component("e2e-downtime", fmt.Sprintf("goes-%d", i), "1", "first"))
		comes = append(comes, component("e2e-downtime", fmt.Sprintf("comes-%d", i), "1", "first"))
	}
	l.apply(append(stays, goes...)...)
	l.equal(patience)

	l.must(first.Stop())
	l.must(second.Stop())
	for i := range 10 {
		stays[i] = component("e2e-downtime", stays[i].GetName(), "2", "second", "third")
	}
	l.apply(append(stays, comes...)...)
	l.delete(goes...)
	// One that was deleted is there again, as somebody else; nobody saw the deletion.
	l.delete(stays[0])
	l.apply(stays[0])

	began := time.Now()
	l.start(l.watcherSpec("watcher-1", nil))
	l.start(l.watcherSpec("watcher-2", nil))
	l.equal(patience)
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
	l.start(l.syncerSpec("syncer", nil))
	watcher := l.start(l.watcherSpec("watcher", nil))
	l.ready(watcher)
	goes := component("e2e-crash", "goes", "1", "first")
	l.apply(goes, component("e2e-crash", "stays", "1", "first"))
	l.equal(patience)

	watcher.Kill()
	l.delete(goes)
	began := time.Now()
	l.start(watcher.Spec)
	l.equal(patience)
	t.Logf("right %.1f s after the start of the watcher", time.Since(began).Seconds())
}
