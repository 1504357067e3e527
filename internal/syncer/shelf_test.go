package syncer_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

// shelf lists the fake registry as a reconcile sees it: one entry of odasync's for each name that is shown.
type shelf struct {
	*fakeRegistry

	mu      sync.Mutex
	change  func([]target.Entry) []target.Entry // what somebody did by hand
	failure error                               // after the first entry
	names   map[string]string                   // of components, where the configuration gives another
}

// Inventory implements syncer.Inventory.
func (s *shelf) Inventory(_ context.Context, cluster string, each func(target.Entry)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, e := range s.entries() {
		if s.failure != nil && i == 1 {
			return s.failure
		}
		if e.Key.Cluster == "" || e.Key.Cluster == cluster {
			each(e)
		}
	}
	return s.failure
}

// Place implements syncer.Inventory.
func (s *shelf) Place(k component.Key) target.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	return target.Ref{Registry: "self", Name: cmp.Or(s.names[k.Name], k.Name)}
}

func (s *shelf) entries() []target.Entry {
	var all []target.Entry
	s.fakeRegistry.mu.Lock()
	for name, content := range s.shown {
		all = append(all, target.Entry{Key: key(name), Ref: target.Ref{Registry: "self", Name: name, ID: "id-" + name, Digest: content}})
	}
	s.fakeRegistry.mu.Unlock()
	slices.SortFunc(all, func(a, b target.Entry) int { return cmp.Compare(a.Ref.Name, b.Ref.Name) })
	if s.change != nil {
		all = s.change(all)
	}
	return all
}

// edit changes what is listed from now on.
func (s *shelf) edit(change func([]target.Entry) []target.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change = change
}

// put and remove change the registry by hand.
func (s *shelf) put(name, content string) {
	s.fakeRegistry.mu.Lock()
	defer s.fakeRegistry.mu.Unlock()
	s.shown[name] = content
}

func (s *shelf) remove(names ...string) {
	s.fakeRegistry.mu.Lock()
	defer s.fakeRegistry.mu.Unlock()
	for _, name := range names {
		delete(s.shown, name)
	}
}

// plan is how a test wants a reconciler.
type plan struct {
	policy   syncer.OrphanPolicy // delete where empty
	interval time.Duration       // none where 0
	wrap     func(*syncer.ReconcileDependencies)
}

// library is a bench with a registry that can be listed, and a marker in the stream once a replica runs.
type library struct {
	*bench
	shelf   *shelf
	records *store.Records
	marked  bool
}

func newLibrary(t testing.TB) *library {
	t.Helper()
	b := newBench(t)
	records, err := store.EnsureRecords(t.Context(), b.conn)
	if err != nil {
		t.Fatal(err)
	}
	return &library{bench: b, shelf: &shelf{fakeRegistry: b.registry}, records: records}
}

// start is bench.start; the first marker comes after it, since one from before proves nothing to the replica.
func (l *library) start(s setup) *replica {
	l.t.Helper()
	r := l.bench.start(s)
	if !l.marked {
		l.marked = true
		l.mark("first")
	}
	return r
}

// keep has one component applied that is wanted: where nothing is, every deletion waits for an approval.
func (l *library) keep() {
	l.t.Helper()
	l.put("kept", "1")
	l.settled()
}

// mark puts a marker into the stream; unlisted are scopes that could not be listed.
func (l *library) mark(id string, unlisted ...string) {
	l.t.Helper()
	marker := event.Snapshot{ID: id, Cluster: key("").Cluster, Time: time.Now(), Unlisted: unlisted}
	if err := l.log.PublishSnapshot(context.Background(), marker); err != nil {
		l.t.Fatal(err)
	}
}

// reconciler returns one that mends through the replica.
func (l *library) reconciler(r *replica, p plan) *syncer.Reconciler {
	l.t.Helper()
	claims, err := store.EnsureClaims(context.Background(), l.conn, store.TargetScope(fed), "reconciler")
	if err != nil {
		l.t.Fatal(err)
	}
	ports := syncer.ReconcileDependencies{
		Inventory: l.shelf, Snapshot: l.log, States: l.states, Records: l.records, Claims: claims, Clusters: l.log.Clusters,
	}
	if p.wrap != nil {
		p.wrap(&ports)
	}
	cfg := syncer.ReconcileConfig{Orphans: cmp.Or(p.policy, syncer.OrphansDelete), Interval: config.Duration(p.interval)}
	return syncer.NewReconciler(r.syncer.Applier, cfg, prune.Config{MaxPercent: 30}, ports)
}

// reconcile wants success.
func (l *library) reconcile(r *syncer.Reconciler) target.Reconciliation {
	l.t.Helper()
	done, err := r.Reconcile(context.Background(), key("").Cluster, false)
	if err != nil {
		l.t.Fatal(err)
	}
	return done
}

// settled waits until every component's message is done. Markers, which idle would wait for too, are not for the consumer.
func (l *library) settled() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	components, err := l.js.Stream(ctx, stream.StreamName)
	if err != nil {
		l.t.Fatal(err)
	}
	eventually(l.t, "every component to be done", func() bool {
		last, err := components.GetLastMsgForSubject(ctx, event.ComponentPrefix+".>")
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return true
		}
		return err == nil && l.backlog().Done >= last.Sequence
	})
}

// counts are the numbers of a reconciliation.
type counts struct{ Missing, Different, Unsettled, Orphans, Pending, Failed, Repaired, Deleted, Unrepaired int }

func countsOf(r target.Reconciliation) counts {
	return counts{r.Missing, r.Different, r.Unacknowledged, r.Orphans, r.Pending, r.Failed, r.Repaired, r.Deleted, r.Unrepaired}
}

// since returns the calls of the registry after the first n.
func (l *library) since(n int) []call { return sorted(l.registry.got()[n:]) }
