package control_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

func TestMain(m *testing.M) { streamtest.VerifyTestMain(m) }

// Shorter names for what every test uses.
var (
	within     = streamtest.Within
	eventually = testwait.Until
	started    = streamtest.Time
)

// connect returns a connection of the product and a client of another one, for a test that is parallel to others.
func connect(t *testing.T) (*nats.Conn, *control.Client) {
	t.Helper()
	s := streamtest.StartParallel(t)
	return connection(t, s), control.NewClient(connection(t, s))
}

func connection(t *testing.T, s *streamtest.Server) *nats.Conn {
	t.Helper()
	conn := s.Conn(t)
	streamtest.WaitConnected(t, conn)
	return conn.NATS()
}

// reader is a leader that reads with the function.
type reader func(namespace, name string) (control.ReadResult, error)

func (r reader) Read(_ context.Context, namespace, name string) (control.ReadResult, error) {
	return r(namespace, name)
}

func (reader) FullSync(context.Context) (event.Snapshot, error) {
	return event.Snapshot{ID: "full"}, nil
}

func (reader) Unpublished(after component.Key, limit int) (page []component.Unpublished, more bool) {
	for n := range many {
		if name := fmt.Sprintf("c-%04d", n); name > after.Name {
			if len(page) == limit {
				return page, true
			}
			page = append(page, component.Unpublished{Namespace: "shop", Name: name, Reason: component.Malformed, Message: "spec: is missing"})
		}
	}
	return page, false
}

// many is a number of unpublished components that do not fit into two pages.
const many = 1234

func (reader) Pending() (*prune.PendingDeletion, []component.Key) { return nil, nil }

// serveLeader serves the leader of cluster edge.1.
func serveLeader(t *testing.T, nc *nats.Conn, leader control.Leader) (stop func()) {
	t.Helper()
	stop, err := control.ServeLeader(t.Context(), nc, "edge.1", leader)
	testcheck.NoError(t, err)
	return stop
}

// reconciler answers with the functions.
type reconciler struct {
	reconcile func(cluster string, dryRun bool) (target.Reconciliation, error)
	compare   func(ctx context.Context, key component.Key) (target.Repair, error)
	pending   func() (*prune.PendingDeletion, []component.Key, error)
}

func (r reconciler) PendingOrphans(context.Context, string) (*prune.PendingDeletion, []component.Key, error) {
	return r.pending()
}

func (r reconciler) Reconcile(_ context.Context, cluster string, dryRun bool) (target.Reconciliation, error) {
	return r.reconcile(cluster, dryRun)
}

func (r reconciler) Compare(ctx context.Context, key component.Key) (target.Repair, error) {
	return r.compare(ctx, key)
}
