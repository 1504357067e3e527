package stream_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

// heads reads the heads of a cluster; of a key that comes twice it keeps the newer one, and none may be older than one
// before.
func heads(t *testing.T, log *stream.Log, cluster string) map[component.Key]event.Head {
	t.Helper()
	got := make(map[component.Key]event.Head)
	last := uint64(0)
	err := log.Heads(within(t), cluster, func(h event.Head) {
		if h.Sequence <= last {
			t.Errorf("message %d comes after %d", h.Sequence, last)
		}
		last = h.Sequence
		got[h.Key] = h
	})
	testcheck.NoError(t, err)
	return got
}

// upserts returns events of so many components, c0 and so on.
func upserts(components int) (events []event.Event) {
	for i := range components {
		events = append(events, upsert(keyOf(fmt.Sprint("c", i)), "A"))
	}
	return events
}

// fill publishes events with many in flight and returns their heads.
func fill(t testing.TB, log *stream.Log, events []event.Event, expected map[component.Key]event.Head) map[component.Key]event.Head {
	t.Helper()
	published := make([]event.Head, len(events))
	ctx := within(t)
	var group errgroup.Group
	group.SetLimit(64)
	for i, e := range events {
		group.Go(func() error {
			sequence, err := log.Publish(ctx, e, expected[e.Key].Sequence)
			published[i] = event.Head{Key: e.Key, Sequence: sequence, Deleted: e.Deleted(), Hash: e.Hash, UID: e.UID, Time: e.Time}
			return err
		})
	}
	testcheck.NoError(t, group.Wait())
	all := make(map[component.Key]event.Head)
	maps.Copy(all, expected)
	for _, h := range published {
		all[h.Key] = h
	}
	return all
}

func TestLog_Heads(t *testing.T) {
	t.Parallel()
	const components, size = 3000, 2000
	s := streamtest.Start(t)
	log := ensureLog(t, s.Conn(t))
	body := strings.Repeat("x", size)
	var first, second, elsewhere []event.Event
	for i := range components {
		key := keyOf(fmt.Sprintf("c%d.v1", i))
		first = append(first, upsert(key, body))
		switch i % 10 {
		case 0:
			second = append(second, upsert(key, "changed"))
		case 1:
			second = append(second, event.Tombstone(key, "", "", seen))
		case 2:
			key.Cluster = "test2" // "test" is a part of its name
			elsewhere = append(elsewhere, upsert(key, "elsewhere"))
		}
	}
	want := fill(t, log, first, nil)
	others := fill(t, log, elsewhere, nil)
	want = fill(t, log, second, want)
	must(js(t, s).Publish(within(t), event.SnapshotSubject("test"), []byte("{}")))

	reader := s.Conn(t)
	log = ensureLog(t, reader)
	before := reader.NATS().Stats().InBytes
	testcheck.Equal(t, "heads", want, heads(t, log, "test"))
	testcheck.AtMost(t, "bytes read for the heads, without bodies", components*size/2, reader.NATS().Stats().InBytes-before)
	testcheck.Equal(t, "another cluster", others, heads(t, log, "test2"))
	testcheck.Equal(t, "heads of an unknown cluster", 0, len(heads(t, log, "tes")))
}

func TestLog_HeadsOfAnEmptyStream(t *testing.T) {
	_, log := startLog(t)
	testcheck.Empty(t, "heads", heads(t, log, "test"))
	publish(t, log, upsert(component.Key{Cluster: "other", Namespace: "components", Name: "a"}, "A"), 0)
	testcheck.Empty(t, "heads", heads(t, log, "test"))
}

func TestLog_NewestOfEach(t *testing.T) {
	s, log := startLog(t)
	want := make(map[component.Key]event.Event)
	for _, e := range []event.Event{upsert(keyOf("a"), "A"), upsert(keyOf("b.c"), "B"), event.Tombstone(keyOf("d"), "u", "7", seen)} {
		e.Sequence = publish(t, log, e, publish(t, log, upsert(e.Key, "before"), 0))
		want[e.Key] = e
	}
	foreign := must(js(t, s).Publish(within(t), event.Subject(keyOf("foreign")), []byte("hello"))).Sequence
	got := make(map[component.Key]event.Event)
	var problems []error
	err := log.NewestOfEach(within(t), event.ClusterSubjects("test"), func(e event.Event, err error) {
		if err != nil {
			problems = append(problems, err)
			return
		}
		got[e.Key] = e
	})
	testcheck.NoError(t, err)
	testcheck.Equal(t, "events", want, got, cmpopts.EquateEmpty())
	if len(problems) != 1 {
		t.Errorf("problems: %v", problems)
	}
	says(t, errors.Join(problems...), fmt.Sprint("message ", foreign), "foreign")
}
