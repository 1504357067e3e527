package watcher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

func TestFullSync_FirstResyncsCountWhenDue(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		interval time.Duration
		last     time.Duration // ago; 0 for never
		due      bool
	}{
		"never done":         {time.Hour, 0, true},
		"done long ago":      {time.Hour, 2 * time.Hour, true},
		"done a moment ago":  {time.Hour, time.Minute, false},
		"no full syncs":      {0, 0, false},
		"none, one long ago": {0, 1000 * time.Hour, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newParallel(t)
			b.watcher.interval = test.interval
			var want []string
			if test.last > 0 {
				earlier := event.Snapshot{ID: "earlier", Cluster: cluster, Time: time.Now().Add(-test.last)}
				testcheck.NoError(t, b.log.PublishSnapshot(t.Context(), earlier))
				want = append(want, "earlier")
			}
			one, two := scope(t, "one"), scope(t, "two")
			b.source.scopes = []component.Scope{one, two}
			l := b.lead(t, b.log)
			l.resync(one, seenIn("one", "a", "A"))
			l.resync(one, seenIn("one", "a", "A"))
			testcheck.Equal(t, "markers with one scope of two compared", len(want), len(b.snapshots(t)))
			l.resync(two, seenIn("two", "b", "A"))
			if test.due {
				testwait.Until(t, "the marker", func() bool { return len(b.snapshots(t)) == len(want)+1 })
				got := b.snapshots(t)[len(want)]
				if got.Count != 2 || got.Published != 2 || got.Tombstoned != 0 {
					t.Errorf("%d components, %d published, %d tombstoned; want 2, 2, 0", got.Count, got.Published, got.Tombstoned)
				}
				want = append(want, got.ID)
			}
			// A request for a full sync is answered after the decision whether one is due.
			want = append(want, l.fullSync(seenIn("one", "a", "A"), seenIn("two", "b", "A")).ID)
			var got []string
			for _, m := range b.snapshots(t) {
				got = append(got, m.ID)
			}
			testcheck.Equal(t, "markers", want, got)
		})
	}
}

func TestFullSync_NewLeaderDoesNotRepeatIt(t *testing.T) {
	b := newParallel(t)
	b.watcher.interval = time.Hour
	l := b.lead(t, b.log)
	l.resync(all, seen("a", "A"))
	testwait.Until(t, "the marker", func() bool { return len(b.snapshots(t)) == 1 })
	_ = l.end()
	b.watcher.metrics.lastSync.Store(0) // as in another process

	l = b.lead(t, b.log)
	l.resync(all, seen("a", "A"))
	testwait.Until(t, "the age of the full sync", func() bool { return b.metrics.lastSync.Load() != 0 })
	testcheck.Equal(t, "time of the last full sync", b.snapshots(t)[0].Time.UnixNano(), b.metrics.lastSync.Load())
	l.fullSync(seen("a", "A"))
	testcheck.Equal(t, "markers, the first leader's and the one that was asked for", 2, len(b.snapshots(t)))
}

func TestFullSync_RunsAtTheInterval(t *testing.T) {
	b := newParallel(t)
	b.watcher.interval = 20 * time.Millisecond
	l := b.lead(t, b.log)
	l.resync(all, seen("a", "0"))
	for n := 1; n <= 3; n++ {
		l.awaitRefresh()
		before := len(b.snapshots(t))
		l.resync(all, seen("a", fmt.Sprint(n)))
		testwait.Until(t, "another marker", func() bool { return len(b.snapshots(t)) > before })
		if got := b.snapshots(t)[before]; got.Published != 1 || got.Count != 1 || !got.Time.After(b.snapshots(t)[before-1].Time) {
			t.Errorf("the marker of sync %d: %+v", n, got)
		}
	}
}

// A watcher whose clock is ahead does not delay the full syncs of others.
func TestFullSync_MarkerFromTheFutureDelaysNothing(t *testing.T) {
	b := newParallel(t)
	b.watcher.interval = 50 * time.Millisecond
	testcheck.NoError(t, b.log.PublishSnapshot(t.Context(), event.Snapshot{ID: "ahead", Cluster: cluster, Time: time.Now().Add(time.Hour)}))
	l := b.lead(t, b.log)
	l.resync(all)
	l.awaitRefresh()
	l.resync(all)
	testwait.Until(t, "a marker", func() bool { return len(b.snapshots(t)) == 2 })
}

// The full sync of a request begins after the request.
func TestFullSync_OnDemand(t *testing.T) {
	_, l := newTerm(t)
	l.resynced(all, seen("a", "A"), seen("b", "A"))

	began := l.to.Begin(all) // a resync that is under way does not count
	first := l.requestFullSync()
	l.awaitRefresh()
	l.report(began, seen("a", "A"), seen("b", "A"))
	testcheck.NoError(t, l.to.End(l.ctx, began, all, component.Resync{ResourceVersion: "10"}))
	second := l.requestFullSync() // while the first is under way
	third := l.requestFullSync()
	select {
	case r := <-first:
		t.Fatalf("answered by a resync that had begun before: %+v", r)
	default:
	}
	began = l.to.Begin(all)
	l.report(began, seen("a", "B"))
	testcheck.NoError(t, l.to.End(l.ctx, began, all, component.Resync{ResourceVersion: "11"}))
	got := l.awaitSnapshot(first)
	if got.Published != 1 || got.Tombstoned != 1 || got.Count != 1 || got.ResourceVersion != "11" {
		t.Errorf("the first answer: %+v", got)
	}
	l.awaitRefresh()
	select {
	case r := <-second:
		t.Fatalf("the second was answered by the resync of the first: %+v", r)
	case r := <-third:
		t.Fatalf("the third was answered by the resync of the first: %+v", r)
	default:
	}
	l.resync(all, seen("a", "C"))
	l.awaitRefresh()
	l.resync(all, seen("a", "C"))
	two, three := l.awaitSnapshot(second), l.awaitSnapshot(third)
	if two.Published+three.Published != 1 || two.ID == three.ID || two.ID == got.ID {
		t.Errorf("the other answers: %+v, %+v", two, three)
	}
}

func TestFullSync_FailsWhileNotLeading(t *testing.T) {
	b := newParallel(t)
	refused := func(when string) {
		t.Helper()
		if m, err := b.watcher.FullSync(t.Context()); !errors.Is(err, ErrNotSynced) {
			t.Errorf("%s: %+v, %v", when, m, err)
		}
	}
	refused("before the term")
	l := b.lead(t, b.log)
	refused("before the first resync")
	l.resync(all)
	l.fullSync()
	_ = l.end()
	refused("after the term")
}

func TestFullSync_EndsWithTheTerm(t *testing.T) {
	b, l := newTerm(t)
	l.resync(all)
	answers := make(chan error, 2)
	for range 2 { // one is under way, one waits for its turn
		go func() {
			_, err := b.watcher.FullSync(context.Background())
			answers <- err
		}()
	}
	l.awaitRefresh()
	_ = l.end()
	for range 2 {
		select {
		case err := <-answers:
			testcheck.ErrorIs(t, "the answer", ErrNotSynced, err)
		case <-time.After(testwait.Limit):
			t.Fatal("a request outlives the term")
		}
	}
}

func TestFullSync_MarkerFollowsTheCorrections(t *testing.T) {
	b, log, l := newInterceptedTerm(t)
	l.resynced(all, seen("a", "A"), seen("b", "A"), seen("c", "A"))
	release := log.block("b")
	defer release()
	answer := l.beginFullSync()
	generation := l.to.Begin(all)
	l.report(generation, seen("a", "A"), seen("b", "B"), seen("d", "A"), seen("e", "A"))
	testcheck.NoError(t, l.to.End(l.ctx, generation, all, component.Resync{ResourceVersion: "4711"}))
	testwait.Until(t, "the other corrections", func() bool { return len(b.history(t)) == 6 })
	testwait.Until(t, "one correction to be held up", func() bool { return log.blocked() == 1 })
	testcheck.Empty(t, "markers before a correction", b.snapshots(t))
	release()
	m := l.awaitSnapshot(answer)
	all7 := b.events(t)
	newest := all7[len(all7)-1].Sequence
	got := b.snapshots(t)
	if len(got) != 1 || got[0].at <= newest {
		t.Fatalf("markers %+v, the newest event is %d", got, newest)
	}
	testcheck.Equal(t, "the answer (-) and the stream (+)", m, got[0].Snapshot)
	want := event.Snapshot{
		ID: m.ID, Cluster: cluster, Time: m.Time, Count: 4, Digest: m.Digest, ResourceVersion: "4711", Sequence: newest,
		Published: 3, Tombstoned: 1, Seconds: m.Seconds,
	}
	testcheck.Equal(t, "marker", want, m)
	if m.Seconds <= 0 || time.Since(m.Time) > testwait.Limit || len(m.Digest) != 64 || m.ID == "" {
		t.Errorf("marker %+v", m)
	}
}

// The digest depends on what exists, not on its order or history.
func TestFullSync_Digest(t *testing.T) {
	t.Parallel()
	digest := func(shows ...component.Observation) string {
		b := newHarness(t)
		l := b.lead(t, b.log)
		l.resynced(all, seen("once", "A"), seen("b", "before"))
		return l.fullSync(shows...).Digest
	}
	a, b, c := seen("a", "A"), seen("b", "A"), seenIn("elsewhere", "a", "A")
	first := digest(a, b, c)
	testcheck.Equal(t, "digest of another order", first, digest(c, b, a))
	for name, other := range map[string]string{
		"other content": digest(a, seen("b", "B"), c), "one less": digest(a, b), "another name": digest(a, seen("bb", "A"), c),
		"another namespace": digest(a, b, seenIn("somewhere", "a", "A")), "none": digest(),
	} {
		if other == first {
			t.Errorf("%s gives the same digest", name)
		}
	}
}

func TestFullSync_CorrectsTheStream(t *testing.T) {
	t.Parallel()
	shows := []component.Observation{seen("a", "A"), seen("b", "A"), seen("c", "A")}
	heads := map[string]string{"a": "A", "b": "A", "c": "A"}
	tests := map[string]struct {
		damage     func(t *testing.T, b *harness)
		published  int
		tombstoned int
	}{
		"nothing":                         {func(*testing.T, *harness) {}, 0, 0},
		"a message over ours":             {func(t *testing.T, b *harness) { b.publishAsOther(t, seen("a", "X")) }, 1, 0},
		"a deletion over ours":            {func(t *testing.T, b *harness) { b.publishAsOther(t, deleted("a")) }, 1, 0},
		"a component that does not exist": {func(t *testing.T, b *harness) { b.publishAsOther(t, seen("ghost", "X")) }, 0, 1},
		"messages purged by hand":         {func(t *testing.T, b *harness) { b.purge(t, "a"); b.purge(t, "c") }, 2, 0},
		"all of it purged": {func(t *testing.T, b *harness) {
			testcheck.NoError(t, b.stream(t).Purge(t.Context()))
		}, 3, 0},
		"purged and written anew": {func(t *testing.T, b *harness) { b.purge(t, "a"); b.publishAsOther(t, seen("a", "X")) }, 1, 0},
		"no event at all": {func(t *testing.T, b *harness) {
			js, err := jetstream.New(b.server.NATS(t))
			if err == nil {
				_, err = js.Publish(t.Context(), event.Subject(component.Key{Cluster: cluster, Namespace: ns, Name: "a"}), []byte("junk"))
			}
			testcheck.NoError(t, err)
		}, 1, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, l := newTerm(t)
			l.resynced(all, shows...)
			test.damage(t, b)
			m := l.fullSync(shows...)
			if m.Published != test.published || m.Tombstoned != test.tombstoned || m.Count != 3 {
				t.Errorf("%d published, %d tombstoned, %d exist; want %d, %d, 3", m.Published, m.Tombstoned, m.Count, test.published, test.tombstoned)
			}
			if test.tombstoned > 0 {
				heads := map[string]string{"a": "A", "b": "A", "c": "A", "ghost": gone}
				b.expectHeads(t, heads)
			} else {
				b.expectHeads(t, heads)
			}
			if got := l.fullSync(shows...); got.Published+got.Tombstoned != 0 || got.Digest != m.Digest {
				t.Errorf("the next full sync found more: %+v", got)
			}
			testcheck.Equal(t, "upserts counted as corrections", test.published, count(b.metrics.corrections.WithLabelValues("upserted")))
			testcheck.Equal(t, "deletions counted as corrections", test.tombstoned, count(b.metrics.corrections.WithLabelValues("deleted")))
		})
	}
}

// A full sync finds the changes and deletions that the watch missed.
func TestFullSync_FindsMissedChanges(t *testing.T) {
	b, l := newTerm(t)
	l.resynced(all, seen("a", "A"), seen("b", "A"), seen("c", "A"))
	m := l.fullSync(seen("a", "B"), seen("c", "A"), seen("d", "A"))
	if m.Published != 2 || m.Tombstoned != 1 || m.Count != 3 {
		t.Errorf("%d published, %d tombstoned, %d exist; want 2, 1, 3", m.Published, m.Tombstoned, m.Count)
	}
	b.expectHeads(t, map[string]string{"a": "B", "b": gone, "c": "A", "d": "A"})
}

func TestFullSync_RetriesAfterLogFailures(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"heads", "mark", "last mark"} {
		t.Run(method, func(t *testing.T) {
			b := newParallel(t)
			b.watcher.interval = 20 * time.Millisecond
			log := b.captureLog()
			bad := newFailingLog(b.log)
			bad.set("last mark", map[string]int{"last mark": 3}[method]) // which is read before anything else
			l := b.lead(t, bad)
			bad.set(method, map[string]int{"heads": 3, "mark": 3}[method])
			l.resync(all, seen("a", "A"))
			stop := make(chan struct{})
			var source sync.WaitGroup
			source.Go(func() {
				for {
					select {
					case <-b.source.refreshes:
						l.resync(all, seen("a", "A"))
					case <-stop:
						return
					}
				}
			})
			defer source.Wait()
			defer close(stop)
			testwait.Until(t, "the log to have failed", func() bool { return bad.count(method) > 3 })
			testwait.Until(t, "a marker", func() bool { return len(b.snapshots(t)) > 0 })
			if method != "last mark" {
				testwait.Until(t, "the failure and its end in the log", func() bool {
					return strings.Count(log.String(), "full sync failed") == 1 && strings.Count(log.String(), "full sync recovered") == 1
				})
			}
			select {
			case <-l.done:
				t.Errorf("the term ended: %v", l.err)
			default:
			}
		})
	}
}

func TestFullSync_ReturnsItsError(t *testing.T) {
	b := newParallel(t)
	bad := newFailingLog(b.log)
	l := b.lead(t, bad)
	l.resync(all)
	bad.set("heads", 1)
	if _, err := b.watcher.FullSync(l.ctx); err == nil || !strings.Contains(err.Error(), "heads does not work for now") {
		t.Errorf("the request returned %v", err)
	}
	bad.set("mark", 1)
	answer := l.beginFullSync()
	l.resync(all)
	if r := <-answer; r.err == nil || !strings.Contains(r.err.Error(), "mark does not work for now") {
		t.Errorf("the request returned %v", r.err)
	}
	if l.fullSync().ID == "" || len(b.snapshots(t)) != 1 {
		t.Error("no marker by the next one")
	}
}

func TestFullSync_StopIsNoFailure(t *testing.T) {
	b := newParallel(t)
	log := b.captureLog()
	l := b.lead(t, b.log)
	l.resync(all)
	l.requestFullSync()
	l.awaitRefresh()
	testcheck.ErrorIs(t, "end", nil, l.end())
	if strings.Contains(log.String(), "full sync failed") {
		t.Errorf("a stop is logged as a failure:\n%s", log)
	}
}

// Changes during a full sync are no corrections.
func TestFullSync_CountsOnlyCorrections(t *testing.T) {
	b, log, l := newInterceptedTerm(t)
	l.resynced(all, seen("a", "A"), seen("b", "A"), seen("c", "A"), seen("d", "A"))
	answer := l.beginFullSync()
	l.observed(seen("a", "live"), deleted("d"))
	release := log.block("b") // so that the marker waits
	defer release()
	l.resync(all, seen("a", "live"), seen("b", "found"))
	testwait.Until(t, "a correction to be on its way", func() bool { return log.blocked() == 1 })
	l.observe(seen("new", "live"))
	testwait.Until(t, "the change to be published", func() bool { return b.heads(t)["new"] == "live" })
	release()
	if m := l.awaitSnapshot(answer); m.Published != 1 || m.Tombstoned != 1 {
		t.Errorf("%d published, %d tombstoned; want b and c", m.Published, m.Tombstoned)
	}
}

func TestFullSync_StaleLeasePublishesNoMarker(t *testing.T) {
	b, l := newTerm(t)
	l.resync(all)
	answer := l.beginFullSync()
	b.setStale()
	l.resync(all)
	if r := <-answer; !errors.Is(r.err, errNotLeading) {
		t.Errorf("answered %+v", r)
	}
	testcheck.Empty(t, "markers", b.snapshots(t))
}

func TestFullSync_Metrics(t *testing.T) {
	b := newParallel(t)
	value := func(name string) float64 { return gaugeOf(b.gauges, name) }
	if problems, err := testutil.GatherAndLint(b.gauges); err != nil || len(ours(problems)) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	l := b.lead(t, b.log)
	l.resynced(all, seen("a", "A"))
	testcheck.Equal(t, "age before the first one", 0, value("odasync_full_sync_age_seconds"))
	m := l.fullSync(seen("a", "B"))
	testwait.Until(t, "the age to grow", func() bool { return value("odasync_full_sync_age_seconds") > 0 })
	testcheck.AtMost(t, "age", testwait.Limit.Seconds(), value("odasync_full_sync_age_seconds"))
	testcheck.Equal(t, "seconds, as in the marker", m.Seconds, value("odasync_full_sync_duration_seconds"))
	want := `# HELP odasync_full_sync_corrections_total Differences between the cluster and the stream that full syncs found.
# TYPE odasync_full_sync_corrections_total counter
odasync_full_sync_corrections_total{type="deleted"} 0
odasync_full_sync_corrections_total{type="upserted"} 1
`
	testcheck.ErrorIs(t, "metric", nil, testutil.GatherAndCompare(b.gauges, strings.NewReader(want), "odasync_full_sync_corrections_total"))
	_ = l.end()
	testcheck.Equal(t, "age while another leads", 0, value("odasync_full_sync_age_seconds"))
}

// ours leaves out the names that the collector gave.
func ours(problems []promlint.Problem) []promlint.Problem {
	return slices.DeleteFunc(problems, func(p promlint.Problem) bool { return strings.HasPrefix(p.Metric, "oda_collector_") })
}
