package syncer_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come: longer than a claim or a message needs to expire.
const patience = 25 * time.Second

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(3 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for: %s", patience, what)
		}
	}
}

const fed = "default"

// bench is a stream on a real server and a registry in memory, between which a test starts syncers.
type bench struct {
	t        testing.TB
	server   *streamtest.Server
	conn     *stream.Conn
	js       jetstream.JetStream
	log      *stream.Log
	states   *store.States
	consumer *stream.Consumer // only to look at
	registry *fakeRegistry
}

func newBench(t testing.TB) *bench {
	t.Helper()
	server := streamtest.Start(t)
	b := &bench{t: t, server: server, conn: server.Conn(t), registry: newFakeRegistry()}
	var err error
	if b.js, err = jetstream.New(server.NATS(t)); err != nil {
		t.Fatal(err)
	}
	b.open()
	return b
}

// open creates what stands on the server.
func (b *bench) open() {
	b.t.Helper()
	var err error
	if b.log, err = b.conn.EnsureLog(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	if b.states, err = store.EnsureStates(context.Background(), b.log, fed); err != nil {
		b.t.Fatal(err)
	}
	if b.consumer, err = b.log.EnsureConsumer(context.Background(), fed, "http://registry"); err != nil {
		b.t.Fatal(err)
	}
}

func key(name string) component.Key {
	return component.Key{Cluster: "east", Namespace: "odacompns-1", Name: name}
}

func (b *bench) publish(e event.Event) event.Event {
	b.t.Helper()
	var err error
	eventually(b.t, "a server to publish to", func() bool {
		var newest event.Event
		if newest, _, err = b.log.Newest(context.Background(), e.Key); err == nil {
			e.Sequence, err = b.log.Publish(context.Background(), e, newest.Sequence)
		}
		return err == nil
	})
	return e
}

// put publishes a component whose content is told by one word.
func (b *bench) put(name, content string) event.Event {
	b.t.Helper()
	return b.publish(upserted(name, content))
}

func upserted(name, content string) event.Event {
	k := key(name)
	return event.Upserted(k, component.Observation{
		UID: "uid-" + name, ResourceVersion: "1", Seen: time.Now(),
		Component: &component.Component{Namespace: k.Namespace, Name: k.Name, Metadata: component.Metadata{Description: content}},
	})
}

func (b *bench) remove(name string) event.Event {
	b.t.Helper()
	return b.publish(event.Tombstone(key(name), "", "", time.Now()))
}

func (b *bench) state(name string) target.State {
	b.t.Helper()
	state, err := b.states.Load(context.Background(), key(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return state
}

// idle waits until every message is acknowledged or dropped. The backlog alone does not tell: the server counts a
// message there a moment after it has stored it.
func (b *bench) idle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	components, err := b.js.Stream(ctx, stream.StreamName)
	if err != nil {
		b.t.Fatal(err)
	}
	consumer, err := components.Consumer(ctx, "syncer-"+fed)
	if err != nil {
		b.t.Fatal(err)
	}
	eventually(b.t, "every message to be done", func() bool {
		stored, err := components.Info(ctx)
		if err != nil {
			return false
		}
		done, err := consumer.Info(ctx)
		return err == nil && done.AckFloor.Stream == stored.State.LastSeq
	})
}

func (b *bench) backlog() stream.Backlog {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	backlog, err := b.consumer.Backlog(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	return backlog
}
