package reconcile_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/reconcile"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is the cluster of all components.
var cluster = syncertest.Key("").Cluster

// inventory lists the registry in memory: one entry of odasync for each name.
type inventory struct {
	*syncertest.Registry

	mu      sync.Mutex
	edit    func([]target.Entry) []target.Entry // what the listing shows instead
	failure error                               // after the first entry
	names   map[string]string                   // of components that the configuration names differently
}

// Inventory implements reconcile.Inventory.
func (i *inventory) Inventory(_ context.Context, cluster string, each func(target.Entry)) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, e := range i.entries() {
		if i.failure != nil && n == 1 {
			return i.failure
		}
		if e.Key.Cluster == "" || e.Key.Cluster == cluster {
			each(e)
		}
	}
	return i.failure
}

// Place implements reconcile.Inventory.
func (i *inventory) Place(k component.Key) target.Ref {
	i.mu.Lock()
	defer i.mu.Unlock()
	return target.Ref{Registry: "self", Name: cmp.Or(i.names[k.Name], k.Name)}
}

func (i *inventory) entries() []target.Entry {
	var all []target.Entry
	for name, content := range i.Contents() {
		all = append(all, target.Entry{Key: syncertest.Key(name), Ref: target.Ref{Registry: "self", Name: name, ID: "id-" + name, Digest: content}})
	}
	slices.SortFunc(all, func(a, b target.Entry) int { return cmp.Compare(a.Ref.Name, b.Ref.Name) })
	if i.edit != nil {
		all = i.edit(all)
	}
	return all
}

// fail sets the failure of listings from now on.
func (i *inventory) fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failure = err
}

// setEdit changes what is listed from now on.
func (i *inventory) setEdit(edit func([]target.Entry) []target.Entry) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.edit = edit
}

// env is an environment with an inventory, and a snapshot marker in the stream once a replica runs.
type env struct {
	*syncertest.Env
	t         *testing.T
	inventory *inventory
	records   *store.Records
	marked    bool
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := syncertest.NewParallel(t)
	records := testcheck.Must(store.EnsureRecords(t.Context(), e.Conn))
	return &env{Env: e, t: t, inventory: &inventory{Registry: e.Registry}, records: records}
}

// replica is a syncer and the metrics of its reconcilers.
type replica struct {
	*syncertest.Replica
	metrics *reconcile.Metrics
}

// start starts a replica. The first marker comes after it, since an earlier one proves nothing to the replica.
func (e *env) start(s syncertest.Setup) *replica {
	e.t.Helper()
	r := &replica{Replica: e.Start(s)}
	r.metrics = reconcile.NewMetrics(r.Metrics)
	if !e.marked {
		e.marked = true
		e.mark("first")
	}
	return r
}

// started returns an environment with a replica.
func started(t *testing.T, s syncertest.Setup) (*env, *replica) {
	t.Helper()
	e := newEnv(t)
	return e, e.start(s)
}

// startWithoutMessages starts a replica that gets no messages.
func (e *env) startWithoutMessages() *replica {
	e.t.Helper()
	return e.start(syncertest.Setup{Concurrency: 4, Wrap: func(d *syncer.Dependencies) { d.Deliveries = noDeliveries{} }})
}

// noDeliveries delivers nothing.
type noDeliveries struct{}

func (noDeliveries) Open(context.Context, int) error { return nil }
func (noDeliveries) Close()                          {}
func (noDeliveries) Next(ctx context.Context) (event.Delivery, error) {
	<-ctx.Done()
	return event.Delivery{}, ctx.Err()
}

// apply publishes components and waits until they are applied.
func (e *env) apply(content string, names ...string) {
	e.t.Helper()
	for _, name := range names {
		e.Put(name, content)
	}
	e.done()
}

// addOrphans adds entries of odasync to the registry that the stream does not contain.
func (e *env) addOrphans(count int) {
	for i := range count {
		e.Registry.Set("X", fmt.Sprintf("orphan-%02d", i))
	}
}

// mark publishes a marker; unlisted are namespaces that could not be listed.
func (e *env) mark(id string, unlisted ...string) {
	e.t.Helper()
	testcheck.NoError(e.t, e.Log.PublishSnapshot(context.Background(), event.Snapshot{ID: id, Cluster: cluster, Time: time.Now(), Unlisted: unlisted}))
}

// unmark removes the markers from the stream.
func (e *env) unmark() {
	e.t.Helper()
	components, err := e.JS.Stream(context.Background(), stream.StreamName)
	if err == nil {
		err = components.Purge(context.Background(), jetstream.WithPurgeSubject("oda.snapshots.>"))
	}
	testcheck.NoError(e.t, err)
}

// loseStates deletes all sync states.
func (e *env) loseStates() {
	e.t.Helper()
	kv, err := e.JS.Stream(context.Background(), "KV_"+store.StatesBucket)
	if err == nil {
		err = kv.Purge(context.Background())
	}
	testcheck.NoError(e.t, err)
}

// done waits until every component's message is acknowledged. Idle would also wait for markers, which are not delivered.
func (e *env) done() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*syncertest.Patience)
	defer cancel()
	components, err := e.JS.Stream(ctx, stream.StreamName)
	testcheck.NoError(e.t, err)
	syncertest.Eventually(e.t, "every component to be done", func() bool {
		last, err := components.GetLastMsgForSubject(ctx, event.ComponentPrefix+".>")
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return true
		}
		return err == nil && e.Backlog().Done >= last.Sequence
	})
}

// options configure a reconciler.
type options struct {
	policy   reconcile.OrphanPolicy // delete if empty
	interval time.Duration          // none if 0
	empty    bool                   // the registry starts with the process
	parallel int                    // repairs at a time; 4 if 0
	wrap     func(*reconcile.Dependencies)
}

// reconciler returns one that repairs through the replica.
func (e *env) reconciler(r *replica, o options) *reconcile.Reconciler {
	e.t.Helper()
	claims, err := store.EnsureClaims(context.Background(), e.Conn, store.TargetScope(syncertest.Target), "reconciler")
	testcheck.NoError(e.t, err)
	deps := reconcile.Dependencies{
		Repairer: r.Syncer.Applier, Inventory: e.inventory, Snapshot: e.Log, States: e.States, Records: e.records, Claims: claims,
		Clusters: e.Log.Clusters, Available: r.Syncer.Applier.Available,
	}
	if o.wrap != nil {
		o.wrap(&deps)
	}
	cfg := reconcile.Config{Orphans: cmp.Or(o.policy, reconcile.OrphansDelete), Interval: config.Duration(o.interval), StartsEmpty: o.empty}
	return reconcile.New(syncertest.Target, cmp.Or(o.parallel, 4), cfg, prune.Config{MaxPercent: 30}, deps, r.metrics, r.Logger)
}

// run runs reconcilers until the test ends; stop ends them before.
func (e *env) run(reconcilers ...*reconcile.Reconciler) (stop func()) {
	ctx, cancel := context.WithCancel(e.t.Context())
	var running sync.WaitGroup
	for _, r := range reconcilers {
		running.Go(func() {
			if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
				e.t.Errorf("Run ended with %v", err)
			}
		})
	}
	stop = func() { cancel(); running.Wait() }
	e.t.Cleanup(stop)
	return stop
}

// reconcile reconciles without an error.
func (e *env) reconcile(r *reconcile.Reconciler) target.Reconciliation {
	e.t.Helper()
	done, err := r.Reconcile(context.Background(), cluster, false)
	testcheck.NoError(e.t, err)
	return done
}

// last returns the record of the last reconcile.
func (e *env) last() (target.Reconciliation, bool) {
	e.t.Helper()
	last, found, err := e.records.LastReconcile(context.Background(), syncertest.Target, cluster)
	if err != nil {
		e.t.Error(err)
	}
	return last, found
}

// counts are the numbers of a reconciliation.
type counts struct{ Missing, Different, Unacknowledged, Orphans, Pending, Failed, Repaired, Deleted, Unrepaired int }

func countsOf(r target.Reconciliation) counts {
	return counts{r.Missing, r.Different, r.Unacknowledged, r.Orphans, r.Pending, r.Failed, r.Repaired, r.Deleted, r.Unrepaired}
}

// wantCounts reports how the counts of a reconciliation differ, and the reconciliation.
func wantCounts(t *testing.T, what string, want counts, done target.Reconciliation) {
	t.Helper()
	if diff := gocmp.Diff(want, countsOf(done)); diff != "" {
		t.Errorf("%s: counts (-want +got):\n%s\n%+v", what, diff, done)
	}
}

// outcomesOf returns the outcomes of the findings by component.
func outcomesOf(r target.Reconciliation) map[string]string {
	outcomes := map[string]string{}
	for _, f := range r.Findings {
		outcomes[f.Component] = f.Outcome
	}
	return outcomes
}

// callsSince returns the calls of the registry after the first n.
func (e *env) callsSince(n int) []syncertest.Call { return syncertest.Sorted(e.Registry.Calls()[n:]) }

// justNow is a time that does not become old while a test runs.
func justNow() time.Time { return time.Now().Add(time.Minute) }

// longAgo is a time by which every message should have its outcome.
var longAgo = time.Now().Add(-time.Hour)
