package watcher

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"odasync/internal/component"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

func TestPublisher_SkipsOnlyTooLargeEvents(t *testing.T) {
	b, l := newTerm(t)
	huge := large(2 << 20)
	l.observed(seen("small", "one"), seen("huge", huge), seen("grows", "one"))
	l.observed(seen("grows", huge), seen("other", "one"))
	b.expectHeads(t, map[string]string{"small": "one", "grows": "one", "other": "one"})
	testcheck.Equal(t, "counted as too large", 2, count(b.metrics.tooLarge))
	l.observed(seen("huge", "shrunk"), seen("grows", "shrunk"))
	l.observed(deleted("grows"))
	b.expectHeads(t, map[string]string{"small": "one", "huge": "shrunk", "grows": gone, "other": "one"})
}

// Each resync finds it unpublished, but it is logged once.
func TestPublisher_LogsTooLargeEventsOnce(t *testing.T) {
	b := newParallel(t)
	log := b.captureLog()
	l := b.lead(t, b.log)
	all, huge := all, large(2<<20)
	logged := func(want int) {
		t.Helper()
		if got := strings.Count(log.String(), "component too large to publish"); got != want || count(b.metrics.tooLarge) != want {
			t.Errorf("logged %d times and counted %d times, want %d", got, count(b.metrics.tooLarge), want)
		}
	}
	for range 3 {
		l.resynced(all, seen("huge", huge))
	}
	logged(1)
	l.resynced(all, seen("huge", huge+"x"))
	logged(2)
	l.resynced(all, seen("huge", "fits"))
	l.resynced(all, seen("huge", huge+"x"))
	logged(3)
}

// A suppressed event is not published, and is no sign that publishes succeed.
func TestPublisher_SuppressedEventIsNoRecovery(t *testing.T) {
	b := newParallel(t)
	lines := b.captureLog()
	log := intercept(b.log)
	l := b.lead(t, log)
	l.resynced(all, seen("a", "A"))
	log.set(func() { log.fail["a"] = errors.New("no space left") })
	l.observe(seen("a", "B"))
	testwait.Until(t, "the failure to be known", func() bool { return b.watcher.Check() != nil })
	before := count(b.metrics.suppressed)
	l.observe(deleted("unknown"))
	testwait.Until(t, "the event to be suppressed", func() bool { return count(b.metrics.suppressed) > before })
	if strings.Contains(lines.String(), "publish recovered") || b.watcher.Check() == nil {
		t.Errorf("%v; the recovery is logged too early:\n%s", b.watcher.Check(), lines)
	}
	b.publishAsOther(t, seen("a", "B")) // the stream has the state that was to be published
	log.set(func() { delete(log.fail, "a") })
	l.awaitIdle()
	testcheck.ErrorIs(t, "check while nothing waits", nil, b.watcher.Check())
	l.observed(seen("a", "C"))
	testcheck.Contains(t, "the log", lines.String(), "publish recovered")
}

// busyPublishers starts a term in which each worker holds a component until release, so that the queue of the length fills.
func busyPublishers(t *testing.T, length int) (b *harness, l *term, release func()) {
	t.Helper()
	b = newParallel(t)
	b.watcher.maxWaiting = length
	log := intercept(b.log)
	release = log.block()
	l = b.lead(t, log)
	t.Cleanup(release) // before the term ends
	for i := range publishers {
		l.observe(seen(fmt.Sprintf("inhand-%d", i), "A"))
	}
	testwait.Until(t, "every worker to be busy", func() bool { return log.blocked() == publishers })
	return b, l, release
}

func TestPublisher_FullQueueBlocksTheSource(t *testing.T) {
	b, l, release := busyPublishers(t, 3)
	for i := range 3 {
		l.observe(seen(fmt.Sprintf("waits-%d", i), "A"))
	}
	held := make(chan error, 1)
	go func() { held <- l.to.Observe(l.ctx, 0, seen("more", "A")) }()
	l.observe(seen("waits-1", "B")) // one that waits already has its place
	select {
	case err := <-held:
		t.Fatalf("a fourth component was let in: %v", err)
	default:
	}
	testcheck.Equal(t, "waiting components", 3, l.to.queue.Len())
	release()
	testcheck.NoError(t, <-held)
	l.awaitIdle()
	heads := b.heads(t)
	if len(heads) != publishers+4 || heads["waits-1"] != "B" || heads["more"] != "A" {
		t.Errorf("%d heads, waits-1 %q, more %q", len(heads), heads["waits-1"], heads["more"])
	}
}

func TestPublisher_EndOfTheTermUnblocksTheSource(t *testing.T) {
	_, l, release := busyPublishers(t, 1)
	l.observe(seen("waits", "A"))
	held := make(chan error, 1)
	go func() { held <- l.to.Observe(l.ctx, 0, seen("more", "A")) }()
	l.stop()
	select {
	case <-held: // with the context's error, or dropped by the closed queue
	case <-time.After(testwait.Limit):
		t.Fatal("Observe did not return")
	}
	release()
	testcheck.ErrorIs(t, "Lead after a stop", nil, l.end())
}
func TestPublisher_ServerOutage(t *testing.T) {
	b, l := newTerm(t)
	l.resynced(all, seen("a", "0"), seen("b", "0"), seen("c", "0"), seen("d", "0"))

	b.server.Shutdown()
	for i := range 50 {
		l.observe(seen("a", fmt.Sprint(i+1)), seen("b", fmt.Sprint(i+1)), seen("new", fmt.Sprint(i+1)))
	}
	l.observe(deleted("b"), seen("d", "1"), seen("d", "0"))
	testwait.Until(t, "publishes to fail", func() bool { return count(b.metrics.retried) > 3 })
	testcheck.AtMost(t, "waiting components: only four changed", 4, l.to.queue.Len())
	testcheck.AtLeast(t, "collapsed of 150 changes", 100, count(b.metrics.collapsed))
	generation := l.to.Begin(all) // the source continues during the outage
	l.observe(seen("a", "last"), seen("new", "last"), seen("d", "0"))
	testcheck.NoError(t, l.to.End(l.ctx, generation, all, component.Resync{}))
	b.server.Restart(t)

	l.awaitIdle()
	want := map[string]string{"a": "last", "b": gone, "c": gone, "d": "0", "new": "last"}
	b.expectHeads(t, want)
	// A publish whose answer the shutdown took may stand there beside the last one.
	if got := len(b.history(t)); got < 8 || got > 12 {
		t.Errorf("%d messages for 4 components and 4 changes", got)
	}
}
