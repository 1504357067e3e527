package stream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

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
