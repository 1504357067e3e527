package control_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestClient_Read(t *testing.T) {
	server, client := connect(t)
	request := control.ReadRequest{Namespace: "components", Name: "a.b"}
	read := func(cluster string) (control.ReadResult, error) {
		return client.Read(within(t), cluster, request)
	}
	if _, err := read("edge.1"); !errors.Is(err, control.ErrNoWatcher) {
		t.Errorf("without a watcher: %v, want ErrNoWatcher", err)
	}

	var received control.ReadRequest
	var refusal error
	want := control.ReadResult{Sequence: 17, Deleted: true, Changed: true}
	stop := serveLeader(t, server, reader(func(namespace, name string) (control.ReadResult, error) {
		received = control.ReadRequest{Namespace: namespace, Name: name}
		return want, refusal
	}))
	var result control.ReadResult
	var err error
	eventually(t, "the watcher is found", func() bool { // the subscription may still be under way
		result, err = read("edge.1")
		return !errors.Is(err, control.ErrNoWatcher)
	})
	if diff := cmp.Diff(want, result); diff != "" || err != nil {
		t.Errorf("%v, result (-want +got):\n%s", err, diff)
	}
	testcheck.Equal(t, "request", request, received)
	refusal = errors.New("not up to date")
	result, err = read("edge.1")
	if refused := new(control.RequestError); !errors.As(err, &refused) || refused.Reason != "not up to date" {
		t.Errorf("refusal: %+v, %v", result, err)
	}
	for _, class := range []target.Class{target.ClassUnavailable, target.ClassInvalid} {
		for _, refusal = range []error{
			&control.RequestError{Reason: "HTTP 503", Class: class},
			fmt.Errorf("wrapped: %w", &target.Failure{Class: class, Status: http.StatusServiceUnavailable}),
		} {
			_, err = read("edge.1")
			if refused := new(control.RequestError); !errors.As(err, &refused) || refused.Class != class || refused.Reason != refusal.Error() {
				t.Errorf("refusal %v: %+v, want the class %s", refusal, err, class)
			}
		}
	}
	marker, err := client.FullSync(within(t), "edge.1")
	if err != nil || marker.ID != "full" {
		t.Errorf("full sync: %+v, %v", marker, err)
	}
	if _, err := read("edge.2"); !errors.Is(err, control.ErrNoWatcher) {
		t.Errorf("another cluster: %v, want ErrNoWatcher", err)
	}
	stop()
	eventually(t, "no process answers after the stop", func() bool {
		_, err := read("edge.1")
		return errors.Is(err, control.ErrNoWatcher)
	})
}

func TestClient_Unpublished(t *testing.T) {
	server, client := connect(t)
	if _, err := client.Unpublished(within(t), "edge.1"); !errors.Is(err, control.ErrNoWatcher) {
		t.Errorf("without a watcher: %v, want ErrNoWatcher", err)
	}
	serveLeader(t, server, reader(nil))
	var all []component.Unpublished
	eventually(t, "the watcher is found", func() bool { // the subscription may still be under way
		var err error
		all, err = client.Unpublished(within(t), "edge.1")
		return err == nil
	})
	last := component.Unpublished{Namespace: "shop", Name: "c-1233", Reason: component.Malformed, Message: "spec: is missing"}
	if len(all) != many || all[0].Name != "c-0000" || all[many-1] != last {
		t.Errorf("%d components, want each of %d once, from all pages", len(all), many)
	}
}

// slow is a leader whose full sync runs until it is released or stopped.
type slow struct {
	reader
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
	server, client := connect(t)
	leader := &slow{
		reader: func(string, string) (control.ReadResult, error) { return control.ReadResult{Sequence: 1}, nil }, began: make(chan struct{}), release: make(chan struct{}),
		marker: event.Snapshot{ID: "full", Cluster: "edge.1", Time: started, Count: 3, Digest: "abc", Sequence: 7},
	}
	stop := serveLeader(t, server, leader)
	eventually(t, "the watcher is found", func() bool {
		_, err := client.Read(within(t), "edge.1", control.ReadRequest{})
		return !errors.Is(err, control.ErrNoWatcher)
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
	if result, err := client.Read(within(t), "edge.1", control.ReadRequest{}); err != nil || result.Sequence != 1 {
		t.Errorf("beside the full syncs: %+v, %v", result, err)
	}
	close(leader.release)
	for range got {
		testcheck.ErrorIs(t, "result", nil, <-results)
	}
	testcheck.Equal(t, "results", [2]event.Snapshot{leader.marker, leader.marker}, got)

	leader.release = make(chan struct{})
	fullSync(new(event.Snapshot))
	stop()
	if !leader.stopped.Load() {
		t.Error("stop did not wait for the running request")
	}
	var stopped *control.RequestError
	if err := <-results; !errors.As(err, &stopped) || !stopped.Temporary {
		t.Errorf("a request that was stopped: %v, want an error that says so", err)
	}
	if _, err := client.FullSync(within(t), "edge.1"); !errors.Is(err, control.ErrNoWatcher) {
		t.Errorf("after the stop: %v", err)
	}
}

// TestServeLeader_StopBesideRequests sends requests while the service stops: each is finished before stop returns, or not run.
func TestServeLeader_StopBesideRequests(t *testing.T) {
	server, client := connect(t)
	for range 20 {
		var over, late atomic.Bool
		stop := serveLeader(t, server, reader(func(string, string) (control.ReadResult, error) {
			if over.Load() {
				late.Store(true)
			}
			return control.ReadResult{Sequence: 1}, nil
		}))
		ctx, cancel := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		var answered atomic.Int64
		for range 4 {
			clients.Go(func() {
				for ctx.Err() == nil {
					if _, err := client.Read(ctx, "edge.1", control.ReadRequest{}); err == nil {
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
	server, client := connect(t)
	request := control.ReconcileRequest{Cluster: "edge.1", DryRun: true}
	if _, err := client.Reconcile(within(t), "lab.1", request); !errors.Is(err, control.ErrNoSyncer) {
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
		stop, err := control.ServeReconciler(t.Context(), server, "lab.1", reconciler{reconcile: func(cluster string, dryRun bool) (target.Reconciliation, error) {
			received = control.ReconcileRequest{Cluster: cluster, DryRun: dryRun}
			count.Add(1)
			return want, refusal
		}})
		testcheck.NoError(t, err)
		defer stop()
	}
	var got target.Reconciliation
	var err error
	eventually(t, "the syncer is found", func() bool {
		got, err = client.Reconcile(within(t), "lab.1", request)
		return !errors.Is(err, control.ErrNoSyncer)
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
	if _, err := client.Reconcile(within(t), "lab.2", request); !errors.Is(err, control.ErrNoSyncer) {
		t.Errorf("another target: %v", err)
	}
}

func TestClient_Compare(t *testing.T) {
	server, client := connect(t)
	key := component.Key{Cluster: "edge.1", Namespace: "ns", Name: "a.b"}
	if _, err := client.Compare(within(t), "lab.1", key); !errors.Is(err, control.ErrNoSyncer) {
		t.Errorf("without a syncer: %v", err)
	}
	var received component.Key
	var limited time.Duration
	var refusal error
	stop, err := control.ServeReconciler(t.Context(), server, "lab.1", reconciler{compare: func(ctx context.Context, key component.Key) (target.Repair, error) {
		received = key
		deadline, _ := ctx.Deadline()
		limited = time.Until(deadline)
		return target.Repair{Created: true, Deleted: true, Writes: 2}, refusal
	}})
	testcheck.NoError(t, err)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	var got control.CompareResult
	eventually(t, "the syncer is found", func() bool {
		got, err = client.Compare(ctx, "lab.1", key)
		return !errors.Is(err, control.ErrNoSyncer)
	})
	if diff := cmp.Diff(control.CompareResult{Created: true, Deleted: true, Writes: 2}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	testcheck.Equal(t, "key compared", key, received)
	if limited <= 0 || limited > 10*time.Minute {
		t.Errorf("the syncer tries for %s, want at most ten minutes", limited)
	}
	if _, err := client.Compare(within(t), "lab.1", key); err != nil || limited > time.Minute {
		t.Errorf("%v, the syncer tries for %s, want at most as long as the client waits", err, limited)
	}
	refusal = errors.New("HTTP 422")
	if _, err = client.Compare(within(t), "lab.1", key); !errors.As(err, new(*control.RequestError)) || err.Error() != "HTTP 422" {
		t.Errorf("refusal: %v", err)
	}
}

// A pending deletion is complete, in as many answers as it takes.
func TestClient_Pending(t *testing.T) {
	server, client := connect(t)
	var keys []component.Key
	for n := range 2345 {
		keys = append(keys, component.Key{Cluster: "edge.1", Namespace: "ns", Name: fmt.Sprintf("c-%04d", n)})
	}
	want := prune.Pending("target lab.1, cluster edge.1", keys, 3000)
	other := prune.Pending("target lab.1, cluster edge.1", keys[1:], 3000)
	asked := 0
	stop, err := control.ServeReconciler(t.Context(), server, "lab.1", reconciler{pending: func() (*prune.PendingDeletion, []component.Key, error) {
		if asked++; asked == 1 {
			return other, slices.Clone(keys[1:]), nil // another component disappears between two answers
		}
		return want, slices.Clone(keys), nil
	}})
	testcheck.NoError(t, err)
	defer stop()
	var got control.Pending
	eventually(t, "the syncer is found", func() bool {
		got, err = client.PendingInTarget(within(t), "lab.1", "edge.1")
		return !errors.Is(err, control.ErrNoSyncer)
	})
	if err != nil || got.PendingDeletion == nil || got.ID != want.ID || got.Gone != 2345 || len(got.Components) != 2345 {
		t.Fatalf("%d components of %+v, %v", len(got.Components), got.PendingDeletion, err)
	}
	if got.Components[0] != "edge.1/ns/c-0000" || got.Components[2344] != "edge.1/ns/c-2344" {
		t.Errorf("from %s to %s", got.Components[0], got.Components[2344])
	}
	defer serveLeader(t, server, reader(nil))()
	eventually(t, "the watcher is found", func() bool {
		got, err = client.PendingInCluster(within(t), "edge.1")
		return !errors.Is(err, control.ErrNoWatcher)
	})
	if err != nil || got.PendingDeletion != nil {
		t.Errorf("without a pending deletion: %+v, %v", got, err)
	}
}
