package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestWatcher_RefusesDuplicateClusterName starts two watchers with independent leases and one cluster name, as in two clusters.
func TestWatcher_RefusesDuplicateClusterName(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]map[string]string{
		"another lease":   {"LEASE_NAME": "second-cluster"},
		"without a lease": {"LEADER_ELECTION": "false"},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := "e2e-same-" + strings.ReplaceAll(name, " ", "-")
			env := newParallel(t, namespace)
			one, _ := env.StartPair()
			env.Applied(testenv.Component(namespace, "shown", "1", "first"))

			two := env.Start(env.WatcherSpec("watcher-2", second))
			env.AwaitNotReady(two, "not kubernetes: ")
			entry := env.AwaitLog(two, "cannot publish yet", map[string]string{
				"error": `cluster name "lab" is published by watcher`,
			})
			testcheck.Contains(t, "the error", entry.Text("error"), "give this one its own CLUSTER_NAME")
			testcheck.Equal(t, "events published by the second watcher", 0, env.Metric(two, `odasync_events_published_total{type="upserted"}`))
			env.AwaitReady(one)

			// Once the first has stopped, the name is free.
			env.Must(one.Stop())
			env.Apply(testenv.Component(namespace, "shown", "2", "first"))
			env.AwaitReady(two)
			env.AwaitInSync(testenv.Timeout)
		})
	}
}

// TestSyncer_RefusesSecondRegistryForTarget starts a syncer with the target of another registry.
func TestSyncer_RefusesSecondRegistryForTarget(t *testing.T) {
	const namespace = "e2e-one-target"
	env := newParallel(t, namespace)
	env.StartPair()
	env.Applied(testenv.Component(namespace, "shown", "1", "first"))

	other := testenv.NewRegistry(t)
	wrong := env.Start(env.SyncerSpec("syncer-2", map[string]string{"COMPONENT_REGISTRY_URL": other.URL()}))
	entry := env.AwaitLog(wrong, "syncer is not running", map[string]string{
		"error": "feeds the registry at " + env.Registry.URL() + ", not " + other.URL(),
	})
	testcheck.Contains(t, "the error", entry.Text("error"), "give this syncer another SYNC_TARGET")
	env.AwaitNotReady(wrong, "not stream: target ")
	testcheck.Equal(t, "requests to the other registry", 0, other.Calls())

	first := env.Registry
	env.Registry = other
	env.Start(env.SyncerSpec("syncer-3", map[string]string{"SYNC_TARGET": "other"}))
	env.AwaitInSync(testenv.Timeout)
	env.Registry = first
	env.AwaitInSync(testenv.Timeout)
}

// TestStream_RefusesForeignStream finds a foreign stream under odasync's name, and recovers once it is deleted.
func TestStream_RefusesForeignStream(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		foreign jetstream.StreamConfig
		says    string
	}{
		"of another purpose": {jetstream.StreamConfig{Name: "ODA_COMPONENTS", Subjects: []string{"orders.>"}}, "is not odasync's"},
		"of another layout": {jetstream.StreamConfig{
			Name: "ODA_COMPONENTS", Subjects: []string{"oda.components.v0.>"},
			Metadata: map[string]string{"odasync.purpose": "components", "odasync.layout": "0"},
		}, `has layout "0"`},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := "e2e-foreign-" + strings.ReplaceAll(name, " ", "-")
			env := newParallel(t, namespace)
			js := env.JetStream()
			_, err := js.CreateStream(env.Within(testenv.Timeout), test.foreign)
			env.Must(err)
			env.Apply(testenv.Component(namespace, "shown", "1", "first"))
			watcher, syncer := env.Start(env.WatcherSpec("watcher", nil)), env.Start(env.SyncerSpec("syncer", nil))
			for p, message := range map[*procs.Process]string{watcher: "cannot publish yet", syncer: "syncer is not running"} {
				entry := env.AwaitLog(p, message, map[string]string{"error": test.says})
				testcheck.Contains(t, "the error", entry.Text("error"), "nats stream rm ODA_COMPONENTS")
				env.AwaitNotReady(p, "not ")
			}
			stream, err := js.Stream(env.Within(testenv.Timeout), "ODA_COMPONENTS")
			env.Must(err)
			if have := stream.CachedInfo().Config.Subjects; have[0] != test.foreign.Subjects[0] {
				t.Errorf("the foreign stream was changed: subjects %v", have)
			}
			env.Must(js.DeleteStream(context.Background(), "ODA_COMPONENTS"))
			env.AwaitReady(watcher, syncer)
			env.AwaitInSync(testenv.Timeout)
		})
	}
}
