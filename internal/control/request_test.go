package control_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/target"
)

func TestClient_Verify(t *testing.T) {
	t.Parallel()
	server, client := connect(t)
	request := control.VerifyRequest{Namespace: "components", Name: "a.b"}
	verify := func(cluster string) (control.VerifyResult, error) {
		return client.Verify(within(t), cluster, request)
	}
	if _, err := verify("edge.1"); !errors.Is(err, control.ErrNoResponders) {
		t.Errorf("without a watcher: %v, want ErrNoResponders", err)
	}

	var received control.VerifyRequest
	var refusal error
	stop := serveLeader(t, server, verifier(func(namespace, name string) (int, error) {
		received = control.VerifyRequest{Namespace: namespace, Name: name}
		return 17, refusal
	}))
	var result control.VerifyResult
	var err error
	eventually(t, "the watcher is found", func() bool { // the subscription may still be under way
		result, err = verify("edge.1")
		return !errors.Is(err, control.ErrNoResponders)
	})
	if diff := cmp.Diff(control.VerifyResult{Published: 17}, result); diff != "" || err != nil {
		t.Errorf("%v, result (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(request, received); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	refusal = errors.New("not up to date")
	result, err = verify("edge.1")
	if refused := new(control.RequestError); !errors.As(err, &refused) || refused.Reason != "not up to date" {
		t.Errorf("refusal: %+v, %v", result, err)
	}
	marker, err := client.FullSync(within(t), "edge.1")
	if err != nil || marker.ID != "full" {
		t.Errorf("full sync: %+v, %v", marker, err)
	}
	if _, err := verify("edge.2"); !errors.Is(err, control.ErrNoResponders) {
		t.Errorf("another cluster: %v, want ErrNoResponders", err)
	}
	stop()
	eventually(t, "no process answers after the stop", func() bool {
		_, err := verify("edge.1")
		return errors.Is(err, control.ErrNoResponders)
	})
}

// slow is a leader whose full sync runs until it is released or stopped.
type slow struct {
	verifier
	marker         event.Snapshot
	began, release chan struct{}
	stopped        atomic.Bool
}

func (l *slow) FullSync(ctx context.Context) (event.Snapshot, error) {
	l.began <- struct{}{}
	select {
	case <-l.release:
		return l.marker, nil
	case <-ctx.Done():
		l.stopped.Store(true)
		return event.Snapshot{}, ctx.Err()
	}
}

func TestServeLeader_LongRequest(t *testing.T) {
	t.Parallel()
	server, client := connect(t)
	leader := &slow{
		verifier: func(string, string) (int, error) { return 1, nil }, began: make(chan struct{}), release: make(chan struct{}),
		marker: event.Snapshot{ID: "full", Cluster: "edge.1", Time: started, Count: 3, Digest: "abc", Sequence: 7},
	}
	stop := serveLeader(t, server, leader)
	eventually(t, "the watcher is found", func() bool {
		_, err := client.Verify(within(t), "edge.1", control.VerifyRequest{})
		return !errors.Is(err, control.ErrNoResponders)
	})
	results := make(chan error, 2)
	var got [2]event.Snapshot
	fullSync := func(into *event.Snapshot) {
		go func() {
			var err error
			*into, err = client.FullSync(within(t), "edge.1")
			results <- err
		}()
		<-leader.began
	}
	for i := range got {
		fullSync(&got[i])
	}
	if result, err := client.Verify(within(t), "edge.1", control.VerifyRequest{}); err != nil || result.Published != 1 {
		t.Errorf("beside the full syncs: %+v, %v", result, err)
	}
	close(leader.release)
	for range got {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([2]event.Snapshot{leader.marker, leader.marker}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}

	leader.release = make(chan struct{})
	fullSync(new(event.Snapshot))
	stop()
	if !leader.stopped.Load() {
		t.Error("stop did not wait for the running request")
	}
	if err := <-results; err == nil {
		t.Error("a request that was stopped succeeded")
	}
	if _, err := client.FullSync(within(t), "edge.1"); !errors.Is(err, control.ErrNoResponders) {
		t.Errorf("after the stop: %v", err)
	}
}

// TestServeLeader_StopBesideRequests sends requests while the service stops: each is finished before stop returns, or not run.
func TestServeLeader_StopBesideRequests(t *testing.T) {
	t.Parallel()
	server, client := connect(t)
	for range 20 {
		var over, late atomic.Bool
		stop := serveLeader(t, server, verifier(func(string, string) (int, error) {
			if over.Load() {
				late.Store(true)
			}
			return 1, nil
		}))
		ctx, cancel := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		var answered atomic.Int64
		for range 4 {
			clients.Go(func() {
				for ctx.Err() == nil {
					if _, err := client.Verify(ctx, "edge.1", control.VerifyRequest{}); err == nil {
						answered.Add(1)
					}
				}
			})
		}
		eventually(t, "some results", func() bool { return answered.Load() > 10 })
		stop()
		over.Store(true)
		cancel()
		clients.Wait()
		if late.Load() {
			t.Fatal("a request ran after the stop")
		}
	}
}

func TestClient_Reconcile(t *testing.T) {
	t.Parallel()
	server, client := connect(t)
	request := control.ReconcileRequest{Cluster: "edge.1", DryRun: true}
	if _, err := client.Reconcile(within(t), "lab.1", request); !errors.Is(err, control.ErrNoResponders) {
		t.Errorf("without a syncer: %v", err)
	}
	want := target.Reconciliation{ // something in every field
		ID: "marker", Cluster: "edge.1", Target: "lab.1", Time: started, Seconds: 1.5, DryRun: true, Desired: 1, Entries: 2, Pending: 3, Failed: 4,
		Missing: 5, Unacknowledged: 6, Different: 7, Orphans: 8, Repaired: 9, Deleted: 10, Unrepaired: 11,
		PendingDeletion: prune.Pending("target lab.1, cluster edge.1", []component.Key{{Cluster: "edge.1", Namespace: "ns", Name: "a.b"}}, 3),
		Findings:        []target.Finding{{Component: "edge.1/ns/a.b", Problem: "missing", Outcome: "repaired"}}, Error: "stopped",
	}
	var received control.ReconcileRequest
	var count atomic.Int64
	var refusal error
	for range 2 { // replicas: each request goes to one
		stop, err := control.ServeReconcile(t.Context(), server, "lab.1", func(_ context.Context, cluster string, dryRun bool) (target.Reconciliation, error) {
			received = control.ReconcileRequest{Cluster: cluster, DryRun: dryRun}
			count.Add(1)
			return want, refusal
		})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	var got target.Reconciliation
	var err error
	eventually(t, "the syncer is found", func() bool {
		got, err = client.Reconcile(within(t), "lab.1", request)
		return !errors.Is(err, control.ErrNoResponders)
	})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(request, received); diff != "" || count.Load() != 1 {
		t.Errorf("run %d times (-want +got):\n%s", count.Load(), diff)
	}
	refusal = errors.New("another is under way")
	if _, err = client.Reconcile(within(t), "lab.1", request); !errors.As(err, new(*control.RequestError)) || err.Error() != "another is under way" {
		t.Errorf("refusal: %v", err)
	}
	if _, err := client.Reconcile(within(t), "lab.2", request); !errors.Is(err, control.ErrNoResponders) {
		t.Errorf("another target: %v", err)
	}
}
