package syncertest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/store/storetest"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// Patience is the longest wait of a test: longer than a claim or a message needs to expire.
const Patience = 25 * time.Second

// Eventually polls until the condition holds.
var Eventually = testwait.Until

// Target is the name of the target unless a test sets another.
const Target = "default"

// Key returns the key of a component.
func Key(name string) component.Key {
	return component.Key{Cluster: "east", Namespace: "odacompns-1", Name: name}
}

// Upserted returns an event of the component with that content.
func Upserted(name, content string) event.Event {
	k := Key(name)
	return event.Upserted(k, component.Observation{
		UID: "uid-" + name, ResourceVersion: "1", Seen: time.Now(),
		Component: &component.Component{Namespace: k.Namespace, Name: k.Name, Metadata: component.Metadata{Description: content}},
	})
}

// Env is a stream on a NATS server and a registry in memory.
type Env struct {
	Server   *streamtest.Server
	Conn     *natsconn.Conn
	JS       jetstream.JetStream
	Log      *stream.Log
	States   *store.States
	Registry *Registry

	t        testing.TB
	consumer *stream.Consumer // for its status only
}

// New starts an environment without replicas.
func New(t testing.TB) *Env {
	t.Helper()
	server := streamtest.Start(t)
	e := &Env{t: t, Server: server, Conn: server.Conn(t), Registry: NewRegistry()}
	var err error
	if e.JS, err = jetstream.New(server.NATS(t)); err != nil {
		t.Fatal(err)
	}
	e.Open()
	return e
}

// NewParallel is [New] for a test that is parallel to others.
func NewParallel(t *testing.T) *Env {
	t.Helper()
	t.Parallel()
	return New(t)
}

// Open creates the stream, the sync state and the consumer.
func (e *Env) Open() {
	e.t.Helper()
	var err error
	if e.Log, err = stream.EnsureLog(context.Background(), e.Conn); err != nil {
		e.t.Fatal(err)
	}
	if e.States, err = store.EnsureStates(context.Background(), e.Log, Target); err != nil {
		e.t.Fatal(err)
	}
	if e.consumer, err = e.Log.EnsureConsumer(context.Background(), Target, "http://registry"); err != nil {
		e.t.Fatal(err)
	}
}

// Publish publishes the event as the newest of its component.
func (e *Env) Publish(published event.Event) event.Event {
	e.t.Helper()
	var err error
	Eventually(e.t, "a server to publish to", func() bool {
		var newest event.Event
		if newest, _, err = e.Log.Newest(context.Background(), published.Key); err == nil {
			published.Sequence, err = e.Log.Publish(context.Background(), published, newest.Sequence)
		}
		return err == nil
	})
	return published
}

// Put publishes a component with that content.
func (e *Env) Put(name, content string) event.Event {
	e.t.Helper()
	return e.Publish(Upserted(name, content))
}

// Apply is [Env.Put], and waits until every message is done.
func (e *Env) Apply(name, content string) event.Event {
	e.t.Helper()
	published := e.Put(name, content)
	e.Idle()
	return published
}

// PutAt is Put for a change that the watcher observed at that time.
func (e *Env) PutAt(name, content string, seen time.Time) event.Event {
	e.t.Helper()
	upserted := Upserted(name, content)
	upserted.Time = seen
	return e.Publish(upserted)
}

// Remove publishes a deletion.
func (e *Env) Remove(name string) event.Event {
	e.t.Helper()
	return e.Publish(event.Tombstone(Key(name), "", "", time.Now()))
}

// State returns the sync state of a component.
func (e *Env) State(name string) target.State {
	e.t.Helper()
	state, err := e.States.Load(context.Background(), Key(name))
	testcheck.NoError(e.t, err)
	return state
}

// SetState stores a sync state.
func (e *Env) SetState(s target.State) {
	e.t.Helper()
	_, err := e.States.Save(context.Background(), s)
	testcheck.NoError(e.t, err)
}

// DeadLetters returns all dead letters of the target.
func (e *Env) DeadLetters(of string) []target.DeadLetter {
	e.t.Helper()
	letters, err := store.OpenDeadLetters(context.Background(), e.Conn, of)
	testcheck.NoError(e.t, err)
	var all []target.DeadLetter
	err = letters.All(context.Background(), func(l store.DeadLetter, err error) {
		if err != nil {
			e.t.Error(err)
		}
		all = append(all, storetest.DeadLetter(l))
	})
	testcheck.NoError(e.t, err)
	return all
}

// ConsumerInfo returns the server's view of the consumer.
func (e *Env) ConsumerInfo() *jetstream.ConsumerInfo {
	e.t.Helper()
	consumer, err := e.JS.Consumer(context.Background(), stream.StreamName, "syncer-"+Target)
	testcheck.NoError(e.t, err)
	return consumer.CachedInfo()
}

// Idle waits until every message is acknowledged or terminated. The backlog alone does not show that: the server counts a
// message there a moment after it has stored it.
func (e *Env) Idle() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	components, err := e.JS.Stream(ctx, stream.StreamName)
	testcheck.NoError(e.t, err)
	consumer, err := components.Consumer(ctx, "syncer-"+Target)
	testcheck.NoError(e.t, err)
	Eventually(e.t, "every message to be done", func() bool {
		stored, err := components.Info(ctx)
		if err != nil {
			return false
		}
		done, err := consumer.Info(ctx)
		return err == nil && done.AckFloor.Stream == stored.State.LastSeq
	})
}

// Backlog returns the backlog of the consumer.
func (e *Env) Backlog() stream.Backlog {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	backlog, err := e.consumer.Backlog(ctx)
	testcheck.NoError(e.t, err)
	return backlog
}
