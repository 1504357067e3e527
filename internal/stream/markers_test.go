package stream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/syncer"
)

// marker is one of a cluster, full enough to be told from others.
func marker(cluster, id string) event.Marker {
	return event.Marker{ID: id, Cluster: cluster, Time: seen, Count: 3, Digest: "abc", Sequence: 7}
}

func mark(t testing.TB, log *stream.Log, markers ...event.Marker) {
	t.Helper()
	for _, m := range markers {
		if err := log.Mark(within(t), m); err != nil {
			t.Fatal(err)
		}
	}
}

func markersOf(t testing.TB, log *stream.Log, target string) *stream.Markers {
	t.Helper()
	markers, err := log.EnsureMarkers(within(t), target)
	if err != nil {
		t.Fatal(err)
	}
	return markers
}

func nextMarker(t testing.TB, markers *stream.Markers) syncer.Marker {
	t.Helper()
	m, err := markers.Next(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// unfinished counts the markers that a target has been given and not ended.
func unfinished(t testing.TB, s *streamtest.Server, target string) int {
	t.Helper()
	consumer, err := js(t, s).Consumer(t.Context(), stream.StreamName, "reconciler-"+target)
	if err != nil {
		t.Fatal(err)
	}
	return consumer.CachedInfo().NumAckPending
}

func TestMarksAreKept(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	log := ensureLog(t, s.Conn(t))
	if m, found, err := log.LastMark(within(t), "edge.1"); found || err != nil || !cmp.Equal(m, event.Marker{}) {
		t.Errorf("before the first: %+v, %t, %v", m, found, err)
	}
	mark(t, log, marker("edge.1", "one"), marker("edge.2", "other"), marker("edge.1", "two"), marker("edge.1", "two"))
	messages, err := log.Messages(within(t))
	if err != nil || messages != 3 {
		t.Errorf("%d messages, %v: a repeated marker must stand there once", messages, err)
	}
	m, found, err := log.LastMark(within(t), "edge.1")
	if diff := cmp.Diff(marker("edge.1", "two"), m); diff != "" || !found || err != nil {
		t.Errorf("%t, %v (-want +got):\n%s", found, err, diff)
	}
	if m, _, _ := log.LastMark(within(t), "edge.2"); m.ID != "other" {
		t.Errorf("the other cluster's: %+v", m)
	}
}

func TestAMarkerThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	log := ensureLog(t, s.Conn(t))
	if _, err := js(t, s).Publish(t.Context(), event.SnapshotSubject("junk"), []byte("junk")); err != nil {
		t.Fatal(err)
	}
	if m, _, err := log.LastMark(within(t), "junk"); !errors.Is(err, event.ErrUnreadable) || !cmp.Equal(m, event.Marker{}) {
		t.Errorf("read as %+v, %v", m, err)
	}
	mark(t, log, marker("a", "good"))
	markers := markersOf(t, log, "default")
	if m := nextMarker(t, markers); m.ID != "good" {
		t.Errorf("got %+v", m)
	} else {
		m.Ack()
	}
	eventually(t, "the unreadable one is done with", func() bool { return unfinished(t, s, "default") == 0 })
}

func TestPurgeTakesWhatCameUpToThere(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	log := ensureLog(t, s.Conn(t))
	a, other := keyOf("a"), keyOf("a.b")
	first := publish(t, log, upsert(a, "1"), 0)
	publish(t, log, upsert(other, "1"), 0)
	second := publish(t, log, upsert(a, "2"), first)
	third := publish(t, log, upsert(a, "3"), second)
	count := func() uint64 {
		t.Helper()
		return must(log.Messages(within(t)))
	}
	if err := log.Purge(within(t), a, second); err != nil {
		t.Fatal(err)
	}
	if got, found, err := log.Newest(within(t), a); err != nil || !found || got.Sequence != third || count() != 2 {
		t.Errorf("left: %d messages, the newest %d (%t), %v", count(), got.Sequence, found, err)
	}
	if err := log.Purge(within(t), a, third); err != nil {
		t.Fatal(err)
	}
	if _, found, err := log.Newest(within(t), a); err != nil || found || count() != 1 {
		t.Errorf("left: %d messages, found %t, %v", count(), found, err)
	}
	if err := log.Purge(within(t), a, third); err != nil {
		t.Errorf("a repeat: %v", err)
	}
	publish(t, log, upsert(a, "4"), 0)
}

func TestOnlyTheNewestMarkerOfAClusterIsHandedOut(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	log := ensureLog(t, s.Conn(t))
	mark(t, log, marker("east", "e1"), marker("west", "w1"), marker("east", "e2"))
	markers := markersOf(t, log, "default")
	mark(t, log, marker("east", "e3"), marker("east", "e4"), marker("west", "w2"))
	got := make(map[string]string)
	for range 2 {
		m := nextMarker(t, markers)
		got[m.Cluster] = m.ID
		m.Ack()
	}
	if diff := cmp.Diff(map[string]string{"east": "e4", "west": "w2"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	eventually(t, "all to be done with", func() bool { return unfinished(t, s, "default") == 0 })
	mark(t, log, marker("east", "e5"))
	m := nextMarker(t, markers)
	if m.ID != "e5" {
		t.Errorf("the next is %+v", m)
	}
	m.Ack()
}

func TestEachMarkerGoesToOneReplicaOfEachTarget(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	log := ensureLog(t, s.Conn(t))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	got := make(map[string]int)
	var replicas sync.WaitGroup
	for _, target := range []string{"one", "one", "one", "two"} {
		replica, err := s.Conn(t).OpenLog(within(t))
		if err != nil {
			t.Fatal(err)
		}
		markers := markersOf(t, replica, target)
		replicas.Go(func() {
			for {
				m, err := markers.Next(ctx)
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				got[target+" "+m.ID]++
				mu.Unlock()
				m.Ack()
			}
		})
	}
	want := make(map[string]int)
	for n := range 10 {
		mark(t, log, marker(fmt.Sprintf("c%d", n), fmt.Sprint(n)))
		want[fmt.Sprintf("one %d", n)], want[fmt.Sprintf("two %d", n)] = 1, 1
	}
	eventually(t, "every marker to be done with", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) == len(want)
	})
	eventually(t, "no marker is left", func() bool { return unfinished(t, s, "one")+unfinished(t, s, "two") == 0 })
	stop()
	replicas.Wait()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAMarkerIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	log := ensureLog(t, s.Conn(t))
	mark(t, log, marker("east", "e1"))
	markers := markersOf(t, log, "default")
	began := time.Now()
	nextMarker(t, markers).Retry(300 * time.Millisecond)
	again := nextMarker(t, markers)
	if again.ID != "e1" || time.Since(began) < 300*time.Millisecond {
		t.Errorf("after %s: %+v", time.Since(began), again)
	}
	again.Retry(time.Hour)
	mark(t, log, marker("east", "e2")) // does not wait for it
	if m := nextMarker(t, markers); m.ID != "e2" {
		t.Errorf("got %+v", m)
	} else {
		m.Ack()
	}
}

// A reconcile may take longer than the server waits for a word.
func TestAMarkerInHandIsGivenToNobodyElse(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	log := ensureLog(t, s.Conn(t))
	mark(t, log, marker("east", "e1"))
	markers := markersOf(t, log, "default")
	m := nextMarker(t, markers)
	ctx, stop := context.WithTimeout(t.Context(), stream.MarkerWait+5*time.Second)
	defer stop()
	if other, err := markersOf(t, log, "default").Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("another got %+v, %v", other, err)
	}
	if got := unfinished(t, s, "default"); got != 1 {
		t.Errorf("%d in hand", got)
	}
	m.Ack()
	eventually(t, "it is done with", func() bool { return unfinished(t, s, "default") == 0 })
}

func TestMarkersEndWithWhatTheyStandOn(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, s *streamtest.Server){
		"the stream": func(t *testing.T, s *streamtest.Server) {
			if err := js(t, s).DeleteStream(t.Context(), stream.StreamName); err != nil {
				t.Fatal(err)
			}
		},
		"the stream, and another stands there": func(t *testing.T, s *streamtest.Server) {
			if err := js(t, s).DeleteStream(t.Context(), stream.StreamName); err != nil {
				t.Fatal(err)
			}
			ensureLog(t, s.Conn(t))
		},
		"the consumer": func(t *testing.T, s *streamtest.Server) {
			if err := js(t, s).DeleteConsumer(t.Context(), stream.StreamName, "reconciler-default"); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, remove := range tests {
		for _, when := range []string{"while waiting", "before"} {
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				s := streamtest.Start(t)
				log := ensureLog(t, s.Conn(t))
				markers := markersOf(t, log, "default")
				if when == "before" {
					remove(t, s)
				}
				ended := make(chan error, 1)
				go func() {
					_, err := markers.Next(within(t))
					ended <- err
				}()
				if when != "before" {
					eventually(t, "it waits", func() bool {
						consumer, err := js(t, s).Consumer(t.Context(), stream.StreamName, "reconciler-default")
						return err == nil && consumer.CachedInfo().NumWaiting > 0
					})
					remove(t, s)
				}
				if err := <-ended; err == nil || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("ended with %v", err)
				}
			})
		}
	}
}

func TestAServerThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	conn := s.Conn(t)
	log := ensureLog(t, conn)
	markers := markersOf(t, log, "default")
	got := make(chan syncer.Marker, 1)
	ended := make(chan error, 1)
	go func() {
		m, err := markers.Next(within(t))
		got <- m
		ended <- err
	}()
	s.Shutdown()
	eventually(t, "the connection is known to be lost", func() bool { return !conn.Connected() })
	s.Restart(t)
	eventually(t, "the stream is back", func() bool { return log.Mark(within(t), marker("east", "e1")) == nil })
	m, err := <-got, <-ended
	if err != nil || m.ID != "e1" {
		t.Fatalf("%+v, %v", m, err)
	}
	m.Ack()
}
