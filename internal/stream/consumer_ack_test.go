package stream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

// setAckWait changes how long the server waits for a sign of life.
func setAckWait(t testing.TB, s *streamtest.Server, wait time.Duration) {
	t.Helper()
	client := js(t, s)
	config := must(client.Consumer(within(t), stream.StreamName, "syncer-default")).CachedInfo().Config
	config.AckWait = wait
	must(client.UpdateConsumer(within(t), stream.StreamName, config))
}

func ack(t testing.TB, d event.Delivery) {
	t.Helper()
	testcheck.NoError(t, d.Ack())
}

// drained waits until nothing is left for the target.
func drained(t testing.TB, consumer *stream.Consumer) {
	t.Helper()
	eventually(t, "the backlog is empty", func() bool {
		backlog := must(consumer.Backlog(within(t)))
		return backlog.Pending == 0 && backlog.AckPending == 0
	})
}

func TestConsumer_RedeliversMessagesOfADeadReplica(t *testing.T) {
	s, log := startLog(t)
	sequence := publish(t, log, upsert(keyOf("a"), "A"), 0)
	conn := s.Conn(t)
	dead := consumerOf(t, ensureLog(t, conn))
	setAckWait(t, s, 500*time.Millisecond)
	open(t, dead, 1)
	if d := next(t, dead); d.Sequence != sequence || d.Attempt != 1 {
		t.Errorf("first delivered: %d, attempt %d", d.Sequence, d.Attempt)
	}
	conn.Close()
	other := impatient(t, s, log)
	if d := next(t, other); d.Sequence != sequence || d.Attempt != 2 {
		t.Errorf("delivered again: %d, attempt %d", d.Sequence, d.Attempt)
	}
}

// impatient opens the consumer with a short acknowledgement wait, which a starting syncer resets.
func impatient(t testing.TB, s *streamtest.Server, log *stream.Log) *stream.Consumer {
	t.Helper()
	consumer := consumerOf(t, log)
	setAckWait(t, s, 500*time.Millisecond)
	return open(t, consumer, 1)
}

func TestDelivery_ProgressKeepsTheMessage(t *testing.T) {
	s, log := startLog(t)
	publish(t, log, upsert(keyOf("a"), "A"), 0)
	consumer := impatient(t, s, log)
	d := next(t, consumer)
	again := make(chan event.Delivery, 1)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	var reading sync.WaitGroup
	reading.Go(func() {
		if d, err := consumer.Next(ctx); err == nil {
			again <- d
		}
	})
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for began := time.Now(); time.Since(began) < 1500*time.Millisecond; <-ticker.C {
		testcheck.NoError(t, d.Progress())
	}
	select {
	case <-again:
		t.Error("delivered again in spite of its progress")
	default:
	}
	ack(t, d)
	drained(t, consumer)
	cancel()
	reading.Wait()
}

func TestDelivery_RetryIsDelayed(t *testing.T) {
	_, log := startLog(t)
	sequence := publish(t, log, upsert(keyOf("a"), "A"), 0)
	consumer := open(t, consumerOf(t, log), 4)
	const delay = 700 * time.Millisecond
	var due time.Time
	for attempt := 1; attempt <= 3; attempt++ {
		d := next(t, consumer)
		if d.Sequence != sequence || d.Attempt != attempt {
			t.Fatalf("delivered %d, attempt %d, want %d, attempt %d", d.Sequence, d.Attempt, sequence, attempt)
		}
		testcheck.AtMost(t, fmt.Sprintf("time left of the delay before attempt %d", attempt), 0, time.Until(due))
		if attempt == 3 {
			ack(t, d)
			break
		}
		due = time.Now().Add(delay)
		testcheck.NoError(t, d.Retry(delay))
		if attempt > 1 {
			continue
		}
		other := publish(t, log, upsert(keyOf("b"), "A"), 0) // does not wait for the one that comes again
		d = next(t, consumer)
		testcheck.MustEqual(t, "delivered", other, d.Sequence)
		ack(t, d)
		testcheck.AtLeast(t, "ack pending, with the one that comes again", 1, must(consumer.Backlog(within(t))).AckPending)
	}
	drained(t, consumer)
}

func TestDelivery_DropEndsTheMessage(t *testing.T) {
	s, log := startLog(t)
	sequence := publish(t, log, upsert(keyOf("a"), "A"), 0)
	nc := s.NATS(t)
	advisories := must(nc.SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>"))
	testcheck.NoError(t, nc.Flush())
	consumer := impatient(t, s, log)
	d := next(t, consumer)
	testcheck.NoError(t, d.Drop("name is too long"))
	says(t, errors.New(string(must(advisories.NextMsgWithContext(within(t))).Data)), "name is too long")
	drained(t, consumer)
	// What follows it is delivered.
	second := publish(t, log, upsert(keyOf("a"), "B"), sequence)
	testcheck.Equal(t, "delivered", second, next(t, consumer).Sequence)
}

func TestConsumer_DeliversMalformedMessages(t *testing.T) {
	s, log := startLog(t)
	client := js(t, s)
	consumer := open(t, consumerOf(t, log), 4)
	tests := []struct {
		subject string
		key     component.Key
		words   string
	}{
		{event.Subject(keyOf("a.b")), keyOf("a.b"), "not a component event"},
		{"oda.components.v1.test.components.=zz", component.Key{}, "=HH"},
		{"oda.components.v1.test", component.Key{}, "1 tokens"},
	}
	for _, test := range tests {
		sequence := must(client.Publish(within(t), test.subject, []byte("hello"))).Sequence
		d := next(t, consumer)
		says(t, d.Err, test.words, fmt.Sprint("message ", sequence))
		if d.Key != test.key || d.Sequence != sequence || d.Attempt != 1 || !d.Deleted() {
			t.Errorf("%s: delivered %+v", test.subject, d.Event)
		}
		ack(t, d)
	}
	drained(t, consumer)
}
