package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/test/procs"
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
			one, _ := l.pair()
			l.apply(component(namespace, "shown", "1", "first"))
			l.equal(patience)

			two := l.start(l.watcherSpec("watcher-2", second))
			l.must(two.AwaitNotReady(l.within(patience), "not kubernetes: "))
			said, err := two.AwaitEntry(l.within(patience), logs("cannot publish yet", map[string]string{
				"error": `cluster name "lab" is published by watcher`,
			}))
			l.must(err)
			if !strings.Contains(said.Text("error"), "give this one its own CLUSTER_NAME") {
				t.Errorf("the refusal does not name the remedy: %s", said.Text("error"))
			}
			if published := l.metric(two, `odasync_events_published_total{type="upserted"}`); published != 0 {
				t.Errorf("the second watcher published %v events", published)
			}
			l.ready(one)

			// When the first is gone for good, the name is free.
			l.must(one.Stop())
			l.apply(component(namespace, "shown", "2", "first"))
			l.ready(two)
			l.equal(patience)
		})
	}
}

// TestOneTargetForTwoRegistries refuses a syncer that would mix up two registries.
func TestOneTargetForTwoRegistries(t *testing.T) {
	t.Parallel()
	const namespace = "e2e-one-target"
	l := newLab(t, namespace)
	l.pair()
	l.apply(component(namespace, "shown", "1", "first"))
	l.equal(patience)

	other := newRegistry(t)
	wrong := l.start(l.syncerSpec("syncer-2", map[string]string{"COMPONENT_REGISTRY_URL": other.url()}))
	said, err := wrong.AwaitEntry(l.within(patience), logs("syncer is not running", map[string]string{
		"error": "feeds the registry at " + l.registry.url() + ", not " + other.url(),
	}))
	l.must(err)
	if !strings.Contains(said.Text("error"), "give this syncer another SYNC_TARGET") {
		t.Errorf("the refusal does not name the remedy: %s", said.Text("error"))
	}
	l.must(wrong.AwaitNotReady(l.within(patience), "not registry: "))
	if calls := other.calls(); calls != 0 {
		t.Errorf("the other registry got %d requests", calls)
	}

	first := l.registry
	l.registry = other
	l.start(l.syncerSpec("syncer-3", map[string]string{"SYNC_TARGET": "other"}))
	l.equal(patience)
	l.registry = first
	l.equal(patience)
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
			js := l.jetStream()
			_, err := js.CreateStream(l.within(patience), test.foreign)
			l.must(err)
			l.apply(component(namespace, "shown", "1", "first"))
			watcher, syncer := l.start(l.watcherSpec("watcher", nil)), l.start(l.syncerSpec("syncer", nil))
			for p, message := range map[*procs.Process]string{watcher: "cannot publish yet", syncer: "syncer is not running"} {
				said, err := p.AwaitEntry(l.within(patience), logs(message, map[string]string{"error": test.says}))
				l.must(err)
				if !strings.Contains(said.Text("error"), "nats stream rm ODA_COMPONENTS") {
					t.Errorf("the refusal does not name the remedy: %s", said.Text("error"))
				}
				l.must(p.AwaitNotReady(l.within(patience), "not "))
			}
			stream, err := js.Stream(l.within(patience), "ODA_COMPONENTS")
			l.must(err)
			if have := stream.CachedInfo().Config.Subjects; have[0] != test.foreign.Subjects[0] {
				t.Errorf("the foreign stream was changed: subjects %v", have)
			}
			l.must(js.DeleteStream(context.Background(), "ODA_COMPONENTS"))
			l.ready(watcher, syncer)
			l.equal(patience)
		})
	}
}
