package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

func TestLog_PublishTooLarge(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 8000)
	t.Run("for the server", func(t *testing.T) {
		t.Parallel()
		log := ensureLog(t, streamtest.Start(t, func(o *server.Options) { o.MaxPayload = 4096 }).Conn(t))
		checkTooLarge(t, log, large)
	})
	t.Run("for the stream", func(t *testing.T) {
		s, log := startLog(t)
		client, ctx := js(t, s), within(t)
		config := must(client.Stream(ctx, stream.StreamName)).CachedInfo().Config
		config.MaxMsgSize = 4096 // as an administrator might
		must(client.UpdateStream(ctx, config))
		checkTooLarge(t, log, large)
	})
}

func checkTooLarge(t *testing.T, log *stream.Log, large string) {
	t.Helper()
	_, err := log.Publish(within(t), upsert(keyOf("large"), large), 0)
	testcheck.ErrorIs(t, "publish", stream.ErrTooLarge, err)
	says(t, err, "test/components/large", "max_payload", "bytes)")
	first := publish(t, log, upsert(keyOf("small"), "A"), 0)
	publish(t, log, upsert(keyOf("small"), "B"), first)
	publish(t, log, upsert(keyOf("large"), "smaller"), 0)
}

func TestLog_CheckAfterDeletion(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	log := ensureLog(t, conn)
	key, ctx := keyOf("a"), within(t)
	first := publish(t, log, upsert(key, "A"), 0)
	testcheck.ErrorIs(t, "check", nil, log.Check(ctx))
	testcheck.NoError(t, js(t, s).DeleteStream(ctx, stream.StreamName))
	testcheck.ErrorIs(t, "check", stream.ErrLogMissing, log.Check(ctx))
	if _, err := log.Publish(ctx, upsert(key, "B"), first); !errors.Is(err, stream.ErrLogMissing) {
		t.Errorf("publish: %v, want ErrLogMissing", err)
	}
	if _, _, err := log.Newest(ctx, key); err == nil {
		t.Error("newest of a missing stream: no error")
	}
	if err := log.Heads(ctx, key.Cluster, func(event.Head) {}); err == nil {
		t.Error("heads of a missing stream: no error")
	}
	// Created again by another client, it holds none of the expected messages.
	ensureLog(t, s.Conn(t))
	sequence, err := log.Publish(ctx, upsert(key, "B"), first)
	testcheck.Equal(t, "the head of an empty subject", event.Head{Key: key, Deleted: true}, superseded(t, sequence, err))
	publish(t, log, upsert(key, "B"), 0)
}

func TestLog_HistoryIsBounded(t *testing.T) {
	s, log := startLog(t, func(c *natsconn.Config) { c.History = 3 })
	expected := uint64(0)
	for round := range 8 {
		expected = publish(t, log, upsert(keyOf("a"), fmt.Sprint(round)), expected)
	}
	publish(t, log, upsert(keyOf("b"), "A"), 0)
	info := must(must(js(t, s).Stream(within(t), stream.StreamName)).Info(within(t), jetstream.WithSubjectFilter(">")))
	want := map[string]uint64{event.Subject(keyOf("a")): 3, event.Subject(keyOf("b")): 1}
	testcheck.Equal(t, "messages", want, info.State.Subjects)
	newest, _, err := log.Newest(within(t), keyOf("a"))
	if err != nil || newest.Sequence != expected || newest.Component.DeploymentStatus != "7" {
		t.Errorf("newest: %+v, %v", newest, err)
	}
}

func TestLog_PublishToAFullStream(t *testing.T) {
	s, log := startLog(t, func(c *natsconn.Config) { c.MaxBytes = 8 << 10 })
	body := strings.Repeat("x", 1000)
	var err error
	var published int
	for published = 0; published < 100 && err == nil; published++ {
		_, err = log.Publish(within(t), upsert(keyOf(fmt.Sprint(published)), body), 0)
	}
	passing(t, err)
	says(t, err, "maximum bytes")
	testcheck.AtLeast(t, "messages until it was full", 4, published)
	last := upsert(keyOf(fmt.Sprint(published-1)), body)
	_, err = log.Publish(within(t), last, 0)
	passing(t, err)
	ensureLog(t, s.Conn(t, func(c *natsconn.Config) { c.MaxBytes = 1 << 20 }))
	publish(t, log, last, 0)
}

// passing fails the test unless the error may pass by itself.
func passing(t *testing.T, err error) {
	t.Helper()
	var refused *stream.SupersededError
	if err == nil || errors.Is(err, stream.ErrTooLarge) || errors.Is(err, stream.ErrLogMissing) || errors.As(err, &refused) {
		t.Errorf("publish: %v, want a passing error", err)
	}
}

func TestLog_PublishWithoutServer(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	log := ensureLog(t, conn)
	first := publish(t, log, upsert(keyOf("a"), "A"), 0)
	s.Shutdown()
	eventually(t, "a publish fails at once", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := log.Publish(ctx, upsert(keyOf("a"), "B"), first)
		passing(t, err)
		return ctx.Err() == nil
	})
	s.Restart(t)
	waitConnected(t, conn)
	testcheck.Equal(t, "sequence, where nothing was buffered", first+1, publish(t, log, upsert(keyOf("a"), "B"), first))
}

// TestLog_PublishAfterAMalformedMessage has a message on a component's subject that odasync cannot read: the component's
// state is published over it.
func TestLog_PublishAfterAMalformedMessage(t *testing.T) {
	s, log := startLog(t)
	key := keyOf("a")
	first := publish(t, log, upsert(key, "A"), 0)
	client := js(t, s)
	foreign := must(client.Publish(within(t), event.Subject(key), []byte("hello"))).Sequence
	head := superseded(t, 0, secondOf(log.Publish(within(t), upsert(key, "B"), first)))
	testcheck.Equal(t, "head", event.Head{Key: key, Sequence: foreign}, head)
	if e, found, err := log.Newest(within(t), key); !found || !errors.Is(err, event.ErrMalformed) || e.Sequence != foreign || e.Key != key {
		t.Errorf("newest: %+v, %t, %v, want its key, its sequence and an error", e, found, err)
	}
	publish(t, log, upsert(key, "B"), foreign)
}
