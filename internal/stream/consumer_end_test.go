package stream_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

func TestConsumer_CloseRequeues(t *testing.T) {
	t.Parallel()
	const messages = 8
	s := streamtest.Start(t)
	log := ensureLog(t, s.Conn(t))
	for i := range messages {
		publish(t, log, upsert(keyOf(fmt.Sprint("c", i)), "A"), 0)
	}
	first := consumerOf(t, log)
	second := consumerOf(t, ensureLog(t, s.Conn(t)))
	setAckWait(t, s, time.Hour) // so that nothing comes again by itself
	open(t, first, messages)
	held := next(t, first)
	eventually(t, "all are with the first replica", func() bool {
		backlog := must(first.Backlog(within(t)))
		return backlog.Pending == 0 && backlog.AckPending == messages
	})
	first.Close()
	open(t, second, messages)
	got := make(map[uint64]bool)
	for range messages - 1 {
		d := next(t, second)
		got[d.Sequence] = true
		ack(t, d)
	}
	if len(got) != messages-1 || got[held.Sequence] {
		t.Errorf("the second replica was given %v; the first holds %d", got, held.Sequence)
	}
	ack(t, held) // what was taken may still be finished
	drained(t, second)

	_, err := first.Next(within(t))
	says(t, err, "next message")
	open(t, first, 2) // and it can be opened again
	sequence := publish(t, log, upsert(keyOf("d"), "A"), 0)
	testcheck.Equal(t, "delivered", sequence, nextOf(t, first, second).Sequence)
}

func TestConsumer_CloseWithoutServerOrUse(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	log := ensureLog(t, conn)
	consumerOf(t, log).Close() // never opened
	publish(t, log, upsert(keyOf("a"), "A"), 0)
	publish(t, log, upsert(keyOf("b"), "A"), 0)
	consumer := open(t, consumerOf(t, log), 4)
	d := next(t, consumer)
	s.Shutdown()
	eventually(t, "the lost connection shows", func() bool { return !conn.NATS().IsConnected() })
	began := time.Now()
	consumer.Close()
	testcheck.AtMost(t, "time of closing", 3*time.Second, time.Since(began))
	if err := d.Ack(); err == nil {
		t.Error("a message was acknowledged without a server")
	}
}

func TestConsumer_NextEndsWithItsContext(t *testing.T) {
	consumer := open(t, consumerOf(t, ensureLog(t, streamtest.StartParallel(t).Conn(t))), 4)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := consumer.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("next ends with %v", err)
	}
}

func TestConsumer_NextContinuesAfterARestart(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	log := ensureLog(t, conn)
	consumer := open(t, consumerOf(t, log), 4)
	for round := range 2 {
		got := make(chan event.Delivery, 1)
		failed := make(chan error, 1)
		go func() {
			d, err := consumer.Next(within(t))
			failed <- err
			got <- d
		}()
		s.Restart(t)
		waitConnected(t, conn)
		sequence := publish(t, log, upsert(keyOf(fmt.Sprint("c", round)), "A"), 0)
		testcheck.NoError(t, <-failed)
		d := <-got
		testcheck.Equal(t, "delivered", sequence, d.Sequence)
		ack(t, d)
	}
	drained(t, consumer)
}

// TestConsumer_NextEndsWhenTheConsumerIsGone covers what an administrator or a lost disk can do.
func TestConsumer_NextEndsWhenTheConsumerIsGone(t *testing.T) {
	t.Parallel()
	deleteStream := func(t *testing.T, s *streamtest.Server) {
		testcheck.NoError(t, js(t, s).DeleteStream(within(t), stream.StreamName))
	}
	tests := map[string]func(t *testing.T, s *streamtest.Server, conn *natsconn.Conn, directory string){
		"stream deleted": func(t *testing.T, s *streamtest.Server, _ *natsconn.Conn, _ string) { deleteStream(t, s) },
		"consumer deleted": func(t *testing.T, s *streamtest.Server, _ *natsconn.Conn, _ string) {
			testcheck.NoError(t, js(t, s).DeleteConsumer(within(t), stream.StreamName, "syncer-default"))
		},
		"server came back empty": func(t *testing.T, s *streamtest.Server, _ *natsconn.Conn, directory string) {
			s.Shutdown()
			testcheck.NoError(t, os.RemoveAll(directory))
			s.Restart(t)
		},
		"server came back empty and was filled by others": func(t *testing.T, s *streamtest.Server, conn *natsconn.Conn, directory string) {
			s.Shutdown()
			testcheck.NoError(t, os.RemoveAll(directory))
			s.Restart(t)
			log := ensureLog(t, s.Conn(t))
			consumerOf(t, log)
			publish(t, log, upsert(keyOf("a"), "A"), 0)
		},
	}
	for name, lose := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			s := streamtest.Start(t, func(o *server.Options) { o.StoreDir = directory })
			conn := s.Conn(t)
			conn.Timing = natsconn.Timing{Idle: time.Second, Heartbeat: 500 * time.Millisecond}
			consumer := open(t, consumerOf(t, ensureLog(t, conn)), 4)
			ctx := within(t)
			ended := make(chan error, 1)
			go func() {
				_, err := consumer.Next(ctx)
				ended <- err
			}()
			lose(t, s, conn, directory)
			err := <-ended
			if ctx.Err() != nil {
				t.Fatalf("next did not end by itself: %v", err)
			}
			says(t, err, "next message")
			// Opened anew, it works.
			waitConnected(t, conn)
			log := ensureLog(t, conn)
			consumer.Close()
			consumer = open(t, consumerOf(t, log), 4)
			if newest, found, err := log.Newest(within(t), keyOf("a")); !found {
				publish(t, log, upsert(keyOf("a"), "A"), 0)
			} else if err != nil {
				t.Fatalf("%+v, %v", newest, err)
			}
			if d := next(t, consumer); d.Key != keyOf("a") {
				t.Errorf("delivered %+v", d.Event)
			}
		})
	}
}

// TestConsumer_NextToleratesMissingHeartbeats has a server that is away for longer than the heartbeats that are waited for.
func TestConsumer_NextToleratesMissingHeartbeats(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	conn.Timing = natsconn.Timing{Idle: time.Second, Heartbeat: 500 * time.Millisecond}
	log := ensureLog(t, conn)
	consumer := open(t, consumerOf(t, log), 4)
	got, failed := make(chan event.Delivery, 1), make(chan error, 1)
	ctx := within(t)
	go func() {
		d, err := consumer.Next(ctx)
		failed <- err
		got <- d
	}()
	s.Shutdown()
	select {
	case err := <-failed:
		t.Fatalf("next ended: %v", err)
	case <-time.After(2500 * time.Millisecond): // two heartbeats are missing after one second
	}
	s.Restart(t)
	waitConnected(t, conn)
	sequence := publish(t, log, upsert(keyOf("a"), "A"), 0)
	testcheck.NoError(t, <-failed)
	if d := <-got; d.Sequence != sequence {
		t.Errorf("delivered %d, want %d", d.Sequence, sequence)
	}
}
