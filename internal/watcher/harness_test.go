package watcher

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/logtest"
	"odasync/internal/natsconn"
	"odasync/internal/prune"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/internal/watcher/inventory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is a watcher between a source that the test controls and a log on a real server.
type harness struct {
	server  *streamtest.Server
	conn    *natsconn.Conn
	log     *stream.Log
	gauges  *prometheus.Registry
	metrics *Metrics
	source  *fakeSource
	watcher *Watcher

	approvals *store.Records

	mu    sync.Mutex
	stale bool // the lease is not fresh
}

const cluster = "east"

func newHarness(t testing.TB) *harness {
	t.Helper()
	server := streamtest.Start(t)
	return newHarnessOn(t, server, server.Conn(t), cluster)
}

// newParallel returns a harness of a test that is parallel to others.
func newParallel(t *testing.T) *harness {
	t.Helper()
	t.Parallel()
	return newHarness(t)
}

func newHarnessOn(t testing.TB, server *streamtest.Server, conn *natsconn.Conn, cluster string) *harness {
	t.Helper()
	gauges := prometheus.NewRegistry()
	b := &harness{server: server, conn: conn, gauges: gauges, metrics: NewMetrics(gauges), source: newFakeSource()}
	var err error
	if b.log, err = stream.EnsureLog(context.Background(), conn); err != nil {
		t.Fatal(err)
	}
	if b.approvals, err = store.EnsureRecords(context.Background(), conn); err != nil {
		t.Fatal(err)
	}
	publishErrors := PublishErrors{Superseded: stream.Superseded, TooLarge: stream.ErrTooLarge, LogMissing: stream.ErrLogMissing}
	cfg := Config{ClusterName: cluster, Retention: config.Duration(time.Hour)}
	b.watcher = New(cfg, prune.Config{MaxPercent: 30}, b.source, publishErrors, b.fresh, b.metrics, nil, zerolog.Nop())
	return b
}

func (b *harness) fresh() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.stale
}

// captureLog returns what the watcher logs from now on.
func (b *harness) captureLog() *logtest.Buffer {
	log := new(logtest.Buffer)
	b.watcher.log = zerolog.New(log)
	return log
}

func (b *harness) setStale() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stale = true
}

// fakeSource is a Source for which the test reports, through the observer of the term.
type fakeSource struct {
	began     chan component.Observer
	fail      chan error
	refreshes chan struct{} // of another resync

	scopes []component.Scope                                                 // changed before the term
	read   func(namespace, name string) (component.Observation, bool, error) // nil where nothing exists

	identity atomic.Pointer[string]
}

func newFakeSource() *fakeSource {
	return &fakeSource{began: make(chan component.Observer), fail: make(chan error), refreshes: make(chan struct{}, 100), scopes: []component.Scope{all}}
}

func (s *fakeSource) Identity() string {
	if identity := s.identity.Load(); identity != nil {
		return *identity
	}
	return ""
}

func (s *fakeSource) Scopes() []component.Scope { return s.scopes }

func (s *fakeSource) Read(_ context.Context, namespace, name string) (component.Observation, bool, error) {
	if s.read == nil {
		return component.Observation{}, false, nil
	}
	return s.read(namespace, name)
}

func (s *fakeSource) Refresh() { s.refreshes <- struct{}{} }

func (s *fakeSource) Watch(ctx context.Context, to component.Observer) error {
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
	b    *harness
	to   *publisher
	ctx  context.Context
	stop context.CancelFunc
	done chan struct{}
	err  error // of Lead; valid after done

	unchanged int // reports that Unchanged made superfluous
}

// lead begins a term on the log and waits for the Watch of the source.
func (b *harness) lead(t testing.TB, to Log) *term {
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

// end stops the term and returns the error of Lead.
func (l *term) end() error {
	l.stop()
	<-l.done
	return l.err
}

// awaitEnd waits until the term ends by itself.
func (l *term) awaitEnd() error {
	l.t.Helper()
	testwait.Until(l.t, "the term to end by itself", func() bool {
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
	l.report(0, seen...)
}

// observed is observe, and waits until every change is published.
func (l *term) observed(seen ...component.Observation) {
	l.t.Helper()
	l.observe(seen...)
	l.awaitIdle()
}

// report reports components within a resync, as a source does that knows whether its resource has changed.
func (l *term) report(generation uint64, seen ...component.Observation) {
	l.t.Helper()
	for _, o := range seen {
		if o.Source = sourceOf(o); !o.Deleted && l.to.Unchanged(generation, o.Namespace, o.Name, o.Source) {
			l.unchanged++
			continue
		}
		if err := l.to.Observe(l.ctx, generation, o); err != nil {
			l.t.Fatalf("observe %s: %v", o.Name, err)
		}
	}
}

// resync reports a complete resync.
func (l *term) resync(scope component.Scope, seen ...component.Observation) {
	l.t.Helper()
	generation := l.to.Begin(scope)
	l.report(generation, seen...)
	if err := l.to.End(l.ctx, generation, scope, component.Resync{}); err != nil {
		l.t.Fatalf("end the resync: %v", err)
	}
}

// resynced is resync, and waits until every decision is made and every change is published.
func (l *term) resynced(scope component.Scope, seen ...component.Observation) {
	l.t.Helper()
	l.resync(scope, seen...)
	l.awaitIdle()
}

// awaitIdle waits until every decision is made and every change is published.
func (l *term) awaitIdle() {
	l.t.Helper()
	testwait.Until(l.t, "everything to be decided and published", func() bool {
		if l.to.queue.Len() > 0 || l.undecided() || l.b.watcher.confirmed.Len() > 0 {
			return false
		}
		for _, n := range l.to.inventory.Names() {
			if !l.to.queue.Idle(n) {
				return false
			}
		}
		return true
	})
}

// undecided reports whether a decision about an absent component is due.
func (l *term) undecided() bool {
	for _, n := range l.to.inventory.Names() {
		if l.to.inventory.Get(n).Presence == inventory.Absent {
			return true
		}
	}
	return false
}

// publishAsOther publishes as another leader.
func (b *harness) publishAsOther(t testing.TB, o component.Observation) uint64 {
	t.Helper()
	key := component.Key{Cluster: b.watcher.cluster, Namespace: o.Namespace, Name: o.Name}
	newest, _, err := b.log.Newest(t.Context(), key)
	testcheck.NoError(t, err)
	e := event.Tombstone(key, o.UID, o.ResourceVersion, o.Seen)
	if !o.Deleted {
		e = event.Upserted(key, o)
	}
	sequence, err := b.log.Publish(t.Context(), e, newest.Sequence)
	testcheck.NoError(t, err)
	return sequence
}

// count reads a counter.
func count(c prometheus.Collector) int { return int(testutil.ToFloat64(c)) }

// ns is the namespace of most tests.
const ns = "odacompns-1"

// all is the scope of all namespaces.
var all = testcheck.Must(component.ParseScope(component.AllNamespaces))

func scope(t testing.TB, text string) component.Scope {
	t.Helper()
	s := testcheck.Must(component.ParseScope(text))
	return s
}

// seen is an observation of a component with a content.
func seen(name, content string) component.Observation {
	return seenIn(ns, name, content)
}

func seenIn(namespace, name, content string) component.Observation {
	return component.Observation{
		Namespace: namespace, Name: name, UID: "uid-" + name, ResourceVersion: "1", Seen: time.Unix(1700000000, 0),
		Component: &component.Component{Namespace: namespace, Name: name, Metadata: component.Metadata{Description: content}},
	}
}

var seed = maphash.MakeSeed()

// sourceOf is the digest of the resource.
func sourceOf(o component.Observation) uint64 {
	return max(maphash.String(seed, fmt.Sprint(o.UID, o.ResourceVersion, o.Component, o.Err)), 1)
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

// large is content of that many bytes.
func large(bytes int) string { return strings.Repeat("x", bytes) }

// gone is the content of a tombstone.
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
func (b *harness) history(t testing.TB) []message {
	t.Helper()
	var all []message
	for _, e := range b.events(t) {
		all = append(all, short(e))
	}
	return all
}

func (b *harness) events(t testing.TB) []event.Event {
	t.Helper()
	s := b.stream(t)
	info, err := s.Info(t.Context())
	testcheck.NoError(t, err)
	var all []event.Event
	for sequence := max(info.State.FirstSeq, 1); sequence <= info.State.LastSeq; sequence++ {
		m, err := s.GetMsg(t.Context(), sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		testcheck.NoError(t, err)
		if strings.HasPrefix(m.Subject, event.SnapshotPrefix+".") {
			continue
		}
		e, err := event.Decode(event.Message{Subject: m.Subject, Header: m.Header, Data: m.Data}, sequence)
		testcheck.NoError(t, err)
		if e.Key.Cluster == b.watcher.cluster {
			all = append(all, e)
		}
	}
	return all
}

// contentsOf returns the contents of a component, oldest first.
func contentsOf(name string, messages []message) []string {
	var contents []string
	for _, m := range messages {
		if m.Name == name {
			contents = append(contents, m.Content)
		}
	}
	return contents
}

// heads reads the newest content of every component, by name.
func (b *harness) heads(t testing.TB) map[string]string {
	t.Helper()
	newest := make(map[string]string)
	err := b.log.NewestOfEach(context.Background(), event.ClusterSubjects(b.watcher.cluster), func(e event.Event, err error) {
		testcheck.NoError(t, err)
		newest[e.Key.Name] = short(e).Content
	})
	testcheck.NoError(t, err)
	return newest
}

// interceptor is a log whose publishes the test blocks and fails.
type interceptor struct {
	Log

	mu       sync.Mutex
	hold     chan struct{} // while not nil, publishes of held names wait until it is closed
	names    []string      // the names that wait; all when empty
	waiting  int
	loseAck  map[string]int   // by name: how many publishes stand in the log and yet fail
	fail     map[string]error // by name: the error instead of a publish
	attempts map[string]int
}

func intercept(log Log) *interceptor {
	return &interceptor{Log: log, loseAck: make(map[string]int), fail: make(map[string]error), attempts: make(map[string]int)}
}

// block makes publishes wait, of the names or of all, until the returned function is called.
func (l *interceptor) block(names ...string) (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hold := make(chan struct{})
	l.hold, l.names = hold, names
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.hold = nil
		close(hold)
	})
}

// blocked counts the publishes that wait.
func (l *interceptor) blocked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting
}

func (l *interceptor) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

var errLostAck = errors.New("the answer was lost")

func (l *interceptor) Publish(ctx context.Context, e event.Event, expected uint64) (uint64, error) {
	l.mu.Lock()
	hold := l.hold
	if hold != nil && len(l.names) > 0 && !slices.Contains(l.names, e.Key.Name) {
		hold = nil
	}
	l.attempts[e.Key.Name]++
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

// storedSnapshot is a snapshot marker and its sequence.
type storedSnapshot struct {
	event.Snapshot
	at uint64
}

// markers reads every marker of the cluster, oldest first.
func (b *harness) snapshots(t testing.TB) []storedSnapshot {
	t.Helper()
	s := b.stream(t)
	info, err := s.Info(t.Context())
	testcheck.NoError(t, err)
	var all []storedSnapshot
	for sequence := max(info.State.FirstSeq, 1); sequence <= info.State.LastSeq; sequence++ {
		m, err := s.GetMsg(t.Context(), sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Subject != event.SnapshotSubject(b.watcher.cluster) {
			continue
		}
		testcheck.NoError(t, err)
		marker, err := event.DecodeSnapshot(event.Message{Subject: m.Subject, Header: m.Header, Data: m.Data})
		testcheck.NoError(t, err)
		all = append(all, storedSnapshot{marker, sequence})
	}
	return all
}

func (b *harness) stream(t testing.TB) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(b.server.NATS(t))
	testcheck.NoError(t, err)
	s, err := js.Stream(t.Context(), stream.StreamName)
	testcheck.NoError(t, err)
	return s
}

// purge removes every message of a component, as the nats tool does.
func (b *harness) purge(t testing.TB, name string) {
	t.Helper()
	key := component.Key{Cluster: b.watcher.cluster, Namespace: ns, Name: name}
	testcheck.NoError(t, b.stream(t).Purge(t.Context(), jetstream.WithPurgeSubject(event.Subject(key))))
}

// requestFullSync requests a full sync.
func (l *term) requestFullSync() <-chan result {
	answer := make(chan result, 1)
	go func() {
		m, err := l.b.watcher.FullSync(l.ctx)
		answer <- result{m, err}
	}()
	return answer
}

// beginFullSync is requestFullSync, and waits until it begins.
func (l *term) beginFullSync() <-chan result {
	l.t.Helper()
	answer := l.requestFullSync()
	l.awaitRefresh()
	return answer
}

// awaitRefresh waits for a Refresh of the source.
func (l *term) awaitRefresh() {
	l.t.Helper()
	select {
	case <-l.b.source.refreshes:
	case <-time.After(testwait.Limit):
		l.t.Fatal("the source was not refreshed")
	}
}

func (l *term) awaitSnapshot(answer <-chan result) event.Snapshot {
	l.t.Helper()
	select {
	case r := <-answer:
		if r.err != nil {
			l.t.Fatalf("full sync: %v", r.err)
		}
		return r.snapshot
	case <-time.After(testwait.Limit):
		l.t.Fatal("no answer to the full sync")
	}
	return event.Snapshot{}
}

// fullSync requests a full sync in which the source reports the components.
func (l *term) fullSync(shows ...component.Observation) event.Snapshot {
	l.t.Helper()
	answer := l.beginFullSync()
	for _, scope := range l.b.source.scopes {
		l.resync(scope, shows...)
	}
	return l.awaitSnapshot(answer)
}

// failingLog is a log with methods that fail.
type failingLog struct {
	Log
	mu    sync.Mutex
	fails map[string]int // by method: how many more times; -1 for ever
	calls map[string]int
}

func newFailingLog(log Log) *failingLog {
	return &failingLog{Log: log, fails: make(map[string]int), calls: make(map[string]int)}
}

func (f *failingLog) set(method string, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails[method] = times
}

func (f *failingLog) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

func (f *failingLog) fail(method string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[method]++
	if f.fails[method] == 0 {
		return nil
	}
	f.fails[method]--
	return fmt.Errorf("%s does not work for now", method)
}

func (f *failingLog) Heads(ctx context.Context, cluster string, each func(event.Head)) error {
	if err := f.fail("heads"); err != nil {
		return err
	}
	return f.Log.Heads(ctx, cluster, each)
}

func (f *failingLog) PublishSnapshot(ctx context.Context, m event.Snapshot) error {
	if err := f.fail("mark"); err != nil {
		return err
	}
	return f.Log.PublishSnapshot(ctx, m)
}

func (f *failingLog) LastSnapshot(ctx context.Context, cluster string) (event.Snapshot, bool, error) {
	if err := f.fail("last mark"); err != nil {
		return event.Snapshot{}, false, err
	}
	return f.Log.LastSnapshot(ctx, cluster)
}

func (f *failingLog) Purge(ctx context.Context, key component.Key, sequence uint64) error {
	if err := f.fail("purge"); err != nil {
		return err
	}
	return f.Log.Purge(ctx, key, sequence)
}

// many are components of one namespace, numbered from first on.
func many(namespace string, first, count int) []component.Observation {
	all := make([]component.Observation, count)
	for i := range all {
		all[i] = seenIn(namespace, fmt.Sprintf("%s-c%d", namespace, first+i), "A")
	}
	return all
}

// tombstones counts the components whose newest message is one.
func (b *harness) tombstones(t testing.TB) int {
	t.Helper()
	sum := 0
	for _, content := range b.heads(t) {
		if content == gone {
			sum++
		}
	}
	return sum
}

// pendingMetric is the value of the metric.
func (b *harness) pendingMetric() int {
	return int(gaugeOf(b.gauges, "odasync_deletions_pending_approval"))
}

func gaugeOf(gauges *prometheus.Registry, name string) float64 {
	families, err := gauges.Gather()
	if err != nil {
		panic(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.Metric[0].GetGauge().GetValue()
		}
	}
	panic("no metric " + name)
}

// pendingDeletion returns what waits for an approval, and fails the test if nothing does.
func (b *harness) pendingDeletion(t testing.TB) *prune.PendingDeletion {
	t.Helper()
	waits := b.watcher.PendingDeletion()
	if waits == nil {
		t.Fatal("nothing waits for an approval")
	}
	return waits
}

func (b *harness) approve(t testing.TB, id string) {
	t.Helper()
	testcheck.NoError(t, b.approvals.Approve(t.Context(), id))
}

const pendingMessage = `"deletion pending approval"`

// namespaces makes the source one of that many namespaces, each a scope of its own.
func (b *harness) namespaces(t testing.TB, count int) {
	t.Helper()
	b.source.scopes = nil
	for s := range count {
		b.source.scopes = append(b.source.scopes, scope(t, fmt.Sprintf("team-%d", s)))
	}
}

// resyncAll reports a complete resync of each scope with that many components.
func (l *term) resyncAll(each int) {
	l.t.Helper()
	for _, part := range l.b.source.scopes {
		l.resync(part, many(part.String(), 0, each)...)
	}
}

// resyncedAll is resyncAll, and waits until every decision is made and every change is published.
func (l *term) resyncedAll(each int) {
	l.t.Helper()
	l.resyncAll(each)
	l.awaitIdle()
}

// fullSyncOf is a fullSync in which each scope has that many components.
func (l *term) fullSyncOf(each int) {
	l.t.Helper()
	answer := l.beginFullSync()
	l.resyncAll(each)
	l.awaitSnapshot(answer)
}

// newTerm returns a harness with a term, of a test that is parallel to others.
func newTerm(t *testing.T) (*harness, *term) {
	t.Helper()
	b := newParallel(t)
	return b, b.lead(t, b.log)
}

// newInterceptedTerm is newTerm with publishes that can be blocked.
func newInterceptedTerm(t *testing.T) (*harness, *interceptor, *term) {
	t.Helper()
	b := newParallel(t)
	log := intercept(b.log)
	return b, log, b.lead(t, log)
}

func (b *harness) expectHeads(t testing.TB, want map[string]string) {
	t.Helper()
	testcheck.Equal(t, "heads", want, b.heads(t))
}

func (b *harness) expectHistory(t testing.TB, want []message) {
	t.Helper()
	testcheck.Equal(t, "messages", want, b.history(t))
}

func (b *harness) expectContents(t testing.TB, name string, want []string) {
	t.Helper()
	testcheck.Equal(t, fmt.Sprintf("messages of %s", name), want, contentsOf(name, b.history(t)))
}
