package e2e

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/testcheck"
	"odasync/test/testenv"
)

// TestWatcherDowntime_BothStopped changes the cluster while no watcher runs: the registry must be in sync within 5 s of the
// watchers' start, including deletions.
func TestWatcherDowntime_BothStopped(t *testing.T) {
	env := newParallel(t, "e2e-downtime")
	env.Start(env.SyncerSpec("syncer", nil))
	first, second := env.Start(env.WatcherSpec("watcher-1", nil)), env.Start(env.WatcherSpec("watcher-2", nil))
	env.AwaitReady(first, second)
	var stays, goes, comes []*unstructured.Unstructured
	for i := range 10 {
		stays = append(stays, testenv.Component("e2e-downtime", fmt.Sprintf("stays-%d", i), "1", "first", "second"))
		goes = append(goes, testenv.Component("e2e-downtime", fmt.Sprintf("goes-%d", i), "1", "first"))
		comes = append(comes, testenv.Component("e2e-downtime", fmt.Sprintf("comes-%d", i), "1", "first"))
	}
	env.Apply(append(stays, goes...)...)
	for i := range 20 { // so that the deletions stay below the prune limit
		env.Apply(testenv.Component("e2e-downtime", fmt.Sprintf("bystander-%d", i), "1", "first"))
	}
	env.AwaitInSync(testenv.Timeout)

	env.Must(first.Stop())
	env.Must(second.Stop())
	for i := range 10 {
		stays[i] = testenv.Component("e2e-downtime", stays[i].GetName(), "2", "second", "third")
	}
	env.Apply(append(stays, comes...)...)
	env.Delete(goes...)
	// One is deleted and created again, as another object.
	env.Delete(stays[0])
	env.Apply(stays[0])

	began := time.Now()
	env.Start(env.WatcherSpec("watcher-1", nil))
	env.Start(env.WatcherSpec("watcher-2", nil))
	env.AwaitInSync(testenv.Timeout)
	took := time.Since(began)
	t.Logf("in sync %.1f s after the start of the watchers", took.Seconds())
	testcheck.AtMost(t, "time until in sync", 5*time.Second, took)
}

// TestWatcherDowntime_Crash is the same after a crash: the lease and the claim of the killed leader must expire.
func TestWatcherDowntime_Crash(t *testing.T) {
	env := newParallel(t, "e2e-crash")
	env.Start(env.SyncerSpec("syncer", nil))
	watcher := env.Start(env.WatcherSpec("watcher", nil))
	env.AwaitReady(watcher)
	goes := testenv.Component("e2e-crash", "goes", "1", "first")
	env.Applied(goes, testenv.Component("e2e-crash", "stays", "1", "first"))

	watcher.Kill()
	env.Delete(goes)
	began := time.Now()
	env.Start(watcher.Spec)
	env.AwaitInSync(testenv.Timeout)
	t.Logf("in sync %.1f s after the start of the watcher", time.Since(began).Seconds())
}
