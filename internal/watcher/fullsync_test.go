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

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/logtest"
	"odasync/internal/stream"
)

// placed is a marker and where it stands in the stream.
type placed struct {
	event.Snapshot
	at uint64
}

// markers reads every marker of the cluster, oldest first.
func (b *bench) markers(t testing.TB) []placed {
	t.Helper()
	s := b.stream(t)
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []placed
	for sequence := max(info.State.FirstSeq, 1); sequence <= info.State.LastSeq; sequence++ {
		m, err := s.GetMsg(t.Context(), sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Subject != event.SnapshotSubject(b.watcher.cluster) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		marker, err := event.DecodeSnapshot(event.Message{Subject: m.Subject, Header: m.Header, Data: m.Data})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, placed{marker, sequence})
	}
	return all
}

func (b *bench) stream(t testing.TB) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(b.server.NATS(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// purge takes every message of a component away, as a person with the nats tool can.
func (b *bench) purge(t testing.TB, name string) {
	t.Helper()
	key := component.Key{Cluster: b.watcher.cluster, Namespace: ns, Name: name}
	if err := b.stream(t).Purge(t.Context(), jetstream.WithPurgeSubject(event.Subject(key))); err != nil {
		t.Fatal(err)
	}
}

// asks begins a full sync on demand.
func (l *term) asks() <-chan result {
	answer := make(chan result, 1)
	go func() {
		m, err := l.b.watcher.FullSync(l.ctx)
		answer <- result{m, err}
	}()
	return answer
}

// refreshed waits until the source is asked for other rounds.
func (l *term) refreshed() {
	l.t.Helper()
	select {
	case <-l.b.source.asked:
	case <-time.After(patience):
		l.t.Fatal("the source was not asked for another round")
	}
}

func (l *term) answered(answer <-chan result) event.Snapshot {
	l.t.Helper()
	select {
	case r := <-answer:
		if r.err != nil {
			l.t.Fatalf("full sync: %v", r.err)
		}
		return r.snapshot
	case <-time.After(patience):
		l.t.Fatal("no answer to the full sync")
	}
	return event.Snapshot{}
}

// fullSync has one done on demand, in which the source shows these components.
func (l *term) fullSync(shows ...component.Observation) event.Snapshot {
	l.t.Helper()
	answer := l.asks()
	l.refreshed()
	for _, scope := range l.b.source.scopes {
		l.round(scope, shows...)
	}
	return l.answered(answer)
}

// faults is a log that fails where the test says so.
type faults struct {
	Log
	mu    sync.Mutex
	fails map[string]int // by method: how many more times; -1 for ever
	calls map[string]int
}

func faulty(log Log) *faults {
	return &faults{Log: log, fails: make(map[string]int), calls: make(map[string]int)}
}

func (f *faults) set(method string, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails[method] = times
}

func (f *faults) called(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

func (f *faults) fail(method string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[method]++
	if f.fails[method] == 0 {
		return nil
	}
	f.fails[method]--
	return fmt.Errorf("%s does not work for now", method)
}

func (f *faults) Heads(ctx context.Context, cluster string, each func(event.Head)) error {
	if err := f.fail("heads"); err != nil {
		return err
	}
	return f.Log.Heads(ctx, cluster, each)
}

func (f *faults) PublishSnapshot(ctx context.Context, m event.Snapshot) error {
	if err := f.fail("mark"); err != nil {
		return err
	}
	return f.Log.PublishSnapshot(ctx, m)
}

func (f *faults) LastSnapshot(ctx context.Context, cluster string) (event.Snapshot, bool, error) {
	if err := f.fail("last mark"); err != nil {
		return event.Snapshot{}, false, err
	}
	return f.Log.LastSnapshot(ctx, cluster)
}

func (f *faults) Purge(ctx context.Context, key component.Key, sequence uint64) error {
	if err := f.fail("purge"); err != nil {
		return err
	}
	return f.Log.Purge(ctx, key, sequence)
}

func TestTheFirstRoundsAreAFullSyncWhereOneIsDue(t *testing.T) {
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
			t.Parallel()
			b := newBench(t)
			b.watcher.interval = test.interval
			var want []string
			if test.last > 0 {
				earlier := event.Snapshot{ID: "earlier", Cluster: cluster, Time: time.Now().Add(-test.last)}
				if err := b.log.PublishSnapshot(t.Context(), earlier); err != nil {
					t.Fatal(err)
				}
				want = append(want, "earlier")
			}
			one, two := scope(t, "one"), scope(t, "two")
			b.source.scopes = []component.Scope{one, two}
			l := b.lead(t, b.log)
			l.round(one, seenIn("one", "a", "A"))
			l.round(one, seenIn("one", "a", "A"))
			if got := len(b.markers(t)); got != len(want) {
				t.Errorf("%d markers with one scope of two compared", got)
			}
			l.round(two, seenIn("two", "b", "A"))
			if test.due {
				eventually(t, "the marker", func() bool { return len(b.markers(t)) == len(want)+1 })
				got := b.markers(t)[len(want)]
				if got.Count != 2 || got.Published != 2 || got.Tombstoned != 0 {
					t.Errorf("%d components, %d published, %d tombstoned; want 2, 2, 0", got.Count, got.Published, got.Tombstoned)
				}
				want = append(want, got.ID)
			}
			// What asks now is answered after it was decided whether one is due.
			want = append(want, l.fullSync(seenIn("one", "a", "A"), seenIn("two", "b", "A")).ID)
			var got []string
			for _, m := range b.markers(t) {
				got = append(got, m.ID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("markers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestANewLeaderDoesNotStartOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.watcher.interval = time.Hour
	all := scope(t, "all")
	l := b.lead(t, b.log)
	l.round(all, seen("a", "A"))
	eventually(t, "the marker", func() bool { return len(b.markers(t)) == 1 })
	_ = l.end()
	b.watcher.metrics.lastSync.Store(0) // as in another process

	l = b.lead(t, b.log)
	l.round(all, seen("a", "A"))
	eventually(t, "the age of the full sync", func() bool { return b.metrics.lastSync.Load() != 0 })
	if want := b.markers(t)[0].Time.UnixNano(); b.metrics.lastSync.Load() != want {
		t.Errorf("the last full sync is said to be of %d, not %d", b.metrics.lastSync.Load(), want)
	}
	l.fullSync(seen("a", "A"))
	if got := len(b.markers(t)); got != 2 {
		t.Errorf("%d markers, want the first leader's and the one that was asked for", got)
	}
}

func TestFullSyncsComeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.watcher.interval = 20 * time.Millisecond
	l := b.lead(t, b.log)
	all := scope(t, "all")
	l.round(all, seen("a", "0"))
	for n := 1; n <= 3; n++ {
		l.refreshed()
		before := len(b.markers(t))
		l.round(all, seen("a", fmt.Sprint(n)))
		eventually(t, "another marker", func() bool { return len(b.markers(t)) > before })
		if got := b.markers(t)[before]; got.Published != 1 || got.Count != 1 || !got.Time.After(b.markers(t)[before-1].Time) {
			t.Errorf("the marker of sync %d: %+v", n, got)
		}
	}
}

// A watcher whose clock is ahead must not keep the others from comparing.
func TestAMarkerFromTheFutureDelaysNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.watcher.interval = 50 * time.Millisecond
	if err := b.log.PublishSnapshot(t.Context(), event.Snapshot{ID: "ahead", Cluster: cluster, Time: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	l := b.lead(t, b.log)
	l.round(scope(t, "all"))
	l.refreshed()
	l.round(scope(t, "all"))
	eventually(t, "a marker", func() bool { return len(b.markers(t)) == 2 })
}

// Each answer stands behind what happened before the question.
func TestFullSyncOnDemand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	all := scope(t, "all")
	l.round(all, seen("a", "A"), seen("b", "A"))
	l.settled()

	began := l.to.Begin(all) // a round that is under way answers nobody who asks now
	first := l.asks()
	l.refreshed()
	l.show(began, seen("a", "A"), seen("b", "A"))
	if err := l.to.End(l.ctx, began, all, "10"); err != nil {
		t.Fatal(err)
	}
	second := l.asks() // while the first is under way
	third := l.asks()
	select {
	case r := <-first:
		t.Fatalf("answered by a round that had begun before: %+v", r)
	default:
	}
	began = l.to.Begin(all)
	l.show(began, seen("a", "B"))
	if err := l.to.End(l.ctx, began, all, "11"); err != nil {
		t.Fatal(err)
	}
	got := l.answered(first)
	if got.Published != 1 || got.Tombstoned != 1 || got.Count != 1 || got.ResourceVersion != "11" {
		t.Errorf("the first answer: %+v", got)
	}
	l.refreshed()
	select {
	case r := <-second:
		t.Fatalf("the second was answered by the first one's round: %+v", r)
	case r := <-third:
		t.Fatalf("the third was answered by the first one's round: %+v", r)
	default:
	}
	l.round(all, seen("a", "C"))
	l.refreshed()
	l.round(all, seen("a", "C"))
	two, three := l.answered(second), l.answered(third)
	if two.Published+three.Published != 1 || two.ID == three.ID || two.ID == got.ID {
		t.Errorf("the other answers: %+v, %+v", two, three)
	}
}

func TestFullSyncIsRefusedWhileNotLeading(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	refused := func(when string) {
		t.Helper()
		if m, err := b.watcher.FullSync(t.Context()); !errors.Is(err, ErrNotSynced) {
			t.Errorf("%s: %+v, %v", when, m, err)
		}
	}
	refused("before the term")
	l := b.lead(t, b.log)
	refused("before the first round")
	l.round(scope(t, "all"))
	l.fullSync()
	_ = l.end()
	refused("after the term")
}

func TestFullSyncEndsWithTheTerm(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	l.round(scope(t, "all"))
	answers := make(chan error, 2)
	for range 2 { // one is under way, one waits for its turn
		go func() {
			_, err := b.watcher.FullSync(context.Background())
			answers <- err
		}()
	}
	l.refreshed()
	_ = l.end()
	for range 2 {
		select {
		case err := <-answers:
			if !errors.Is(err, ErrNotSynced) {
				t.Errorf("answered %v", err)
			}
		case <-time.After(patience):
			t.Fatal("the term is over and somebody waits for its full sync")
		}
	}
}

func TestTheMarkerStandsBehindTheCorrections(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	log := tapped(b.log)
	l := b.lead(t, log)
	all := scope(t, "all")
	l.round(all, seen("a", "A"), seen("b", "A"), seen("c", "A"))
	l.settled()
	release := log.block("b")
	defer release()
	answer := l.asks()
	l.refreshed()
	round := l.to.Begin(all)
	l.show(round, seen("a", "A"), seen("b", "B"), seen("d", "A"), seen("e", "A"))
	if err := l.to.End(l.ctx, round, all, "4711"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other corrections", func() bool { return len(b.history(t)) == 6 })
	eventually(t, "one correction to be held up", func() bool { return log.blocked() == 1 })
	if got := b.markers(t); len(got) != 0 {
		t.Errorf("a marker stands before a correction: %+v", got)
	}
	release()
	m := l.answered(answer)
	all7 := b.events(t)
	newest := all7[len(all7)-1].Sequence
	got := b.markers(t)
	if len(got) != 1 || got[0].at <= newest {
		t.Fatalf("markers %+v, the newest event is %d", got, newest)
	}
	if diff := cmp.Diff(m, got[0].Snapshot); diff != "" {
		t.Errorf("the answer is not what stands in the stream (-answer +stream):\n%s", diff)
	}
	want := event.Snapshot{
		ID: m.ID, Cluster: cluster, Time: m.Time, Count: 4, Digest: m.Digest, ResourceVersion: "4711", Sequence: newest,
		Published: 3, Tombstoned: 1, Seconds: m.Seconds,
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("marker (-want +got):\n%s", diff)
	}
	if m.Seconds <= 0 || time.Since(m.Time) > patience || len(m.Digest) != 64 || m.ID == "" {
		t.Errorf("marker %+v", m)
	}
}

// Two watchers that see the same say the same, whatever they saw before and in which order.
func TestDigest(t *testing.T) {
	t.Parallel()
	digest := func(shows ...component.Observation) string {
		b := newBench(t)
		l := b.lead(t, b.log)
		l.round(scope(t, "all"), seen("once", "A"), seen("b", "before"))
		l.settled()
		return l.fullSync(shows...).Digest
	}
	a, b, c := seen("a", "A"), seen("b", "A"), seenIn("elsewhere", "a", "A")
	first := digest(a, b, c)
	if got := digest(c, b, a); got != first {
		t.Errorf("another order gives %s, not %s", got, first)
	}
	for name, other := range map[string]string{
		"other content": digest(a, seen("b", "B"), c), "one less": digest(a, b), "another name": digest(a, seen("bb", "A"), c),
		"another namespace": digest(a, b, seenIn("somewhere", "a", "A")), "none": digest(),
	} {
		if other == first {
			t.Errorf("%s gives the same digest", name)
		}
	}
}

func TestAFullSyncCorrects(t *testing.T) {
	t.Parallel()
	shows := []component.Observation{seen("a", "A"), seen("b", "A"), seen("c", "A")}
	heads := map[string]string{"a": "A", "b": "A", "c": "A"}
	tests := map[string]struct {
		damage     func(t *testing.T, b *bench)
		published  int
		tombstoned int
	}{
		"nothing":                         {func(*testing.T, *bench) {}, 0, 0},
		"a message over ours":             {func(t *testing.T, b *bench) { b.foreign(t, seen("a", "X")) }, 1, 0},
		"a deletion over ours":            {func(t *testing.T, b *bench) { b.foreign(t, deleted("a")) }, 1, 0},
		"a component that does not exist": {func(t *testing.T, b *bench) { b.foreign(t, seen("ghost", "X")) }, 0, 1},
		"messages purged by hand":         {func(t *testing.T, b *bench) { b.purge(t, "a"); b.purge(t, "c") }, 2, 0},
		"all of it purged": {func(t *testing.T, b *bench) {
			if err := b.stream(t).Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, 3, 0},
		"purged and written anew": {func(t *testing.T, b *bench) { b.purge(t, "a"); b.foreign(t, seen("a", "X")) }, 1, 0},
		"no event at all": {func(t *testing.T, b *bench) {
			js, err := jetstream.New(b.server.NATS(t))
			if err == nil {
				_, err = js.Publish(t.Context(), event.Subject(component.Key{Cluster: cluster, Namespace: ns, Name: "a"}), []byte("junk"))
			}
			if err != nil {
				t.Fatal(err)
			}
		}, 1, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			l := b.lead(t, b.log)
			l.round(scope(t, "all"), shows...)
			l.settled()
			test.damage(t, b)
			m := l.fullSync(shows...)
			if m.Published != test.published || m.Tombstoned != test.tombstoned || m.Count != 3 {
				t.Errorf("%d published, %d tombstoned, %d exist; want %d, %d, 3", m.Published, m.Tombstoned, m.Count, test.published, test.tombstoned)
			}
			if test.tombstoned > 0 {
				heads := map[string]string{"a": "A", "b": "A", "c": "A", "ghost": gone}
				if diff := cmp.Diff(heads, b.heads(t)); diff != "" {
					t.Errorf("heads (-want +got):\n%s", diff)
				}
			} else if diff := cmp.Diff(heads, b.heads(t)); diff != "" {
				t.Errorf("heads (-want +got):\n%s", diff)
			}
			if got := l.fullSync(shows...); got.Published+got.Tombstoned != 0 || got.Digest != m.Digest {
				t.Errorf("the next full sync found more: %+v", got)
			}
			if got := count(b.metrics.corrections.WithLabelValues("upserted")); got != test.published {
				t.Errorf("%d upserts counted as corrections, want %d", got, test.published)
			}
			if got := count(b.metrics.corrections.WithLabelValues("deleted")); got != test.tombstoned {
				t.Errorf("%d deletions counted as corrections, want %d", got, test.tombstoned)
			}
		})
	}
}

// What the watch missed, be it a change or a deletion, the next list shows.
func TestAFullSyncFindsWhatTheWatchMissed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	l.round(scope(t, "all"), seen("a", "A"), seen("b", "A"), seen("c", "A"))
	l.settled()
	m := l.fullSync(seen("a", "B"), seen("c", "A"), seen("d", "A"))
	if m.Published != 2 || m.Tombstoned != 1 || m.Count != 3 {
		t.Errorf("%d published, %d tombstoned, %d exist; want 2, 1, 3", m.Published, m.Tombstoned, m.Count)
	}
	if diff := cmp.Diff(map[string]string{"a": "B", "b": gone, "c": "A", "d": "A"}, b.heads(t)); diff != "" {
		t.Errorf("heads (-want +got):\n%s", diff)
	}
}

func TestAFailingLogDelaysTheFullSyncAlone(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"heads", "mark", "last mark"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.watcher.interval = 20 * time.Millisecond
			var log logtest.Buffer
			b.watcher.log = zerolog.New(&log)
			bad := faulty(b.log)
			bad.set("last mark", map[string]int{"last mark": 3}[method]) // which is read before anything else
			l := b.lead(t, bad)
			all := scope(t, "all")
			bad.set(method, map[string]int{"heads": 3, "mark": 3}[method])
			l.round(all, seen("a", "A"))
			stop := make(chan struct{})
			var source sync.WaitGroup
			source.Go(func() {
				for {
					select {
					case <-b.source.asked:
						l.round(all, seen("a", "A"))
					case <-stop:
						return
					}
				}
			})
			defer source.Wait()
			defer close(stop)
			eventually(t, "the log to have failed", func() bool { return bad.called(method) > 3 })
			eventually(t, "a marker", func() bool { return len(b.markers(t)) > 0 })
			if method != "last mark" {
				eventually(t, "words about the failure and its end", func() bool {
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

func TestAnAskerIsToldWhyAFullSyncFailed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bad := faulty(b.log)
	l := b.lead(t, bad)
	l.round(scope(t, "all"))
	bad.set("heads", 1)
	if _, err := b.watcher.FullSync(l.ctx); err == nil || !strings.Contains(err.Error(), "heads does not work for now") {
		t.Errorf("the asker was told %v", err)
	}
	bad.set("mark", 1)
	answer := l.asks()
	l.refreshed()
	l.round(scope(t, "all"))
	if r := <-answer; r.err == nil || !strings.Contains(r.err.Error(), "mark does not work for now") {
		t.Errorf("the asker was told %v", r.err)
	}
	if l.fullSync().ID == "" || len(b.markers(t)) != 1 {
		t.Error("no marker by the next one")
	}
}

func TestAStopIsNoFailedFullSync(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var log logtest.Buffer
	b.watcher.log = zerolog.New(&log)
	l := b.lead(t, b.log)
	l.round(scope(t, "all"))
	l.asks()
	l.refreshed()
	if err := l.end(); err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "full sync failed") {
		t.Errorf("a stop is logged as a failure:\n%s", &log)
	}
}

// What changes while the cluster is compared is nothing that the comparison found.
func TestCorrectionsAreWhatWasFound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	log := tapped(b.log)
	l := b.lead(t, log)
	all := scope(t, "all")
	l.round(all, seen("a", "A"), seen("b", "A"), seen("c", "A"), seen("d", "A"))
	l.settled()
	answer := l.asks()
	l.refreshed()
	l.observe(seen("a", "live"), deleted("d"))
	l.settled()
	release := log.block("b") // so that the marker waits
	defer release()
	l.round(all, seen("a", "live"), seen("b", "found"))
	eventually(t, "a correction to be on its way", func() bool { return log.blocked() == 1 })
	l.observe(seen("new", "live"))
	if _, err := b.watcher.Verify(l.ctx, ns, "a"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change to be published", func() bool { return b.heads(t)["new"] == "live" })
	release()
	if m := l.answered(answer); m.Published != 1 || m.Tombstoned != 1 {
		t.Errorf("%d published, %d tombstoned; want b and c", m.Published, m.Tombstoned)
	}
}

func TestAnOldLeaseMarksNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	l.round(scope(t, "all"))
	answer := l.asks()
	l.refreshed()
	b.setStale()
	l.round(scope(t, "all"))
	if r := <-answer; !errors.Is(r.err, errNotLeading) {
		t.Errorf("answered %+v", r)
	}
	if got := b.markers(t); len(got) != 0 {
		t.Errorf("markers %+v", got)
	}
}

func TestFullSyncMetrics(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	value := func(name string) float64 {
		t.Helper()
		families, err := b.gauges.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == name {
				return f.Metric[0].GetGauge().GetValue()
			}
		}
		t.Fatalf("no metric %s", name)
		return 0
	}
	if problems, err := testutil.GatherAndLint(b.gauges); err != nil || len(ours(problems)) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	l := b.lead(t, b.log)
	l.round(scope(t, "all"), seen("a", "A"))
	l.settled()
	if got := value("odasync_full_sync_age_seconds"); got != 0 {
		t.Errorf("age %v before the first one", got)
	}
	m := l.fullSync(seen("a", "B"))
	eventually(t, "the age to grow", func() bool { return value("odasync_full_sync_age_seconds") > 0 })
	if got := value("odasync_full_sync_age_seconds"); got > patience.Seconds() {
		t.Errorf("age %v", got)
	}
	if got := value("odasync_full_sync_duration_seconds"); got != m.Seconds {
		t.Errorf("took %v, the marker says %v", got, m.Seconds)
	}
	want := `# HELP odasync_full_sync_corrections_total Differences between the cluster and the stream that full syncs found.
# TYPE odasync_full_sync_corrections_total counter
odasync_full_sync_corrections_total{type="deleted"} 0
odasync_full_sync_corrections_total{type="upserted"} 1
`
	if err := testutil.GatherAndCompare(b.gauges, strings.NewReader(want), "odasync_full_sync_corrections_total"); err != nil {
		t.Error(err)
	}
	_ = l.end()
	if got := value("odasync_full_sync_age_seconds"); got != 0 {
		t.Errorf("age %v while another leads", got)
	}
}

// ours leaves out the names that the collector gave.
func ours(problems []promlint.Problem) []promlint.Problem {
	return slices.DeleteFunc(problems, func(p promlint.Problem) bool { return strings.HasPrefix(p.Metric, "oda_collector_") })
}
