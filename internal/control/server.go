package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/target"
)

// Leader does what the leader of a cluster is asked for.
type Leader interface {
	// Read reads a component from the source, and returns what the stream has of it afterwards.
	Read(ctx context.Context, namespace, name string) (ReadResult, error)
	// FullSync compares the cluster with the stream and returns the snapshot marker published after the corrections.
	FullSync(ctx context.Context) (event.Snapshot, error)
	// Unpublished lists the components behind the given one whose state in the cluster is not in the stream, in their order and
	// at most limit of them, and reports whether there are more.
	Unpublished(after component.Key, limit int) (page []component.Unpublished, more bool)
	// Pending returns the deletion that waits for an approval, with all its components; nil for none.
	Pending() (*prune.PendingDeletion, []component.Key)
}

// ServeLeader serves requests to the leader of a cluster until stop is called.
func ServeLeader(ctx context.Context, nc *nats.Conn, cluster string, leader Leader) (stop func(), err error) {
	return serve(ctx, nc, micro.Config{
		Name: "leader", Description: "Leads cluster " + cluster, Metadata: map[string]string{"cluster": cluster},
		// Of a service that was stopped while the connection was down the server keeps the subscriptions. In a queue group they
		// would get some of the requests, which then remain unanswered. There is only one leader, so each request may go to all.
		QueueGroupDisabled: true,
	}, []endpoint{
		{"read", event.ControlSubject(cluster, "read"), handler(func(ctx context.Context, r ReadRequest) (ReadResult, error) {
			return leader.Read(ctx, r.Namespace, r.Name)
		})},
		{"fullsync", event.ControlSubject(cluster, "fullsync"), handler(func(ctx context.Context, _ struct{}) (event.Snapshot, error) {
			return leader.FullSync(ctx)
		})},
		{"unpublished", event.ControlSubject(cluster, "unpublished"), handler(func(_ context.Context, r UnpublishedRequest) (result UnpublishedResult, err error) {
			result.Components, result.More = leader.Unpublished(component.Key{Cluster: cluster, Namespace: r.Namespace, Name: r.Name}, unpublishedPage)
			return result, nil
		})},
		{"pending", event.ControlSubject(cluster, "pending"), handler(func(_ context.Context, r PendingRequest) (Pending, error) {
			pending, keys := leader.Pending()
			return page(pending, keys, r.Offset), nil
		})},
	})
}

// Reconciler compares the registry of a target with the stream.
type Reconciler interface {
	// Reconcile compares all components of a cluster and, unless it is a dry run, repairs the registry.
	Reconcile(ctx context.Context, cluster string, dryRun bool) (target.Reconciliation, error)
	// PendingOrphans compares the components of a cluster, and returns the deletion that waits for an approval, with all its
	// components; nil for none.
	PendingOrphans(ctx context.Context, cluster string) (*prune.PendingDeletion, []component.Key, error)
	// Compare compares one component and repairs its entry. It tries until there is an outcome, or the context ends.
	Compare(ctx context.Context, key component.Key) (target.Repair, error)
}

// ServeReconciler serves requests to the syncers of a target until stop is called. Each goes to one of the replicas.
func ServeReconciler(ctx context.Context, nc *nats.Conn, name string, reconciler Reconciler) (stop func(), err error) {
	return serve(ctx, nc, micro.Config{
		Name: "reconciler", Description: "Reconciles target " + name, Metadata: map[string]string{"target": name},
	}, []endpoint{
		{"reconcile", event.TargetSubject(name, "reconcile"), handler(func(ctx context.Context, r ReconcileRequest) (target.Reconciliation, error) {
			return reconciler.Reconcile(ctx, r.Cluster, r.DryRun)
		})},
		{"pending", event.TargetSubject(name, "pending"), handler(func(ctx context.Context, r PendingRequest) (Pending, error) {
			pending, keys, err := reconciler.PendingOrphans(ctx, r.Cluster)
			return page(pending, keys, r.Offset), err
		})},
		{"compare", event.TargetSubject(name, "compare"), handler(func(ctx context.Context, r CompareRequest) (CompareResult, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Duration(r.Milliseconds)*time.Millisecond)
			defer cancel()
			repair, err := reconciler.Compare(ctx, component.Key{Cluster: r.Cluster, Namespace: r.Namespace, Name: r.Name})
			return CompareResult{Created: repair.Created, Deleted: repair.Deleted, Writes: repair.Writes}, err
		})},
	})
}

// endpoint is one kind of request.
type endpoint struct {
	name, subject string
	handle        func(ctx context.Context, r micro.Request)
}

// serve adds a service whose requests run in the background, so that a long one does not delay others. stop cancels those
// that are running and waits for them.
func serve(ctx context.Context, nc *nats.Conn, cfg micro.Config, endpoints []endpoint) (stop func(), err error) {
	fail := func(err error) error { return fmt.Errorf("add the %s service: %w", cfg.Name, err) }
	cfg.Name, cfg.Version = "odasync-"+cfg.Name, version
	service, err := micro.AddService(nc, cfg)
	if err != nil {
		return nil, fail(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var (
		mu      sync.Mutex
		stopped bool
		running sync.WaitGroup
	)
	stop = func() {
		_ = service.Stop() // the connection ends it too; a request that was received before may still be dispatched
		cancel()
		mu.Lock()
		stopped = true
		mu.Unlock()
		running.Wait()
	}
	for _, e := range endpoints {
		begin := micro.HandlerFunc(func(r micro.Request) {
			mu.Lock()
			defer mu.Unlock()
			if stopped {
				_ = r.RespondJSON(stopping) // where it is lost, the client times out
				return
			}
			running.Go(func() { e.handle(ctx, r) })
		})
		if err := service.AddEndpoint(e.name, begin, micro.WithEndpointSubject(e.subject)); err != nil {
			stop()
			return nil, fail(err)
		}
	}
	return stop, nil
}

// stopping is the response to a request that the end of the service interrupts.
var stopping = response{Error: "this process is stopping: try again in a moment", Temporary: true}

// classOf is the class that an error says, as a failure of the registry or as a RequestError, and whether the latter is temporary;
// empty for another error.
func classOf(err error) (class target.Class, temporary bool) {
	failure, refusal := new(target.Failure), new(RequestError)
	switch {
	case errors.As(err, &failure):
		return failure.Class, false
	case errors.As(err, &refusal):
		return refusal.Class, refusal.Temporary
	}
	return "", false
}

// handler decodes a request, runs do and encodes the response.
func handler[Request, Result any](do func(context.Context, Request) (Result, error)) func(context.Context, micro.Request) {
	return func(ctx context.Context, r micro.Request) {
		var request Request
		var result Result
		var answer response
		err := json.Unmarshal(r.Data(), &request)
		if err == nil {
			result, err = do(ctx, request)
		}
		if err == nil {
			answer.Result, err = json.Marshal(result)
		}
		switch {
		case err != nil && ctx.Err() != nil:
			answer = stopping
		case err != nil:
			answer.Error = err.Error()
			answer.Class, answer.Temporary = classOf(err)
		}
		_ = r.RespondJSON(answer) // where it is lost, the client times out
	}
}
