package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/prune"
	"odasync/internal/store"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// reconciled has something in every field.
func reconciled() target.Reconciliation {
	refused := prune.Pending("target lab.1, cluster edge.1", []component.Key{{Cluster: "edge.1", Namespace: "ns", Name: "a.b"}}, 3)
	return target.Reconciliation{
		ID: "marker", Cluster: "edge.1", Target: "lab.1", Time: seen, Seconds: 1.5, DryRun: true, Desired: 1, Entries: 2, Pending: 3, Failed: 4,
		Missing: 5, Unacknowledged: 6, Different: 7, Orphans: 8, Repaired: 9, Deleted: 10, Unrepaired: 11, PendingDeletion: refused,
		Findings: []target.Finding{{Component: "edge.1/ns/a.b", Problem: "missing", Outcome: "repaired"}}, Error: "stopped",
	}
}

func TestRecords(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	waitConnected(t, conn)
	if _, err := store.OpenRecords(within(t), conn); err == nil {
		t.Error("a bucket that does not exist was opened")
	} else {
		says(t, err, store.RecordsBucket, "start a watcher or a syncer")
	}
	records := must(store.EnsureRecords(within(t), conn))
	kv := must(js(t, s).Stream(t.Context(), "KV_"+store.RecordsBucket)).CachedInfo().Config
	if kv.MaxAge != 24*time.Hour || kv.MaxMsgsPerSubject != 1 || kv.AllowDirect {
		t.Errorf("the bucket keeps values for %s, %d a key, direct get %t", kv.MaxAge, kv.MaxMsgsPerSubject, kv.AllowDirect)
	}
	opened := must(store.OpenRecords(within(t), s.Conn(t)))

	approved := func(id string, want bool) {
		t.Helper()
		if got, err := records.Approved(within(t), id); got != want || err != nil {
			t.Errorf("%q approved: %t, %v", id, got, err)
		}
	}
	approved("abc", false)
	for range 2 { // a repeat is no error
		testcheck.NoError(t, opened.Approve(within(t), "abc"))
	}
	approved("abc", true)
	approved("abcd", false)
	approved("a.b *", false) // as typed by hand
	testcheck.ErrorIs(t, "approve something odd", nil, opened.Approve(within(t), "a.b *"))
	approved("a.b *", true)
	for i, want := range []bool{true, false} { // an approval is used once
		if got, err := records.Consume(within(t), "a.b *"); got != want || err != nil {
			t.Errorf("use %d: %t, %v", i, got, err)
		}
	}
	approved("a.b *", false)
	if got, err := records.Consume(within(t), "never"); got || err != nil {
		t.Errorf("used without an approval: %t, %v", got, err)
	}

	if got, found, err := opened.LastReconcile(within(t), "lab.1", "edge.1"); found || err != nil || !cmp.Equal(got, target.Reconciliation{}) {
		t.Errorf("before the first: %+v, %t, %v", got, found, err)
	}
	first, other := reconciled(), reconciled()
	other.Target, other.Cluster, other.ID = "lab", "1.edge.1", "other" // the same letters
	for _, r := range []target.Reconciliation{{Target: "lab.1", Cluster: "edge.1", ID: "older"}, first, other} {
		testcheck.NoError(t, records.Reconciled(within(t), r))
	}
	for _, want := range []target.Reconciliation{first, other} {
		got, found, err := opened.LastReconcile(within(t), want.Target, want.Cluster)
		if diff := cmp.Diff(want, got); diff != "" || !found || err != nil {
			t.Errorf("%t, %v (-want +got):\n%s", found, err, diff)
		}
	}
	must(must(js(t, s).KeyValue(t.Context(), store.RecordsBucket)).PutString(t.Context(), "reconcile.t.c", "{"))
	_, _, err := records.LastReconcile(within(t), "t", "c")
	says(t, err, "target t", "cluster c")

	s.Shutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if got, err := records.Approved(ctx, "abc"); got || err == nil {
		t.Errorf("without a server: %t, %v", got, err)
	}
	if got, err := records.Consume(ctx, "abc"); got || err == nil {
		t.Errorf("used without a server: %t, %v", got, err)
	}
}
