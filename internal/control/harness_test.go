package control_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.VerifyTestMain(m) }

// patience bounds every wait of the tests.
const patience = time.Minute

// started is the time in every fixture.
var started = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// connect returns a connection of the product, and a client of another one.
func connect(t *testing.T) (*nats.Conn, *control.Client) {
	t.Helper()
	s := streamtest.Start(t)
	return connection(t, s), control.NewClient(connection(t, s))
}

func connection(t *testing.T, s *streamtest.Server) *nats.Conn {
	t.Helper()
	conn := s.Conn(t)
	var err error
	eventually(t, "the connection", func() bool {
		err = conn.Check(within(t))
		return err == nil
	})
	return conn.NATS()
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so after %s", what, patience)
		}
	}
}

// verifier is a leader that verifies with the function.
type verifier func(namespace, name string) (int, error)

func (v verifier) Verify(_ context.Context, namespace, name string) (int, error) {
	return v(namespace, name)
}

func (v verifier) FullSync(context.Context) (event.Marker, error) {
	return event.Marker{ID: "full"}, nil
}

// serveLeader serves the leader of cluster edge.1.
func serveLeader(t *testing.T, nc *nats.Conn, leader control.Leader) (stop func()) {
	t.Helper()
	stop, err := control.ServeLeader(t.Context(), nc, "edge.1", leader)
	if err != nil {
		t.Fatal(err)
	}
	return stop
}
