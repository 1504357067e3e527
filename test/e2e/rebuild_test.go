package e2e

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/testenv"
)

// often makes a syncer reconcile constantly.
var often = map[string]string{"SYNC_INTERVAL": "2"}

// wipeAndAwaitRebuild wipes the registry and waits until it is rebuilt, without a command.
func (env *environment) wipeAndAwaitRebuild(want testenv.Content) {
	env.Helper()
	env.Registry.Wipe()
	env.Eventually(2*testenv.Timeout, "the registry to be rebuilt", func() error { return env.CheckInSync(want) })
}

// TestWipedRegistry_RebuiltWithoutAPIServer wipes the registry while the API server is unreachable: the stream is sufficient,
// and no command is needed.
func TestWipedRegistry_RebuiltWithoutAPIServer(t *testing.T) {
	env := newParallel(t, "e2e-rebuilt")
	watcher := env.Start(env.WatcherSpec("watcher", nil))
	syncer := env.Start(env.SyncerSpec("syncer", often))
	env.applyAll(components("e2e-rebuilt", 20))
	env.AwaitReady(watcher, syncer)
	env.AwaitDone(testenv.Timeout)
	want := env.Mapping.Of(env.Objects())
	env.Must(watcher.Stop())

	away := env.Start(env.WatcherSpec("watcher-away", map[string]string{"KUBECONFIG": env.kubeconfig(env.unreachable)}))
	env.AwaitNotReady(away, "API server unreachable")
	env.wipeAndAwaitRebuild(want)
	env.AwaitReady(syncer)
}

// TestWipedRegistry_RebuiltWithForbiddenNamespace wipes the registry while the watcher cannot read one of its namespaces, from its
// first start on.
func TestWipedRegistry_RebuiltWithForbiddenNamespace(t *testing.T) {
	const allowed, forbidden = "e2e-allowed", "e2e-forbidden"
	env := newParallel(t, allowed, forbidden)
	rights := append(grantComponents(allowed), grantLease(allowed)...)
	env.Apply(rights...)
	env.DeleteAfterwards(func() []*unstructured.Unstructured { return rights })
	env.applyAll(components(allowed, 20))
	watcher := env.Start(env.WatcherSpec("watcher", map[string]string{"KUBECONFIG": shared.WatcherKubeconfig, "ODA_COMPONENT_VERSION": "v1"}))
	syncer := env.Start(env.SyncerSpec("syncer", often))
	env.AwaitReady(syncer)
	env.AwaitInSync(2 * testenv.Timeout)
	env.AwaitNotReady(watcher, forbidden)
	env.wipeAndAwaitRebuild(env.Mapping.Of(env.Objects()))
}
