package stream_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
)

// slow is a leader whose full sync takes until it is released or stopped.
type slow struct {
	leading
	began, release chan struct{}
	stopped        atomic.Bool
}

func (l *slow) FullSync(ctx context.Context) (event.Marker, error) {
	l.began <- struct{}{}
	select {
	case <-l.release:
		return marker("edge.1", "full"), nil
	case <-ctx.Done():
		l.stopped.Store(true)
		return event.Marker{}, ctx.Err()
	}
}

func TestLongWorkHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	server, asker := s.Conn(t), s.Conn(t)
	waitConnected(t, server)
	waitConnected(t, asker)
	leader := &slow{leading: func(string, string) (int, error) { return 1, nil }, began: make(chan struct{}), release: make(chan struct{})}
	stop, err := server.ServeLeader(t.Context(), "edge.1", leader)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the watcher is found", func() bool {
		_, err := asker.Verify(within(t), "edge.1", stream.VerifyRequest{})
		return !errors.Is(err, stream.ErrNobody)
	})
	answers := make(chan error, 2)
	var got [2]event.Marker
	for i := range got {
		go func() {
			var err error
			got[i], err = asker.FullSync(within(t), "edge.1")
			answers <- err
		}()
		<-leader.began
	}
	if answer, err := asker.Verify(within(t), "edge.1", stream.VerifyRequest{}); err != nil || answer.Published != 1 {
		t.Errorf("beside the full syncs: %+v, %v", answer, err)
	}
	close(leader.release)
	for range got {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	want := marker("edge.1", "full")
	if diff := cmp.Diff([2]event.Marker{want, want}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}

	leader.release = make(chan struct{})
	go func() {
		_, err := asker.FullSync(within(t), "edge.1")
		answers <- err
	}()
	<-leader.began
	stop()
	if !leader.stopped.Load() {
		t.Error("stop did not wait for the work")
	}
	if err := <-answers; err == nil {
		t.Error("who asked was not told that the work was stopped")
	}
	if _, err := asker.FullSync(within(t), "edge.1"); !errors.Is(err, stream.ErrNobody) {
		t.Errorf("after the stop: %v", err)
	}
}

// Requests that come while the service stops are worked on and waited for, or not worked on at all.
func TestStopBesideRequests(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	server, asker := s.Conn(t), s.Conn(t)
	waitConnected(t, server)
	waitConnected(t, asker)
	for range 20 {
		var over, late atomic.Bool
		stop, err := server.ServeLeader(t.Context(), "edge.1", leading(func(string, string) (int, error) {
			if over.Load() {
				late.Store(true)
			}
			return 1, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		var answered atomic.Int64
		for range 4 {
			asking.Go(func() {
				for ctx.Err() == nil {
					if _, err := asker.Verify(ctx, "edge.1", stream.VerifyRequest{}); err == nil {
						answered.Add(1)
					}
				}
			})
		}
		eventually(t, "some answers", func() bool { return answered.Load() > 10 })
		stop()
		over.Store(true)
		cancel()
		asking.Wait()
		if late.Load() {
			t.Fatal("something was worked on after the stop")
		}
	}
}

func TestReconcileRequests(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	server, asker := s.Conn(t), s.Conn(t)
	waitConnected(t, server)
	waitConnected(t, asker)
	request := stream.ReconcileRequest{Cluster: "edge.1", DryRun: true}
	if _, err := asker.Reconcile(within(t), "lab.1", request); !errors.Is(err, stream.ErrNobody) {
		t.Errorf("without a syncer: %v", err)
	}
	done := reconciled()
	var asked stream.ReconcileRequest
	var count atomic.Int64
	var refusal error
	for range 2 { // one of the replicas gets each
		stop, err := server.ServeReconcile(t.Context(), "lab.1", func(_ context.Context, cluster string, dryRun bool) (target.Reconciliation, error) {
			asked = stream.ReconcileRequest{Cluster: cluster, DryRun: dryRun}
			count.Add(1)
			return done, refusal
		})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	var got target.Reconciliation
	var err error
	eventually(t, "the syncer is found", func() bool {
		got, err = asker.Reconcile(within(t), "lab.1", request)
		return !errors.Is(err, stream.ErrNobody)
	})
	if diff := cmp.Diff(done, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(request, asked); diff != "" || count.Load() != 1 {
		t.Errorf("worked on %d times (-want +got):\n%s", count.Load(), diff)
	}
	refusal = errors.New("another is under way")
	if _, err = asker.Reconcile(within(t), "lab.1", request); !errors.As(err, new(*stream.RefusedError)) || err.Error() != "another is under way" {
		t.Errorf("refusal: %v", err)
	}
	if _, err := asker.Reconcile(within(t), "lab.2", request); !errors.Is(err, stream.ErrNobody) {
		t.Errorf("another target: %v", err)
	}
}

// reconciled has something in every field.
func reconciled() target.Reconciliation {
	refused := prune.Pending("target lab.1, cluster edge.1", []component.Key{{Cluster: "edge.1", Namespace: "ns", Name: "a.b"}}, 3)
	return target.Reconciliation{
		ID: "marker", Cluster: "edge.1", Target: "lab.1", Time: seen, Seconds: 1.5, DryRun: true, Desired: 1, Entries: 2, Pending: 3, Failed: 4,
		Missing: 5, Unacknowledged: 6, Different: 7, Orphans: 8, Repaired: 9, Deleted: 10, Unrepaired: 11, PendingDeletion: refused,
		Findings: []target.Finding{{Component: "edge.1/ns/a.b", Problem: "missing", Outcome: "mended"}}, Error: "stopped",
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	conn := s.Conn(t)
	waitConnected(t, conn)
	if _, err := conn.OpenRecords(within(t)); err == nil {
		t.Error("a bucket that does not exist was opened")
	} else {
		says(t, err, stream.RecordsBucket, "start a watcher or a syncer")
	}
	records, err := conn.Records(within(t))
	if err != nil {
		t.Fatal(err)
	}
	kv := must(js(t, s).Stream(t.Context(), "KV_"+stream.RecordsBucket)).CachedInfo().Config
	if kv.MaxAge != 24*time.Hour || kv.MaxMsgsPerSubject != 1 || kv.AllowDirect {
		t.Errorf("the bucket keeps values for %s, %d a key, direct get %t", kv.MaxAge, kv.MaxMsgsPerSubject, kv.AllowDirect)
	}
	opened, err := s.Conn(t).OpenRecords(within(t))
	if err != nil {
		t.Fatal(err)
	}

	approved := func(id string, want bool) {
		t.Helper()
		if got, err := records.Approved(within(t), id); got != want || err != nil {
			t.Errorf("%q approved: %t, %v", id, got, err)
		}
	}
	approved("abc", false)
	for range 2 { // a repeat is no error
		if err := opened.Approve(within(t), "abc"); err != nil {
			t.Fatal(err)
		}
	}
	approved("abc", true)
	approved("abcd", false)
	approved("a.b *", false) // what somebody typed
	if err := opened.Approve(within(t), "a.b *"); err != nil {
		t.Errorf("approve something odd: %v", err)
	}
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
		if err := records.Reconciled(within(t), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []target.Reconciliation{first, other} {
		got, found, err := opened.LastReconcile(within(t), want.Target, want.Cluster)
		if diff := cmp.Diff(want, got); diff != "" || !found || err != nil {
			t.Errorf("%t, %v (-want +got):\n%s", found, err, diff)
		}
	}
	if _, err := must(js(t, s).KeyValue(t.Context(), stream.RecordsBucket)).PutString(t.Context(), "reconcile.t.c", "{"); err != nil {
		t.Fatal(err)
	}
	_, _, err = records.LastReconcile(within(t), "t", "c")
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
