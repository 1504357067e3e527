package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestTwoClustersWithOneName has watchers whose leases know nothing of each other, as those of two clusters do.
func TestTwoClustersWithOneName(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]map[string]string{
		"another lease":   {"LEASE_NAME": "second-cluster"},
		"without a lease": {"LEADER_ELECTION": "false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := "e2e-same-" + strings.ReplaceAll(name, " ", "-")
			l := newLab(t, namespace)
			one, _ := l.StartPair()
			l.Apply(testenv.Component(namespace, "shown", "1", "first"))
			l.AwaitInSync(testenv.Timeout)

			two := l.Start(l.WatcherSpec("watcher-2", second))
			l.Must(two.AwaitNotReady(l.Within(testenv.Timeout), "not kubernetes: "))
			said, err := two.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs("cannot publish yet", map[string]string{
				"error": `cluster name "lab" is published by watcher`,
			}))
			l.Must(err)
			if !strings.Contains(said.Text("error"), "give this one its own CLUSTER_NAME") {
				t.Errorf("the refusal does not name the remedy: %s", said.Text("error"))
			}
			if published := l.Metric(two, `odasync_events_published_total{type="upserted"}`); published != 0 {
				t.Errorf("the second watcher published %v events", published)
			}
			l.AwaitReady(one)

			// When the first is gone for good, the name is free.
			l.Must(one.Stop())
			l.Apply(testenv.Component(namespace, "shown", "2", "first"))
			l.AwaitReady(two)
			l.AwaitInSync(testenv.Timeout)
		})
	}
}

// TestOneTargetForTwoRegistries refuses a syncer that would mix up two registries.
func TestOneTargetForTwoRegistries(t *testing.T) {
	t.Parallel()
	const namespace = "e2e-one-target"
	l := newLab(t, namespace)
	l.StartPair()
	l.Apply(testenv.Component(namespace, "shown", "1", "first"))
	l.AwaitInSync(testenv.Timeout)

	other := testenv.NewRegistry(t)
	wrong := l.Start(l.SyncerSpec("syncer-2", map[string]string{"COMPONENT_REGISTRY_URL": other.URL()}))
	said, err := wrong.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs("syncer is not running", map[string]string{
		"error": "feeds the registry at " + l.Registry.URL() + ", not " + other.URL(),
	}))
	l.Must(err)
	if !strings.Contains(said.Text("error"), "give this syncer another SYNC_TARGET") {
		t.Errorf("the refusal does not name the remedy: %s", said.Text("error"))
	}
	l.Must(wrong.AwaitNotReady(l.Within(testenv.Timeout), "not registry: "))
	if calls := other.Calls(); calls != 0 {
		t.Errorf("the other registry got %d requests", calls)
	}

	first := l.Registry
	l.Registry = other
	l.Start(l.SyncerSpec("syncer-3", map[string]string{"SYNC_TARGET": "other"}))
	l.AwaitInSync(testenv.Timeout)
	l.Registry = first
	l.AwaitInSync(testenv.Timeout)
}

// TestForeignStream finds another stream under our name, and goes on once it is gone.
func TestForeignStream(t *testing.T) {
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
			t.Parallel()
			namespace := "e2e-foreign-" + strings.ReplaceAll(name, " ", "-")
			l := newLab(t, namespace)
			js := l.JetStream()
			_, err := js.CreateStream(l.Within(testenv.Timeout), test.foreign)
			l.Must(err)
			l.Apply(testenv.Component(namespace, "shown", "1", "first"))
			watcher, syncer := l.Start(l.WatcherSpec("watcher", nil)), l.Start(l.SyncerSpec("syncer", nil))
			for p, message := range map[*procs.Process]string{watcher: "cannot publish yet", syncer: "syncer is not running"} {
				said, err := p.AwaitEntry(l.Within(testenv.Timeout), testenv.Logs(message, map[string]string{"error": test.says}))
				l.Must(err)
				if !strings.Contains(said.Text("error"), "nats stream rm ODA_COMPONENTS") {
					t.Errorf("the refusal does not name the remedy: %s", said.Text("error"))
				}
				l.Must(p.AwaitNotReady(l.Within(testenv.Timeout), "not "))
			}
			stream, err := js.Stream(l.Within(testenv.Timeout), "ODA_COMPONENTS")
			l.Must(err)
			if have := stream.CachedInfo().Config.Subjects; have[0] != test.foreign.Subjects[0] {
				t.Errorf("the foreign stream was changed: subjects %v", have)
			}
			l.Must(js.DeleteStream(context.Background(), "ODA_COMPONENTS"))
			l.AwaitReady(watcher, syncer)
			l.AwaitInSync(testenv.Timeout)
		})
	}
}
