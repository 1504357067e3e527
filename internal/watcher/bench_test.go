package watcher

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; nothing is slower than that by design.
const patience = 20 * time.Second

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for: %s", patience, what)
		}
	}
}

// bench is a watcher between a source that the test plays and a log on a real server.
type bench struct {
	server  *streamtest.Server
	conn    *stream.Conn
	log     *stream.Log
	gauges  *prometheus.Registry
	metrics *Metrics
	source  *script
	watcher *Watcher

	mu    sync.Mutex
	stale bool // the lease is not fresh
}

const cluster = "east"

func newBench(t testing.TB) *bench {
	t.Helper()
	server := streamtest.Start(t)
	return newBenchOn(t, server, server.Conn(t), cluster)
}

func newBenchOn(t testing.TB, server *streamtest.Server, conn *stream.Conn, cluster string) *bench {
	t.Helper()
	gauges := prometheus.NewRegistry()
	b := &bench{server: server, conn: conn, gauges: gauges, metrics: NewMetrics(gauges), source: newScript()}
	var err error
	if b.log, err = conn.EnsureLog(context.Background()); err != nil {
		t.Fatal(err)
	}
	refusals := Refusals{
		Superseded: func(err error) (event.Head, bool) {
			var superseded *stream.SupersededError
			if errors.As(err, &superseded) {
				return superseded.Head, true
			}
			return event.Head{}, false
		},
		TooLarge:   stream.ErrTooLarge,
		LogMissing: stream.ErrLogMissing,
	}
	b.watcher = New(Config{ClusterName: cluster}, b.source, refusals, b.fresh, b.metrics, zerolog.Nop())
	return b
}

func (b *bench) fresh() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.stale
}

func (b *bench) setStale() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stale = true
}

// script is a Source whose reports the test makes itself, through the observer of the term.
type script struct {
	began chan component.Observer
	fail  chan error
}

func newScript() *script {
	return &script{began: make(chan component.Observer), fail: make(chan error)}
}

func (s *script) Watch(ctx context.Context, to component.Observer) error {
	select {
	case s.began <- to:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-s.fail:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// term is one Lead under way.
type term struct {
	t    testing.TB
	b    *bench
	to   *publisher
	ctx  context.Context
	stop context.CancelFunc
	done chan struct{}
	err  error // of Lead; valid after done
}

// lead begins a term on the log and waits until the source is asked to watch.
func (b *bench) lead(t testing.TB, to Log) *term {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &term{t: t, b: b, ctx: ctx, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.err = b.watcher.Lead(ctx, to)
	}()
	t.Cleanup(func() { stop(); <-l.done })
	select {
	case observer := <-b.source.began:
		l.to = observer.(*publisher)
	case <-l.done:
		t.Fatalf("the term ended before it began: %v", l.err)
	}
	return l
}

// end stops the term from outside and returns what Lead returned.
func (l *term) end() error {
	l.stop()
	<-l.done
	return l.err
}

// ended waits for the term to end by itself.
func (l *term) ended() error {
	l.t.Helper()
	eventually(l.t, "the term to end by itself", func() bool {
		select {
		case <-l.done:
			return true
		default:
			return false
		}
	})
	return l.err
}

func (l *term) observe(seen ...component.Observation) {
	l.t.Helper()
	for _, o := range seen {
		if err := l.to.Observe(l.ctx, 0, o); err != nil {
			l.t.Fatalf("observe %s: %v", o.Name, err)
		}
	}
}

// round reports a complete round.
func (l *term) round(scope component.Scope, seen ...component.Observation) {
	l.t.Helper()
	round := l.to.Begin(scope)
	l.observe(seen...)
	if err := l.to.End(l.ctx, round, scope); err != nil {
		l.t.Fatalf("end the round: %v", err)
	}
}

// settled waits until nothing waits or is being published.
func (l *term) settled() {
	l.t.Helper()
	eventually(l.t, "everything to be published", func() bool {
		if l.to.lanes.Len() > 0 {
			return false
		}
		for _, n := range l.to.table.names() {
			if !l.to.lanes.Idle(n) {
				return false
			}
		}
		return true
	})
}

// names lists every entry; a deletion of what was never seen has none and publishes nothing.
func (t *table) names() []name {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []name
	for n := range t.entries {
		all = append(all, n)
	}
	return all
}

// ns is the namespace of most tests; scopes of it.
const ns = "odacompns-1"

func scope(t testing.TB, text string) component.Scope {
	t.Helper()
	s, err := component.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// seen is the sight of a component whose content is told by one word.
func seen(name, content string) component.Observation {
	return seenIn(ns, name, content)
}

func seenIn(namespace, name, content string) component.Observation {
	return component.Observation{
		Namespace: namespace, Name: name, UID: "uid-" + name, ResourceVersion: "1", Seen: time.Unix(1700000000, 0),
		Component: &component.Component{Namespace: namespace, Name: name, Metadata: component.Metadata{Description: content}},
	}
}

func withUID(o component.Observation, uid string) component.Observation {
	o.UID = uid
	return o
}

func deleted(name string) component.Observation {
	return component.Observation{
		Namespace: ns, Name: name, UID: "uid-" + name, ResourceVersion: "2", Seen: time.Unix(1700000001, 0), Deleted: true,
	}
}

func malformed(name string) component.Observation {
	return component.Observation{
		Namespace: ns, Name: name, UID: "uid-" + name, ResourceVersion: "3", Seen: time.Unix(1700000002, 0),
		Err: &component.FieldError{Field: "spec", Problem: "is missing"},
	}
}

// gone stands for a tombstone in the lists that history and heads return.
const gone = "(deleted)"

// message is a message of the log in short.
type message struct{ Name, Content string }

func short(e event.Event) message {
	if e.Deleted() {
		return message{e.Key.Name, gone}
	}
	return message{e.Key.Name, e.Component.Metadata.Description}
}

// history reads every message of the cluster, oldest first.
func (b *bench) history(t testing.TB) []message {
	t.Helper()
	var all []message
	for _, e := range b.events(t) {
		all = append(all, short(e))
	}
	return all
}

func (b *bench) events(t testing.TB) []event.Event {
	t.Helper()
	js, err := jetstream.New(b.server.NATS(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []event.Event
	for sequence := max(info.State.FirstSeq, 1); sequence <= info.State.LastSeq; sequence++ {
		m, err := s.GetMsg(t.Context(), sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := event.Decode(event.Message{Subject: m.Subject, Header: m.Header, Data: m.Data}, sequence)
		if err != nil {
			t.Fatal(err)
		}
		if e.Key.Cluster == b.watcher.cluster {
			all = append(all, e)
		}
	}
	return all
}

// of returns the contents that a component had, oldest first.
func of(name string, messages []message) []string {
	var contents []string
	for _, m := range messages {
		if m.Name == name {
			contents = append(contents, m.Content)
		}
	}
	return contents
}

// heads reads the newest content of every component, by name.
func (b *bench) heads(t testing.TB) map[string]string {
	t.Helper()
	newest := make(map[string]string)
	err := b.log.Components(context.Background(), b.watcher.cluster, func(e event.Event, err error) {
		if err != nil {
			t.Fatal(err)
		}
		newest[e.Key.Name] = short(e).Content
	})
	if err != nil {
		t.Fatal(err)
	}
	return newest
}

// foreign publishes as another leader would.
func (b *bench) foreign(t testing.TB, o component.Observation) uint64 {
	t.Helper()
	key := component.Key{Cluster: b.watcher.cluster, Namespace: o.Namespace, Name: o.Name}
	newest, _, err := b.log.Newest(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	e := event.Tombstone(key, o.UID, o.ResourceVersion, o.Seen)
	if !o.Deleted {
		e = event.Upserted(key, o)
	}
	sequence, err := b.log.Publish(t.Context(), e, newest.Sequence)
	if err != nil {
		t.Fatal(err)
	}
	return sequence
}

// count reads a counter.
func count(c prometheus.Collector) int { return int(testutil.ToFloat64(c)) }

// tap is a log whose publishes the test watches and disturbs.
type tap struct {
	Log

	mu      sync.Mutex
	hold    chan struct{} // while not nil, publishes of held names wait until it is closed
	held    []string      // the names that wait; all when empty
	waiting int
	loseAck map[string]int   // by name: how many publishes stand in the log and yet fail
	fail    map[string]error // by name: the error instead of a publish
	tried   map[string]int
}

func tapped(log Log) *tap {
	return &tap{Log: log, loseAck: make(map[string]int), fail: make(map[string]error), tried: make(map[string]int)}
}

// block makes publishes wait, of the names or of all, until the returned function is called.
func (l *tap) block(names ...string) (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hold := make(chan struct{})
	l.hold, l.held = hold, names
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.hold = nil
		close(hold)
	})
}

// blocked counts the publishes that wait.
func (l *tap) blocked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting
}

func (l *tap) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

var errLostAck = errors.New("the answer was lost")

func (l *tap) Publish(ctx context.Context, e event.Event, expected uint64) (uint64, error) {
	l.mu.Lock()
	hold := l.hold
	if hold != nil && len(l.held) > 0 && !slices.Contains(l.held, e.Key.Name) {
		hold = nil
	}
	l.tried[e.Key.Name]++
	l.mu.Unlock()
	if hold != nil {
		l.set(func() { l.waiting++ })
		<-hold
		l.set(func() { l.waiting-- })
	}
	l.mu.Lock()
	err := l.fail[e.Key.Name]
	l.mu.Unlock()
	if err != nil {
		return 0, err
	}
	sequence, err := l.Log.Publish(ctx, e, expected)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.loseAck[e.Key.Name] > 0 {
		l.loseAck[e.Key.Name]--
		return 0, errLostAck
	}
	return sequence, err
}

// large is content of that many bytes.
func large(bytes int) string { return strings.Repeat("x", bytes) }
