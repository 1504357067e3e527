package syncer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/syncer"
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

const target = "default"

// bench is a stream on a real server and a registry in memory, between which a test starts syncers.
type bench struct {
	t        testing.TB
	server   *streamtest.Server
	conn     *stream.Conn
	js       jetstream.JetStream
	log      *stream.Log
	states   *stream.States
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
	if b.states, err = b.log.States(context.Background(), target); err != nil {
		b.t.Fatal(err)
	}
	if b.consumer, err = b.log.EnsureConsumer(context.Background(), target, "http://registry"); err != nil {
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

func (b *bench) state(name string) syncer.State {
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
	consumer, err := components.Consumer(ctx, "syncer-"+target)
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

// setup is how a test wants a replica.
type setup struct {
	url         string // of the server; empty for the bench's
	concurrency int
	tries       int // of an apply before its message goes back
	pause       time.Duration
	grace       time.Duration
	wrap        func(syncer.Ports) syncer.Ports
}

// replica is a syncer that runs.
type replica struct {
	t       testing.TB
	syncer  *syncer.Syncer
	metrics *prometheus.Registry
	logs    *lines
	stop    context.CancelFunc
	done    chan struct{}
	err     error // of Run; valid after done
}

// start runs a syncer as a process would, with a connection of its own.
func (b *bench) start(s setup) *replica {
	b.t.Helper()
	if s.url == "" {
		s.url = b.server.URL()
	}
	conn, err := stream.Connect(stream.Config{URL: s.url, Replicas: 1, History: 32}, "replica", zerolog.Nop(),
		nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &replica{t: b.t, metrics: prometheus.NewRegistry(), logs: &lines{}, stop: stop, done: make(chan struct{})}
	log, err := conn.OpenLog(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	consumer, err := log.EnsureConsumer(ctx, target, "http://registry")
	if err != nil {
		b.t.Fatal(err)
	}
	claims, err := conn.Claims(ctx, "target-"+target, nats.NewInbox())
	if err != nil {
		b.t.Fatal(err)
	}
	states, err := log.States(ctx, target)
	if err != nil {
		b.t.Fatal(err)
	}
	cfg := syncer.Config{
		Target: target, Concurrency: max(s.concurrency, 1), Batch: max(s.concurrency, 1), Tries: max(s.tries, 1), Pause: config.Duration(s.pause),
	}
	if err := consumer.Open(cfg.Batch); err != nil {
		b.t.Fatal(err)
	}
	ports := syncer.Ports{Deliveries: consumer, Heads: log, Claims: claims, States: states, Registry: b.registry}
	if s.wrap != nil {
		ports = s.wrap(ports)
	}
	if s.grace == 0 {
		s.grace = patience
	}
	timing := syncer.Timing{Heartbeat: stream.AckWait / 3, Grace: s.grace}
	r.syncer = syncer.New(ports, cfg, timing, syncer.NewMetrics(r.metrics), zerolog.New(r.logs))
	go func() {
		defer close(r.done)
		r.err = r.syncer.Run(ctx)
	}()
	b.t.Cleanup(func() {
		stop()
		<-r.done
		consumer.Close()
		conn.Close()
	})
	return r
}

// end stops the replica and returns what Run returned.
func (r *replica) end() error {
	r.stop()
	<-r.done
	return r.err
}

// ended waits for Run to return.
func (r *replica) ended() error {
	r.t.Helper()
	eventually(r.t, "Run to return", func() bool {
		select {
		case <-r.done:
			return true
		default:
			return false
		}
	})
	return r.err
}

// outcome counts the messages with that outcome.
func (r *replica) outcome(name string) int {
	return r.counter("odasync_events_handled_total", name)
}

func (r *replica) races() int { return r.counter("odasync_apply_races_total", "") }

// counter reads a counter, of the label value where one is given.
func (r *replica) counter(name, label string) int {
	r.t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	r.t.Fatalf("no metric %s of %q", name, label)
	return 0
}

// lines collects a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// messages lists the messages of a level, oldest first.
func (l *lines) messages(t testing.TB, level zerolog.Level) []string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for line := range bytes.Lines(l.buf.Bytes()) {
		var entry struct{ Level, Message string }
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Level == level.String() {
			all = append(all, entry.Message)
		}
	}
	return all
}
