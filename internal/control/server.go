package control

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"odasync/internal/event"
	"odasync/internal/target"
)

// Leader does what the leader of a cluster is asked for.
type Leader interface {
	// Verify publishes the components of a namespace again, or the named one, and returns the number of messages.
	Verify(ctx context.Context, namespace, name string) (int, error)
	// FullSync compares the cluster with the stream and returns the snapshot marker published after the corrections.
	FullSync(ctx context.Context) (event.Snapshot, error)
}

// ServeLeader serves requests to the leader of a cluster until stop is called.
func ServeLeader(ctx context.Context, nc *nats.Conn, cluster string, leader Leader) (stop func(), err error) {
	return serve(ctx, nc, "leader", "Leads cluster "+cluster, map[string]string{"cluster": cluster}, []endpoint{
		{"verify", event.ControlSubject(cluster, "verify"), handler(func(ctx context.Context, r VerifyRequest) (VerifyResult, error) {
			published, err := leader.Verify(ctx, r.Namespace, r.Name)
			return VerifyResult{Published: published}, err
		})},
		{"fullsync", event.ControlSubject(cluster, "fullsync"), handler(func(ctx context.Context, _ struct{}) (event.Snapshot, error) {
			return leader.FullSync(ctx)
		})},
	})
}

// ReconcileFunc reconciles the registry of a target with the components of a cluster.
type ReconcileFunc func(ctx context.Context, cluster string, dryRun bool) (target.Reconciliation, error)

// ServeReconcile serves requests for a reconcile of a target until stop is called. Each goes to one of the replicas.
func ServeReconcile(ctx context.Context, nc *nats.Conn, name string, reconcile ReconcileFunc) (stop func(), err error) {
	return serve(ctx, nc, "reconciler", "Reconciles target "+name, map[string]string{"target": name}, []endpoint{
		{"reconcile", event.TargetSubject(name, "reconcile"), handler(func(ctx context.Context, r ReconcileRequest) (target.Reconciliation, error) {
			return reconcile(ctx, r.Cluster, r.DryRun)
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
func serve(ctx context.Context, nc *nats.Conn, name, description string, metadata map[string]string, endpoints []endpoint) (stop func(), err error) {
	fail := func(err error) error { return fmt.Errorf("add the %s service: %w", name, err) }
	service, err := micro.AddService(nc, micro.Config{
		Name: "odasync-" + name, Version: version, Description: description, Metadata: metadata,
	})
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
				_ = r.RespondJSON(response{Error: "this process is stopping: try again in a moment"}) // the client times out
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
		if err != nil {
			answer.Error = err.Error()
		}
		_ = r.RespondJSON(answer) // where it is lost, the client times out
	}
}
