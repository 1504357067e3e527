package stream_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

const registryURL = "http://registry:8000"

// consumerOf returns the consumer of the default target, not opened.
func consumerOf(t testing.TB, log *stream.Log) *stream.Consumer {
	t.Helper()
	consumer, err := log.EnsureConsumer(within(t), "default", registryURL)
	testcheck.NoError(t, err)
	return consumer
}

// open starts pulling; the consumer is closed with the test.
func open(t testing.TB, consumer *stream.Consumer, buffer int) *stream.Consumer {
	t.Helper()
	testcheck.NoError(t, consumer.Open(within(t), buffer))
	t.Cleanup(consumer.Close)
	return consumer
}

func next(t testing.TB, consumer *stream.Consumer) event.Delivery {
	t.Helper()
	d, err := consumer.Next(within(t))
	testcheck.NoError(t, err)
	return d
}

func TestConsumer_StartsWithTheNewest(t *testing.T) {
	_, log := startLog(t)
	want := make(map[component.Key]event.Event)
	for _, key := range []component.Key{keyOf("a"), keyOf("b"), keyOf("c")} {
		sequence := publish(t, log, upsert(key, "A"), 0)
		e := upsert(key, "B")
		if key.Name == "c" {
			e = event.Tombstone(key, "", "", seen)
		}
		e.Sequence = publish(t, log, e, sequence)
		want[key] = e
	}
	consumer := consumerOf(t, log)
	testcheck.Equal(t, "backlog", stream.Backlog{Pending: 3}, must(consumer.Backlog(within(t))), cmpopts.IgnoreFields(stream.Backlog{}, "Done", "Delivered"))
	open(t, consumer, 10)
	got := make(map[component.Key]event.Event)
	for range want {
		d := next(t, consumer)
		if d.Err != nil || d.Attempt != 1 {
			t.Errorf("%s: attempt %d, %v", d.Key, d.Attempt, d.Err)
		}
		got[d.Key] = d.Event
		ack(t, d)
	}
	testcheck.Equal(t, "delivered events", want, got, cmpopts.EquateEmpty())
	drained(t, consumer)

	// From then on every message comes, in order.
	sequence := want[keyOf("a")].Sequence
	for _, status := range []string{"C", "D"} {
		sequence = publish(t, log, upsert(keyOf("a"), status), sequence)
	}
	for _, status := range []string{"C", "D"} {
		d := next(t, consumer)
		if d.Component == nil || d.Component.DeploymentStatus != status {
			t.Errorf("delivered %+v, want %s", d.Event, status)
		}
		ack(t, d)
	}
	drained(t, consumer)
	// A syncer that starts later goes on where the target is.
	again := open(t, consumerOf(t, log), 10)
	e := publish(t, log, upsert(keyOf("d"), "A"), 0)
	testcheck.Equal(t, "delivered", e, nextOf(t, again, consumer).Sequence)
}

// nextOf returns the next message that any of the consumers is given.
func nextOf(t testing.TB, consumers ...*stream.Consumer) event.Delivery {
	t.Helper()
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	var group errgroup.Group
	found := make(chan event.Delivery, len(consumers))
	for _, consumer := range consumers {
		group.Go(func() error {
			d, err := consumer.Next(ctx)
			if err == nil {
				found <- d
				cancel()
			}
			return nil
		})
	}
	_ = group.Wait()
	select {
	case d := <-found:
		return d
	default:
		t.Fatal("no message was delivered")
		return event.Delivery{}
	}
}

func TestConsumer_ReplicasShareTheMessages(t *testing.T) {
	t.Parallel()
	const messages = 300
	s := streamtest.Start(t)
	log := ensureLog(t, s.Conn(t))
	fill(t, log, upserts(messages), nil)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	var mu sync.Mutex
	counts := make(map[uint64]int)
	var shares [2]int
	var group errgroup.Group
	var consumers [len(shares)]*stream.Consumer
	for i := range consumers { // both, before one could take everything
		consumers[i] = open(t, consumerOf(t, ensureLog(t, s.Conn(t))), 4)
	}
	for i, consumer := range consumers {
		group.Go(func() error {
			for {
				d, err := consumer.Next(ctx)
				if err != nil {
					return err
				}
				if err := d.Ack(); err != nil {
					return err
				}
				mu.Lock()
				counts[d.Sequence]++
				shares[i]++
				if len(counts) == messages {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	testcheck.Equal(t, "times that a message was delivered", 1, slices.Max(slices.Collect(maps.Values(counts))))
	if shares[0] == 0 || shares[1] == 0 {
		t.Errorf("shares: %v", shares)
	}
	drained(t, consumerOf(t, log))
}

func TestConsumer_SkipsSnapshotMarkers(t *testing.T) {
	s, log := startLog(t)
	must(js(t, s).Publish(within(t), event.SnapshotSubject("test"), []byte("{}")))
	sequence := publish(t, log, upsert(keyOf("a"), "A"), 0)
	consumer := open(t, consumerOf(t, log), 4)
	testcheck.Equal(t, "delivered", sequence, next(t, consumer).Sequence)
}
