package stream_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

func TestLog_After(t *testing.T) {
	server := streamtest.Start(t)
	log := ensureLog(t, server.Conn(t))
	key, other := keyOf("catalog"), keyOf("orders")
	one := publish(t, log, upsert(key, "one"), 0)
	publish(t, log, upsert(other, "between"), 0)
	two := publish(t, log, upsert(key, "two"), one)
	testcheck.NoError(t, server.NATS(t).PublishMsg(&nats.Msg{Subject: event.Subject(key), Data: []byte("nonsense")}))
	eventually(t, "the message that is no event", func() bool {
		_, found, err := log.Newest(within(t), key)
		return found && errors.Is(err, event.ErrMalformed)
	})
	three := two + 1
	four := publish(t, log, event.Tombstone(key, "", "", time.Now()), three)

	var read []uint64
	for after := uint64(0); ; {
		e, found, err := log.After(within(t), key, after)
		if unreadable := errors.Is(err, event.ErrMalformed); unreadable != (e.Sequence == three) || err != nil && !unreadable {
			t.Fatalf("message %d: %v", e.Sequence, err)
		}
		if !found {
			break
		}
		if e.Key != key || e.Sequence != three && e.Deleted() != (e.Sequence == four) {
			t.Errorf("read %+v", e)
		}
		read, after = append(read, e.Sequence), e.Sequence
	}
	testcheck.Equal(t, "sequences", []uint64{one, two, three, four}, read)
	if _, found, err := log.After(within(t), keyOf("nothing"), 0); found || err != nil {
		t.Errorf("a key without messages: %v, %v", found, err)
	}
	testcheck.Equal(t, "recorded", map[component.Key]uint64{key: 4, other: 1}, must(log.MessageCounts(within(t), key.Cluster)))
}

func TestLog_FirstSince(t *testing.T) {
	log := ensureLog(t, streamtest.Start(t).Conn(t))
	testcheck.Equal(t, "the first of an empty stream", 1, must(log.FirstSince(within(t), time.Time{})))
	before := time.Now()
	publish(t, log, upsert(keyOf("one"), "x"), 0)
	publish(t, log, upsert(keyOf("two"), "x"), 0)
	between := time.Now()
	publish(t, log, upsert(keyOf("three"), "x"), 0)
	for name, test := range map[string]struct {
		since time.Time
		want  uint64
	}{
		"long ago": {before.Add(-time.Hour), 1}, "before": {before, 1}, "between": {between, 3}, "in the future": {time.Now().Add(time.Hour), 4},
	} {
		testcheck.Equal(t, name, test.want, must(log.FirstSince(within(t), test.since)))
	}
}

func TestLog_RegistriesAreReadOnly(t *testing.T) {
	conn := streamtest.Start(t).Conn(t)
	log := ensureLog(t, conn)
	says(t, log.CheckRegistry(within(t), "lab", "http://a"), `target "lab" has no consumer yet`)
	testcheck.Empty(t, "registries that asking created", must(log.Registries(within(t))))
	must(log.EnsureConsumer(within(t), "lab", "http://a"))
	must(log.EnsureConsumer(within(t), "the.other", "http://b"))
	testcheck.ErrorIs(t, "check registry", nil, log.CheckRegistry(within(t), "lab", "http://a"))
	_, refusal := log.EnsureConsumer(within(t), "lab", "http://b")
	says(t, log.CheckRegistry(within(t), "lab", "http://b"), refusal.Error(), `target "lab" feeds the registry at http://a, not http://b`)
	testcheck.Equal(t, "registries", map[string]string{"lab": "http://a", "the.other": "http://b"}, must(log.Registries(within(t))))
}
