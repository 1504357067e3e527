package stream_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/testcheck"
)

// marker is one of a cluster, with enough fields to be told apart.
func marker(cluster, id string) event.Snapshot {
	return event.Snapshot{ID: id, Cluster: cluster, Time: seen, Count: 3, Digest: "abc", Sequence: 7}
}

func mark(t testing.TB, log *stream.Log, markers ...event.Snapshot) {
	t.Helper()
	for _, m := range markers {
		testcheck.NoError(t, log.PublishSnapshot(within(t), m))
	}
}

func TestLog_PublishSnapshot(t *testing.T) {
	_, log := startLog(t)
	if m, found, err := log.LastSnapshot(within(t), "edge.1"); found || err != nil || !cmp.Equal(m, event.Snapshot{}) {
		t.Errorf("before the first: %+v, %t, %v", m, found, err)
	}
	mark(t, log, marker("edge.1", "one"), marker("edge.2", "other"), marker("edge.1", "two"), marker("edge.1", "two"))
	messages, err := log.Messages(within(t))
	if err != nil || messages != 3 {
		t.Errorf("%d messages, %v: a repeated marker must be stored once", messages, err)
	}
	m, found, err := log.LastSnapshot(within(t), "edge.1")
	if diff := cmp.Diff(marker("edge.1", "two"), m); diff != "" || !found || err != nil {
		t.Errorf("%t, %v (-want +got):\n%s", found, err, diff)
	}
	if m, _, _ := log.LastSnapshot(within(t), "edge.2"); m.ID != "other" {
		t.Errorf("the other cluster's: %+v", m)
	}
}

func TestLog_LastSnapshotMalformed(t *testing.T) {
	s, log := startLog(t)
	must(js(t, s).Publish(t.Context(), event.SnapshotSubject("junk"), []byte("junk")))
	if m, _, err := log.LastSnapshot(within(t), "junk"); !errors.Is(err, event.ErrMalformed) || !cmp.Equal(m, event.Snapshot{}) {
		t.Errorf("read as %+v, %v", m, err)
	}
}

func TestLog_PurgeUpToASequence(t *testing.T) {
	_, log := startLog(t)
	a, other := keyOf("a"), keyOf("a.b")
	first := publish(t, log, upsert(a, "1"), 0)
	publish(t, log, upsert(other, "1"), 0)
	second := publish(t, log, upsert(a, "2"), first)
	third := publish(t, log, upsert(a, "3"), second)
	count := func() uint64 {
		t.Helper()
		return must(log.Messages(within(t)))
	}
	testcheck.NoError(t, log.Purge(within(t), a, second))
	if got, found, err := log.Newest(within(t), a); err != nil || !found || got.Sequence != third || count() != 2 {
		t.Errorf("left: %d messages, the newest %d (%t), %v", count(), got.Sequence, found, err)
	}
	testcheck.NoError(t, log.Purge(within(t), a, third))
	if _, found, err := log.Newest(within(t), a); err != nil || found || count() != 1 {
		t.Errorf("left: %d messages, found %t, %v", count(), found, err)
	}
	testcheck.ErrorIs(t, "a repeat", nil, log.Purge(within(t), a, third))
	publish(t, log, upsert(a, "4"), 0)
}

func TestLog_ListsClusters(t *testing.T) {
	_, log := startLog(t)
	testcheck.NoError(t, log.PublishSnapshot(within(t), event.Snapshot{ID: "1", Cluster: "marked.1", Time: time.Now()}))
	for _, name := range []string{"a", "b"} {
		must(log.Publish(within(t), event.Tombstone(component.Key{Cluster: "published.1", Namespace: "ns", Name: name}, "", "", time.Now()), 0))
	}
	if got, err := log.Clusters(within(t)); err != nil || !cmp.Equal(got, []string{"marked.1"}) {
		t.Errorf("with a marker: %q, %v", got, err)
	}
	if got, err := log.ComponentClusters(within(t)); err != nil || !cmp.Equal(got, []string{"published.1"}) {
		t.Errorf("with messages: %q, %v", got, err)
	}
}
