package watcher

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/store"
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

	approvals *store.Records

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
	if b.approvals, err = store.EnsureRecords(context.Background(), conn); err != nil {
		t.Fatal(err)
	}
	refusals := PublishErrors{
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
	cfg := Config{ClusterName: cluster, Retention: config.Duration(time.Hour)}
	b.watcher = New(cfg, prune.Config{MaxPercent: 30}, b.source, refusals, b.fresh, b.metrics, nil, zerolog.Nop())
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
	asked chan struct{} // for another round

	scopes []component.Scope // changed before the term

	identity atomic.Pointer[string]
}

func newScript() *script {
	all, err := component.ParseScope(component.AllNamespaces)
	if err != nil {
		panic(err) // the word is our own
	}
	return &script{began: make(chan component.Observer), fail: make(chan error), asked: make(chan struct{}, 100), scopes: []component.Scope{all}}
}

func (s *script) Identity() string {
	if identity := s.identity.Load(); identity != nil {
		return *identity
	}
	return ""
}

func (s *script) Scopes() []component.Scope { return s.scopes }

func (s *script) Refresh() { s.asked <- struct{}{} }

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
		l.err = b.watcher.Lead(ctx, to, b.approvals)
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
	l.show(0, seen...)
}

// show reports components as parts of a round.
func (l *term) show(round uint64, seen ...component.Observation) {
	l.t.Helper()
	for _, o := range seen {
		if err := l.to.Observe(l.ctx, round, o); err != nil {
			l.t.Fatalf("observe %s: %v", o.Name, err)
		}
	}
}

// round reports a complete round.
func (l *term) round(scope component.Scope, seen ...component.Observation) {
	l.t.Helper()
	round := l.to.Begin(scope)
	l.show(round, seen...)
	if err := l.to.End(l.ctx, round, scope, ""); err != nil {
		l.t.Fatalf("end the round: %v", err)
	}
}

// settled waits until everything absent is decided about, and nothing waits or is being published.
func (l *term) settled() {
	l.t.Helper()
	eventually(l.t, "everything to be decided and published", func() bool {
		if l.to.queue.Len() > 0 || l.undecided() || l.b.watcher.confirmed.len() > 0 {
			return false
		}
		for _, n := range l.to.inventory.names() {
			if !l.to.queue.Idle(n) {
				return false
			}
		}
		return true
	})
}

// undecided says whether something is absent that no decision was made about.
func (l *term) undecided() bool {
	l.to.inventory.mu.Lock()
	defer l.to.inventory.mu.Unlock()
	for _, e := range l.to.inventory.entries {
		if e.presence == absent {
			return true
		}
	}
	return false
}

func (d *confirmedDeletions) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.deletions)
}

// names lists every entry; a deletion of what was never seen has none and publishes nothing.
func (t *inventory) names() []name {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []name
	for n := range t.entries {
		all = append(all, n)
	}
	return all
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
