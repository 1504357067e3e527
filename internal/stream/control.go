package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"odasync/internal/event"
	"odasync/internal/target"
)

// ErrNobody says that no process answers a request.
var ErrNobody = errors.New("nobody answers")

// controlVersion is the version of the requests and answers, as the micro services announce it.
const controlVersion = "1.1.0"

// VerifyRequest asks a cluster's leader to publish components again as they are, so that the syncers compare the
// registry with them. Without a name it means every one of the namespace.
type VerifyRequest struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// VerifyAnswer is what the leader did.
type VerifyAnswer struct {
	// Published counts the messages.
	Published int `json:"published"`
}

// ReconcileRequest asks a target's syncers for a reconcile with a cluster.
type ReconcileRequest struct {
	Cluster string `json:"cluster"`
	DryRun  bool   `json:"dryRun"`
}

// Leader is what a cluster's leader does when it is asked.
type Leader interface {
	// Verify returns how many messages it published.
	Verify(ctx context.Context, namespace, name string) (int, error)
	// FullSync returns the marker behind the corrections.
	FullSync(ctx context.Context) (event.Marker, error)
}

// answer is the wire form of every answer.
type answer struct {
	Result json.RawMessage `json:"result,omitempty"`
	// Error is empty when all went well.
	Error string `json:"error,omitempty"`
}

// ServeLeader answers requests to a cluster's leader until stop is called.
func (c *Conn) ServeLeader(ctx context.Context, cluster string, leader Leader) (stop func(), err error) {
	return c.serve(ctx, "leader", "Leads cluster "+cluster, map[string]string{"cluster": cluster}, []endpoint{
		{"verify", event.ControlSubject(cluster, "verify"), working(func(ctx context.Context, r VerifyRequest) (VerifyAnswer, error) {
			published, err := leader.Verify(ctx, r.Namespace, r.Name)
			return VerifyAnswer{Published: published}, err
		})},
		{"fullsync", event.ControlSubject(cluster, "fullsync"), working(func(ctx context.Context, _ struct{}) (event.Marker, error) {
			return leader.FullSync(ctx)
		})},
	})
}

// ServeReconcile answers requests for a reconcile of a target until stop is called. One of the replicas gets each.
func (c *Conn) ServeReconcile(ctx context.Context, name string, reconcile func(ctx context.Context, cluster string, dryRun bool) (target.Reconciliation, error)) (stop func(), err error) {
	return c.serve(ctx, "reconciler", "Reconciles target "+name, map[string]string{"target": name}, []endpoint{
		{"reconcile", event.TargetSubject(name, "reconcile"), working(func(ctx context.Context, r ReconcileRequest) (target.Reconciliation, error) {
			return reconcile(ctx, r.Cluster, r.DryRun)
		})},
	})
}

// endpoint is one kind of request.
type endpoint struct {
	name, subject string
	work          func(ctx context.Context, r micro.Request)
}

// serve offers endpoints. Each request is worked on in the background, since one that takes long must not hold up another;
// stop ends those that are under way and waits for them.
func (c *Conn) serve(ctx context.Context, name, description string, metadata map[string]string, endpoints []endpoint) (stop func(), err error) {
	fail := func(err error) error { return fmt.Errorf("offer the service of the %s: %w", name, err) }
	service, err := micro.AddService(c.nc, micro.Config{
		Name: "odasync-" + name, Version: controlVersion, Description: description, Metadata: metadata,
	})
	if err != nil {
		return nil, fail(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var (
		mu      sync.Mutex
		stopped bool
		working sync.WaitGroup
	)
	stop = func() {
		_ = service.Stop() // the connection ends it too; a request that has come already may still be handed over
		cancel()
		mu.Lock()
		stopped = true
		mu.Unlock()
		working.Wait()
	}
	for _, e := range endpoints {
		begin := micro.HandlerFunc(func(r micro.Request) {
			mu.Lock()
			defer mu.Unlock()
			if stopped {
				_ = r.RespondJSON(answer{Error: "this process is stopping: try again in a moment"}) // who asked will see a time-out
				return
			}
			working.Go(func() { e.work(ctx, r) })
		})
		if err := service.AddEndpoint(e.name, begin, micro.WithEndpointSubject(e.subject)); err != nil {
			stop()
			return nil, fail(err)
		}
	}
	return stop, nil
}

// working decodes a request, has it worked on and encodes the answer.
func working[Request, Result any](work func(context.Context, Request) (Result, error)) func(context.Context, micro.Request) {
	return func(ctx context.Context, r micro.Request) {
		var request Request
		var result Result
		var a answer
		err := json.Unmarshal(r.Data(), &request)
		if err == nil {
			result, err = work(ctx, request)
		}
		if err == nil {
			a.Result, err = json.Marshal(result)
		}
		if err != nil {
			a.Error = err.Error()
		}
		_ = r.RespondJSON(a) // who asked will see a time-out
	}
}

// Verify sends the request to the cluster's leader and waits for its answer. It returns ErrNobody where none leads.
func (c *Conn) Verify(ctx context.Context, cluster string, request VerifyRequest) (VerifyAnswer, error) {
	return ask[VerifyAnswer](ctx, c, "watcher", event.ControlSubject(cluster, "verify"), request)
}

// FullSync asks the cluster's leader for a full sync and waits for its end. It returns ErrNobody where none leads.
func (c *Conn) FullSync(ctx context.Context, cluster string) (event.Marker, error) {
	return ask[event.Marker](ctx, c, "watcher", event.ControlSubject(cluster, "fullsync"), struct{}{})
}

// Reconcile asks a syncer of the target for a reconcile and waits for its end. It returns ErrNobody where none runs.
func (c *Conn) Reconcile(ctx context.Context, name string, request ReconcileRequest) (target.Reconciliation, error) {
	return ask[target.Reconciliation](ctx, c, "syncer", event.TargetSubject(name, "reconcile"), request)
}

// RefusedError is a process's answer that it did not do what it was asked for.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

func ask[Result any](ctx context.Context, c *Conn, process, subject string, request any) (result Result, err error) {
	fail := func(err error) error { return fmt.Errorf("ask the %s: %w", process, err) }
	data, err := json.Marshal(request)
	if err != nil {
		return result, fail(err)
	}
	reply, err := c.nc.RequestWithContext(ctx, subject, data)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return result, fail(ErrNobody)
	case err != nil:
		return result, fail(err)
	}
	var a answer
	if err := json.Unmarshal(reply.Data, &a); err != nil {
		return result, fail(fmt.Errorf("its answer: %w", err))
	}
	if a.Error != "" {
		return result, &RefusedError{a.Error}
	}
	if err := json.Unmarshal(a.Result, &result); err != nil {
		return result, fail(fmt.Errorf("its answer: %w", err))
	}
	return result, nil
}
