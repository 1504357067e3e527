package stream_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.VerifyTestMain(m) }

// patience bounds whatever a test waits for; nothing takes as long while the code is right.
const patience = time.Minute

// seen is when everything in these tests was seen.
var seen = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func keyOf(name string) component.Key {
	return component.Key{Cluster: "test", Namespace: "components", Name: name}
}

// upsert is an event whose content is the status.
func upsert(key component.Key, status string) event.Event {
	return event.Upserted(key, component.Observation{
		UID: "uid-" + key.Name, ResourceVersion: "1", Seen: seen,
		Component: &component.Component{Namespace: key.Namespace, Name: key.Name, DeploymentStatus: status},
	})
}

// within returns a context that ends long after what is waited for should have happened.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// ensureLog creates the stream. It tries again, as the watcher does: a server that has just deleted a stream may need a
// moment before it can create it anew.
func ensureLog(t testing.TB, conn *stream.Conn) *stream.Log {
	t.Helper()
	waitConnected(t, conn)
	var log *stream.Log
	var err error
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if log, err = conn.EnsureLog(within(t)); err == nil {
			return log
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// waitConnected waits until the connection can be used.
func waitConnected(t testing.TB, conn *stream.Conn) {
	t.Helper()
	var err error
	eventually(t, "the connection", func() bool {
		err = conn.Check(within(t))
		return err == nil
	})
}

// publish fails the test where the event is not accepted.
func publish(t testing.TB, log *stream.Log, e event.Event, expected uint64) uint64 {
	t.Helper()
	sequence, err := log.Publish(within(t), e, expected)
	if err != nil {
		t.Fatalf("publish after %d: %v", expected, err)
	}
	return sequence
}

// js returns the plain client of a server, to look at it and to disturb it.
func js(t testing.TB, s *streamtest.Server) jetstream.JetStream {
	t.Helper()
	client, err := jetstream.New(s.NATS(t))
	if err != nil {
		t.Fatal(err)
	}
	return client
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

// says fails the test where the error misses one of the words.
func says(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("test set-up: %v", err))
	}
	return value
}
