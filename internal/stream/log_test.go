package stream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

// superseded returns the head of a conflict, and fails the test on any other outcome.
func superseded(t *testing.T, sequence uint64, err error) event.Head {
	t.Helper()
	var refused *stream.SupersededError
	if !errors.As(err, &refused) {
		t.Fatalf("published as %d with %v, want a SupersededError", sequence, err)
	}
	return refused.Head
}

func TestLog_PublishFollowsTheExpectedMessage(t *testing.T) {
	_, log := startLog(t)
	key := keyOf("a.b")
	first := publish(t, log, upsert(key, "A"), 0)
	second := publish(t, log, upsert(key, "B"), first)
	if second <= first {
		t.Errorf("sequences %d and %d", first, second)
	}
	want, found, err := log.Newest(within(t), key)
	if err != nil || !found {
		t.Fatalf("newest: %t, %v", found, err)
	}
	e := upsert(key, "B")
	e.Sequence = second
	testcheck.Equal(t, "newest", e, want, cmpopts.EquateEmpty())
	head := event.Head{Key: key, Sequence: second, Hash: e.Hash, UID: e.UID, Time: e.Time}
	for name, expected := range map[string]uint64{"the first again": 0, "an older one": first, "one of the future": second + 10} {
		sequence, err := log.Publish(within(t), upsert(key, "C"), expected)
		testcheck.Equal(t, name, head, superseded(t, sequence, err))
		says(t, err, fmt.Sprintf("superseded by message %d of test/components/a.b", second))
	}
	deleted := publish(t, log, event.Tombstone(key, "", "", seen), second)
	if h := superseded(t, 0, secondOf(log.Publish(within(t), upsert(key, "C"), second))); !h.Deleted || h.Sequence != deleted || h.Hash != "" {
		t.Errorf("head of a deleted component: %+v", h)
	}
	publish(t, log, upsert(key, "A"), deleted)
}

func secondOf[A, B any](_ A, b B) B { return b }

func TestLog_PublishByTwoLeadersAtOnce(t *testing.T) {
	s := streamtest.StartParallel(t)
	logs := [2]*stream.Log{ensureLog(t, s.Conn(t)), ensureLog(t, s.Conn(t))}
	key, expected := keyOf("hot"), uint64(0)
	for round := range 50 {
		var sequences [2]uint64
		var errs [2]error
		var group errgroup.Group
		for i, log := range logs {
			group.Go(func() error {
				sequences[i], errs[i] = log.Publish(within(t), upsert(key, fmt.Sprint(round, i)), expected)
				return nil
			})
		}
		_ = group.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if errs[winner] != nil {
			t.Fatalf("no leader won: %v", errs)
		}
		expected = sequences[winner]
		testcheck.MustEqual(t, "message that the loser is shown", expected, superseded(t, sequences[1-winner], errs[1-winner]).Sequence)
	}
}

// TestLog_PublishAgainAfterALostAnswer repeats publishes as a watcher does that never saw the answer.
func TestLog_PublishAgainAfterALostAnswer(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	log := ensureLog(t, conn)
	client, ctx := js(t, s), within(t)
	a, b := keyOf("a"), keyOf("b")
	count := func() uint64 { return must(must(client.Stream(ctx, stream.StreamName)).Info(ctx)).State.Msgs }

	first := publish(t, log, upsert(a, "A"), 0)
	testcheck.Equal(t, "sequence of the repeat within the duplicate window", first, publish(t, log, upsert(a, "A"), 0))
	second := publish(t, log, upsert(a, "B"), first)
	deleted := publish(t, log, event.Tombstone(b, "", "", seen), 0)

	// A window that is over: a message that was published later than those above is no duplicate any more.
	config := must(client.Stream(ctx, stream.StreamName)).CachedInfo().Config
	config.Duplicates = 100 * time.Millisecond
	must(client.UpdateStream(ctx, config))
	s.Restart(t) // or the server may go on to count by the former window
	waitConnected(t, conn)
	probe := &nats.Msg{Subject: event.SnapshotSubject("probe"), Header: nats.Header{nats.MsgIdHdr: {"probe"}}}
	eventually(t, "the plain connection is back", func() bool {
		_, err := client.PublishMsg(ctx, probe)
		return err == nil
	})
	eventually(t, "the duplicate window is over", func() bool {
		ack, err := client.PublishMsg(ctx, probe)
		return err == nil && !ack.Duplicate
	})

	before := count()
	testcheck.Equal(t, "sequence of the repeat beyond the duplicate window", second, publish(t, log, upsert(a, "B"), first))
	testcheck.Equal(t, "sequence of the tombstone's repeat beyond the duplicate window", deleted, publish(t, log, event.Tombstone(b, "", "", seen.Add(time.Hour)), 0))
	testcheck.Equal(t, "head shown to the repeat of a message that was followed", second, superseded(t, 0, secondOf(log.Publish(ctx, upsert(a, "A"), 0))).Sequence)
	testcheck.Equal(t, "messages in the stream", before, count())
}

func TestLog_PublishEarlierContentAgain(t *testing.T) {
	_, log := startLog(t)
	key, expected := keyOf("a"), uint64(0)
	for _, status := range []string{"A", "B", "A", "B", "A"} {
		sequence := publish(t, log, upsert(key, status), expected)
		if sequence <= expected {
			t.Fatalf("%s after %d is published as %d", status, expected, sequence)
		}
		expected = sequence
	}
}

func TestLog_NewestOfNothing(t *testing.T) {
	_, log := startLog(t)
	if e, found, err := log.Newest(within(t), keyOf("a")); found || err != nil {
		t.Errorf("newest: %+v, %t, %v", e, found, err)
	}
}

// TestLog_NewestReadsFromTheLeader makes sure that no direct get is used, which a lagging replica might answer.
func TestLog_NewestReadsFromTheLeader(t *testing.T) {
	s, log := startLog(t)
	publish(t, log, upsert(keyOf("a"), "A"), 0)
	nc := s.NATS(t)
	requests := must(nc.SubscribeSync("$JS.API.>"))
	testcheck.NoError(t, nc.Flush())
	if _, found, err := log.Newest(within(t), keyOf("a")); !found || err != nil {
		t.Fatal(found, err)
	}
	request := must(requests.NextMsgWithContext(within(t)))
	testcheck.Equal(t, "subject of the request", "$JS.API.STREAM.MSG.GET.ODA_COMPONENTS", request.Subject)
	var body map[string]string
	if err := json.Unmarshal(request.Data, &body); err != nil || body["last_by_subj"] != event.Subject(keyOf("a")) {
		t.Errorf("asked for %v, %v", body, err)
	}
}

// The server remembers ids for a while, also of messages that were purged since.
func TestLog_PublishAgainAfterAPurge(t *testing.T) {
	s, log := startLog(t)
	key := keyOf("purged")
	plain := must(js(t, s).Stream(t.Context(), stream.StreamName))
	first := publish(t, log, upsert(key, "A"), 0)
	testcheck.Equal(t, "sequence of the repeat", first, publish(t, log, upsert(key, "A"), 0))
	for range 2 {
		testcheck.NoError(t, plain.Purge(t.Context()))
		sequence := publish(t, log, upsert(key, "A"), 0)
		newest, found, err := log.Newest(within(t), key)
		if err != nil || !found || newest.Sequence != sequence || sequence <= first {
			t.Fatalf("published as %d, there is %d (%t), %v", sequence, newest.Sequence, found, err)
		}
		first = sequence
	}
	// A repeat that comes after another message is no success.
	second := publish(t, log, upsert(key, "B"), first)
	publish(t, log, upsert(key, "C"), second)
	_, err := log.Publish(within(t), upsert(key, "B"), first)
	if superseded := new(stream.SupersededError); !errors.As(err, &superseded) || superseded.Head.Sequence != second+1 {
		t.Errorf("a late repeat gives %v", err)
	}
}
