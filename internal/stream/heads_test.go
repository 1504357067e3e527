package stream_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
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

func TestLog_HeadsBesidePublishes(t *testing.T) {
	s := streamtest.StartParallel(t)
	log := ensureLog(t, s.Conn(t, func(c *natsconn.Config) { c.History = 1 })) // so that what is to come disappears
	known := fill(t, log, upserts(1500), nil)
	changes := 0
	got := make(map[component.Key]event.Head)
	err := log.Heads(within(t), "test", func(h event.Head) {
		got[h.Key] = h
		if changes < 200 {
			key := keyOf(fmt.Sprint("c", 1499-changes))
			known[key] = event.Head{Sequence: publish(t, log, upsert(key, "B"), known[key].Sequence)}
			changes++
		}
	})
	testcheck.NoError(t, err)
	testcheck.Equal(t, "components with a head", len(known), len(got))
}

// TestLog_HeadsPurgedMeanwhile takes away what the reader still waits for.
func TestLog_HeadsPurgedMeanwhile(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	conn.Timing = natsconn.Timing{Idle: time.Second, Heartbeat: time.Second}
	log := ensureLog(t, conn)
	fill(t, log, upserts(2000), nil)
	client, purged := js(t, s), false
	ctx := within(t)
	err := log.Heads(ctx, "test", func(event.Head) {
		if !purged {
			purged = true
			testcheck.ErrorIs(t, "purge", nil, must(client.Stream(ctx, stream.StreamName)).Purge(ctx))
		}
	})
	if ctx.Err() != nil {
		t.Fatalf("reading the heads did not end by itself: %v", err)
	}
	if err != nil {
		says(t, err, "oda.components.v1.test") // then the reader begins anew
	}
	testcheck.Equal(t, "heads after the purge", 0, len(heads(t, log, "test")))
}

func TestLog_HeadsEndWithTheirContext(t *testing.T) {
	_, log := startLog(t)
	fill(t, log, upserts(1200), nil)
	ctx, cancel := context.WithCancel(t.Context())
	err := log.Heads(ctx, "test", func(event.Head) { cancel() })
	testcheck.ErrorIs(t, "the end of reading the heads", context.Canceled, err)
}

// TestLog_HeadsAcrossARestart loses the server in the middle: the reader ends, with all heads or an error.
func TestLog_HeadsAcrossARestart(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	conn.Timing = natsconn.Timing{Idle: 3 * time.Second, Heartbeat: time.Second}
	log := ensureLog(t, conn)
	want := fill(t, log, upserts(2000), nil)
	got := make(map[component.Key]event.Head)
	ctx, restarted := within(t), false
	err := log.Heads(ctx, "test", func(h event.Head) {
		got[h.Key] = h
		if !restarted {
			restarted = true
			s.Restart(t)
		}
	})
	if ctx.Err() != nil {
		t.Fatalf("reading the heads did not end by itself: %v", err)
	}
	if diff := cmp.Diff(want, got); err == nil && diff != "" {
		t.Errorf("no error and (-want +got):\n%s", diff)
	}
	waitConnected(t, conn)
	testcheck.Equal(t, "afterwards", want, heads(t, log, "test"))
}

func TestLog_HeadsWithMalformedMessages(t *testing.T) {
	s, log := startLog(t)
	client, ctx := js(t, s), within(t)
	must(client.Publish(ctx, "oda.components.v1.test.components.=zz", []byte("hello")))
	must(client.Publish(ctx, "oda.components.v1.test.components", nil))
	foreign := must(client.Publish(ctx, event.Subject(keyOf("foreign")), []byte("hello"))).Sequence
	newer := must(client.PublishMsg(ctx, &nats.Msg{Subject: event.Subject(keyOf("newer")),
		Header: nats.Header{event.HeaderType: {"org.tmforum.oda.component.upserted.v2"}, event.HeaderHash: {"h"}}})).Sequence
	want := fill(t, log, []event.Event{upsert(keyOf("good"), "A")}, nil)
	want[keyOf("foreign")] = event.Head{Key: keyOf("foreign"), Sequence: foreign}
	want[keyOf("newer")] = event.Head{Key: keyOf("newer"), Sequence: newer}
	testcheck.Equal(t, "heads", want, heads(t, log, "test"))
}
