package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/target"
)

// ErrNoWatcher and ErrNoSyncer are returned where no process serves a request: no watcher leads the cluster, or no syncer of the
// target is running.
var (
	ErrNoWatcher = errors.New("no watcher answers")
	ErrNoSyncer  = errors.New("no syncer answers")
)

// RequestError is the error with which a process answered a request.
type RequestError struct {
	Reason string
	// Process is the kind of the process that answered; the client sets it.
	Process string
	// Class is that of the registry's failure, or unavailable for a cluster that cannot be read; empty for another error, and from
	// processes before version 1.3.0.
	Class target.Class
	// Temporary means that the process is about to serve such requests, or has just ended that: the same request may be sent again.
	Temporary bool
}

// Error returns the reason.
func (e *RequestError) Error() string { return e.Reason }

// Client sends requests to running processes and waits for the results.
type Client struct{ nc *nats.Conn }

// NewClient returns a client that uses the connection.
func NewClient(nc *nats.Conn) *Client { return &Client{nc} }

// Read asks the leader of a cluster to read one component from its source, and to publish it if its content has changed. It
// returns [ErrNoWatcher] where no watcher leads.
func (c *Client) Read(ctx context.Context, cluster string, r ReadRequest) (ReadResult, error) {
	return request[ReadResult](ctx, c.nc, ProcessWatcher, event.ControlSubject(cluster, "read"), r)
}

// FullSync asks the leader of a cluster for a full sync and returns its snapshot marker. It returns [ErrNoWatcher] where
// no watcher leads.
func (c *Client) FullSync(ctx context.Context, cluster string) (event.Snapshot, error) {
	return request[event.Snapshot](ctx, c.nc, ProcessWatcher, event.ControlSubject(cluster, "fullsync"), struct{}{})
}

// Unpublished returns every component of the cluster whose state there is not in the stream, sorted by namespace and name. It
// returns [ErrNoWatcher] where no watcher leads.
func (c *Client) Unpublished(ctx context.Context, cluster string) (all []component.Unpublished, err error) {
	for after := (UnpublishedRequest{}); ; {
		page, err := request[UnpublishedResult](ctx, c.nc, ProcessWatcher, event.ControlSubject(cluster, "unpublished"), after)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Components...)
		if !page.More || len(page.Components) == 0 {
			return all, nil
		}
		last := page.Components[len(page.Components)-1]
		after = UnpublishedRequest{Namespace: last.Namespace, Name: last.Name}
	}
}

// Reconcile asks a syncer of the target for a reconcile and returns its result. It returns [ErrNoSyncer] where no
// syncer runs.
func (c *Client) Reconcile(ctx context.Context, name string, r ReconcileRequest) (target.Reconciliation, error) {
	return request[target.Reconciliation](ctx, c.nc, ProcessSyncer, event.TargetSubject(name, "reconcile"), r)
}

// Compare asks a syncer of the target to compare one entry, and to repair it, within the time that the context leaves. It
// returns [ErrNoSyncer] where no syncer runs.
func (c *Client) Compare(ctx context.Context, name string, key component.Key) (CompareResult, error) {
	r := CompareRequest{Cluster: key.Cluster, Namespace: key.Namespace, Name: key.Name, Milliseconds: maxCompare.Milliseconds()}
	if deadline, limited := ctx.Deadline(); limited {
		r.Milliseconds = min(r.Milliseconds, time.Until(deadline).Milliseconds())
	}
	return request[CompareResult](ctx, c.nc, ProcessSyncer, event.TargetSubject(name, "compare"), r)
}

// maxCompare limits a comparison whose client waits without limit.
const maxCompare = 10 * time.Minute

// PendingInCluster asks the leader of a cluster for the deletion that waits for an approval. It returns [ErrNoWatcher] where
// no watcher leads.
func (c *Client) PendingInCluster(ctx context.Context, cluster string) (Pending, error) {
	return pending(ctx, c.nc, ProcessWatcher, event.ControlSubject(cluster, "pending"), cluster)
}

// PendingInTarget has a syncer of the target compare the registry with the components of a cluster, and asks for the deletion
// that waits for an approval. It returns [ErrNoSyncer] where no syncer runs.
func (c *Client) PendingInTarget(ctx context.Context, name, cluster string) (Pending, error) {
	return pending(ctx, c.nc, ProcessSyncer, event.TargetSubject(name, "pending"), cluster)
}

// pending asks for all pages, and starts over when another deletion is pending meanwhile.
func pending(ctx context.Context, nc *nats.Conn, process, subject, cluster string) (all Pending, err error) {
	for {
		p, err := request[Pending](ctx, nc, process, subject, PendingRequest{Cluster: cluster, Offset: len(all.Components)})
		if err != nil || p.PendingDeletion == nil {
			return p, err
		}
		if all.PendingDeletion != nil && all.ID != p.ID {
			all = Pending{}
			continue
		}
		all = Pending{PendingDeletion: p.PendingDeletion, Components: append(all.Components, p.Components...)}
		if len(p.Components) == 0 || len(all.Components) >= p.Gone {
			return all, nil
		}
	}
}

func request[Result any](ctx context.Context, nc *nats.Conn, process, subject string, body any) (result Result, err error) {
	fail := func(err error) error { return fmt.Errorf("ask the %s: %w", process, err) }
	data, err := json.Marshal(body)
	if err != nil {
		return result, fail(err)
	}
	reply, err := nc.RequestWithContext(ctx, subject, data)
	switch {
	case errors.Is(err, nats.ErrNoResponders) && process == ProcessWatcher:
		return result, fail(ErrNoWatcher)
	case errors.Is(err, nats.ErrNoResponders):
		return result, fail(ErrNoSyncer)
	case err != nil:
		return result, fail(err)
	}
	var r response
	if err := json.Unmarshal(reply.Data, &r); err != nil {
		return result, fail(fmt.Errorf("decode the response: %w", err))
	}
	if r.Error != "" {
		return result, &RequestError{Reason: r.Error, Process: process, Class: r.Class, Temporary: r.Temporary}
	}
	if err := json.Unmarshal(r.Result, &result); err != nil {
		return result, fail(fmt.Errorf("decode the response: %w", err))
	}
	return result, nil
}
