package watcher

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// A leader that was suspended finds that another one has published.
func TestTerm_LateLeader(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before []component.Observation // published by this leader
		others []component.Observation // published by another leader
		next   component.Observation
		want   []string
		same   bool // as this leader would publish
	}{
		"a change":       {[]component.Observation{seen("a", "A")}, []component.Observation{seen("a", "X")}, seen("a", "B"), []string{"A", "X", "B"}, false},
		"a first event":  {nil, []component.Observation{seen("a", "X"), seen("a", "Y")}, seen("a", "B"), []string{"X", "Y", "B"}, false},
		"a deletion":     {[]component.Observation{seen("a", "A")}, []component.Observation{deleted("a")}, seen("a", "B"), []string{"A", gone, "B"}, false},
		"own deletion":   {[]component.Observation{seen("a", "A")}, []component.Observation{seen("a", "X")}, deleted("a"), []string{"A", "X", gone}, false},
		"the same state": {[]component.Observation{seen("a", "A")}, []component.Observation{seen("a", "B")}, seen("a", "B"), []string{"A", "B"}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, l := newTerm(t)
			l.observed(test.before...)
			for _, o := range test.others {
				b.publishAsOther(t, o)
			}
			l.observed(test.next)
			b.expectContents(t, "a", test.want)
			if got := count(b.metrics.conflicts) == 0; got != test.same {
				t.Errorf("%d conflicts counted", count(b.metrics.conflicts))
			}
		})
		if test.same {
			continue
		}
		t.Run(name+", the lease is old", func(t *testing.T) {
			b, log, l := newInterceptedTerm(t)
			l.observed(test.before...)
			release := log.block() // the lease becomes stale after the check
			defer release()
			l.observe(test.next)
			testwait.Until(t, "the publish to be under way", func() bool { return log.blocked() == 1 })
			for _, o := range test.others {
				b.publishAsOther(t, o)
			}
			want := b.history(t)
			b.setStale()
			release()
			testcheck.ErrorIs(t, "the end of the term", errNotLeading, l.awaitEnd())
			b.expectHistory(t, want)
		})
	}
}

func TestTerm_StaleLeasePublishesNothing(t *testing.T) {
	b, l := newTerm(t)
	l.observed(seen("a", "A"))
	b.setStale()
	l.observe(seen("a", "A")) // changes nothing, so it may go on
	l.observe(seen("a", "B"))
	testcheck.ErrorIs(t, "the end of the term", errNotLeading, l.awaitEnd())
	b.expectHistory(t, []message{{"a", "A"}})
}

func TestTerm_EndsWithTheStreamAndTheNextFillsIt(t *testing.T) {
	b, l := newTerm(t)
	l.resynced(all, seen("a", "A"), seen("b", "A"))
	js, err := jetstream.New(b.server.NATS(t))
	testcheck.NoError(t, err)
	testcheck.NoError(t, js.DeleteStream(t.Context(), stream.StreamName))
	l.observe(seen("a", "B"))
	testcheck.ErrorIs(t, "the end of the term", stream.ErrLogMissing, l.awaitEnd())
	if b.log, err = stream.EnsureLog(t.Context(), b.conn); err != nil {
		t.Fatal(err)
	}
	l = b.lead(t, b.log)
	l.resynced(all, seen("a", "B"), seen("b", "A"))
	b.expectHeads(t, map[string]string{"a": "B", "b": "A"})
}

// A purge takes the message that the next publish expects.
func TestTerm_PublishesAfterAPurge(t *testing.T) {
	b, l := newTerm(t)
	l.observed(seen("a", "A"), seen("b", "A"))
	testcheck.NoError(t, b.stream(t).Purge(t.Context()))
	l.observed(seen("a", "B"), deleted("b"))
	b.expectHistory(t, []message{{"a", "B"}})
}

// Another program has published to the subjects of components.
func TestTerm_ReplacesForeignMessages(t *testing.T) {
	b := newParallel(t)
	nc := b.server.NATS(t)
	js, err := jetstream.New(nc)
	testcheck.NoError(t, err)
	junk := func(name string) {
		t.Helper()
		subject := event.Subject(component.Key{Cluster: cluster, Namespace: ns, Name: name})
		testcheck.Must(js.Publish(t.Context(), subject, []byte("not an event")))
	}
	junk("exists")
	junk("unknown")
	l := b.lead(t, b.log)
	l.resynced(all, seen("exists", "A"), seen("later", "A"))
	junk("later")
	l.observed(seen("later", "B"))
	b.expectHeads(t, map[string]string{"exists": "A", "unknown": gone, "later": "B"})
}

func TestTerm_CompletesPublishesUnderWay(t *testing.T) {
	b, log, l := newInterceptedTerm(t)
	release := log.block()
	defer release()
	l.observe(seen("a", "A"), seen("b", "A"))
	testwait.Until(t, "both publishes to be under way", func() bool { return log.blocked() == 2 })
	l.observe(seen("a", "B")) // only waits
	l.stop()
	testwait.Until(t, "the waiting one to be dropped", func() bool { return l.to.queue.Len() == 0 })
	select {
	case <-l.done:
		t.Fatal("Lead returned with publishes under way")
	default:
	}
	release()
	testcheck.ErrorIs(t, "Lead after a stop", nil, l.end())
	b.expectHeads(t, map[string]string{"a": "A", "b": "A"})
}

func TestTerm_ReturnsWhyItEnded(t *testing.T) {
	t.Parallel()
	broken, lost := errors.New("no such resource"), errors.New("the claim is lost")
	b := newHarness(t)

	t.Run("the source cannot go on", func(t *testing.T) {
		l := b.lead(t, b.log)
		b.source.fail <- broken
		testcheck.ErrorIs(t, "Lead", broken, l.awaitEnd())
	})
	t.Run("the source ends without a reason", func(t *testing.T) {
		l := b.lead(t, b.log)
		b.source.fail <- nil
		if err := l.awaitEnd(); err == nil {
			t.Error("Lead returned nil although nothing asked it to stop")
		}
	})
	t.Run("the context ends with a cause", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		done := make(chan error, 1)
		go func() { done <- b.watcher.Lead(ctx, b.log, b.approvals) }()
		<-b.source.began
		cancel(lost)
		testcheck.ErrorIs(t, "Lead", lost, <-done)
	})
	t.Run("the log cannot be read", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := b.watcher.Lead(ctx, b.log, b.approvals); err == nil {
			t.Error("Lead returned nil without having read the log")
		}
	})
}

func TestTerm_EndsWithTheStreamWithoutChanges(t *testing.T) {
	b := newParallel(t)
	b.watcher.checkInterval = 10 * time.Millisecond
	l := b.lead(t, b.log)
	l.resynced(all, seen("a", "A"))
	js, err := jetstream.New(b.server.NATS(t))
	testcheck.NoError(t, err)
	testcheck.NoError(t, js.DeleteStream(t.Context(), stream.StreamName))
	testcheck.ErrorIs(t, "the end of the term", stream.ErrLogMissing, l.awaitEnd())
}
