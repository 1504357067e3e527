package streamtest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/stream"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// Patience bounds every wait of a test; nothing takes as long while the code is right.
const Patience = time.Minute

// Time is the time in every fixture.
var Time = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// Key returns the key of a component in cluster test.
func Key(name string) component.Key {
	return component.Key{Cluster: "test", Namespace: "components", Name: name}
}

// Upsert returns an event whose content is the status.
func Upsert(key component.Key, status string) event.Event {
	return event.Upserted(key, component.Observation{
		UID: "uid-" + key.Name, ResourceVersion: "1", Seen: Time,
		Component: &component.Component{Namespace: key.Namespace, Name: key.Name, DeploymentStatus: status},
	})
}

// Within returns a context that ends after [Patience].
func Within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// WaitConnected waits until the connection can be used.
func WaitConnected(t testing.TB, conn *natsconn.Conn) {
	t.Helper()
	testwait.NoError(t, "connect", func() error { return conn.Check(Within(t)) })
}

// EnsureLog creates the stream. It tries again, as the watcher does: a server that has just deleted a stream may need a
// moment before it can create it anew.
func EnsureLog(t testing.TB, conn *natsconn.Conn) (log *stream.Log) {
	t.Helper()
	WaitConnected(t, conn)
	testwait.NoError(t, "create the stream", func() (err error) {
		log, err = stream.EnsureLog(Within(t), conn)
		return err
	})
	return log
}

// StartLog runs a server for a test that is parallel to others, and creates the stream. change may alter the configuration.
func StartLog(t *testing.T, change ...func(*natsconn.Config)) (*Server, *stream.Log) {
	t.Helper()
	s := StartParallel(t)
	return s, EnsureLog(t, s.Conn(t, change...))
}

// Publish fails the test where the event is not accepted.
func Publish(t testing.TB, log *stream.Log, e event.Event, expected uint64) uint64 {
	t.Helper()
	sequence, err := log.Publish(Within(t), e, expected)
	if err != nil {
		t.Fatalf("publish after %d: %v", expected, err)
	}
	return sequence
}

// JetStream returns the plain client of a server, to look at it and to disturb it.
func JetStream(t testing.TB, s *Server) jetstream.JetStream {
	t.Helper()
	return testcheck.Must(jetstream.New(s.NATS(t)))
}
