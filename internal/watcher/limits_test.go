package watcher

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/logtest"
	"odasync/internal/testwait"
)

func TestTooLargeIsMissingAlone(t *testing.T) {
	t.Parallel()
	b, l := newTerm(t)
	huge := large(2 << 20)
	l.observe(seen("small", "one"), seen("huge", huge), seen("grows", "one"))
	l.awaitIdle()
	l.observe(seen("grows", huge), seen("other", "one"))
	l.awaitIdle()
	b.expectHeads(t, map[string]string{"small": "one", "grows": "one", "other": "one"})
	if got := count(b.metrics.tooLarge); got != 2 {
		t.Errorf("%d counted as too large, want 2", got)
	}
	l.observe(seen("huge", "shrunk"), seen("grows", "shrunk"))
	l.awaitIdle()
	l.observe(deleted("grows"))
	l.awaitIdle()
	b.expectHeads(t, map[string]string{"small": "one", "huge": "shrunk", "grows": gone, "other": "one"})
}

// Each comparison finds that it is not published, which is told once.
func TestTooLargeIsToldOnce(t *testing.T) {
	t.Parallel()
	b := newHarness(t)
	var log logtest.Buffer
	b.watcher.log = zerolog.New(&log)
	l := b.lead(t, b.log)
	all, huge := scope(t, "all"), large(2<<20)
	told := func(want int) {
		t.Helper()
		if got := strings.Count(log.String(), "component too large to publish"); got != want || count(b.metrics.tooLarge) != want {
			t.Errorf("told %d times and counted %d times, want %d", got, count(b.metrics.tooLarge), want)
		}
	}
	for range 3 {
		l.resync(all, seen("huge", huge))
		l.awaitIdle()
	}
	told(1)
	l.resync(all, seen("huge", huge+"x"))
	l.awaitIdle()
	told(2)
	l.resync(all, seen("huge", "fits"))
	l.awaitIdle()
	l.resync(all, seen("huge", huge+"x"))
	l.awaitIdle()
	told(3)
}

// An event that changes nothing is not published, and so says nothing about the log.
func TestSuppressedEventDoesNotClaimThatPublishingWorks(t *testing.T) {
	t.Parallel()
	b := newHarness(t)
	var lines logtest.Buffer
	b.watcher.log = zerolog.New(&lines)
	log := intercept(b.log)
	l := b.lead(t, log)
	l.resync(scope(t, "all"), seen("a", "A"))
	l.awaitIdle()
	log.set(func() { log.fail["a"] = errors.New("no space left") })
	l.observe(seen("a", "B"))
	testwait.Until(t, "the failure to be known", func() bool { return b.watcher.Check() != nil })
	before := count(b.metrics.suppressed)
	l.observe(deleted("unknown"))
	testwait.Until(t, "the event to be suppressed", func() bool { return count(b.metrics.suppressed) > before })
	if strings.Contains(lines.String(), "publish recovered") || b.watcher.Check() == nil {
		t.Errorf("%v; the log claims what nobody knows:\n%s", b.watcher.Check(), &lines)
	}
	b.publishAsOther(t, seen("a", "B")) // what stands there by now is what was to be published
	log.set(func() { delete(log.fail, "a") })
	l.awaitIdle()
	if err := b.watcher.Check(); err != nil {
		t.Errorf("nothing waits, and yet: %v", err)
	}
	l.observe(seen("a", "C"))
	l.awaitIdle()
	if !strings.Contains(lines.String(), "publish recovered") {
		t.Errorf("the log does not tell of the end:\n%s", &lines)
	}
}

// The table has an entry for each component, so it decides how much memory a large cluster takes.
func TestTableIsLean(t *testing.T) {
	const count, limit = 100_000, 170 // bytes each, names of 12 letters included
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	table := newInventory()
	for i := range count {
		key := component.Key{Cluster: "east", Namespace: fmt.Sprintf("team-%d", i%20), Name: fmt.Sprintf("scale-%06d", i)}
		table.published(event.Head{Key: key, Sequence: uint64(i + 1), Hash: component.Hash([]byte(key.Name)), UID: "6d9c3f6e-0000-4000-8000-" + key.Name})
	}
	used := (heap() - before) / count
	t.Logf("%d bytes a component", used)
	if used > limit {
		t.Errorf("%d bytes a component, want at most %d", used, limit)
	}
	if table.len() != count {
		t.Error("not all are there")
	}
}

func TestFullLanesHoldTheSourceBack(t *testing.T) {
	t.Parallel()
	b := newHarness(t)
	b.watcher.maxWaiting = 3
	log := intercept(b.log)
	release := log.block()
	defer release()
	l := b.lead(t, log)
	// Each worker holds one in its hands, then the lanes fill.
	for i := range publishers {
		l.observe(seen(fmt.Sprintf("inhand-%d", i), "A"))
	}
	testwait.Until(t, "every worker to be busy", func() bool { return log.blocked() == publishers })
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
	if got := l.to.queue.Len(); got != 3 {
		t.Errorf("%d wait, want 3", got)
	}
	release()
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	l.awaitIdle()
	heads := b.heads(t)
	if len(heads) != publishers+4 || heads["waits-1"] != "B" || heads["more"] != "A" {
		t.Errorf("%d heads, waits-1 %q, more %q", len(heads), heads["waits-1"], heads["more"])
	}
}

func TestHeldBackSourceIsFreedByTheEndOfTheTerm(t *testing.T) {
	t.Parallel()
	b := newHarness(t)
	b.watcher.maxWaiting = 1
	log := intercept(b.log)
	release := log.block()
	defer release()
	l := b.lead(t, log)
	for i := range publishers {
		l.observe(seen(fmt.Sprintf("inhand-%d", i), "A"))
	}
	testwait.Until(t, "every worker to be busy", func() bool { return log.blocked() == publishers })
	l.observe(seen("waits", "A"))
	held := make(chan error, 1)
	go func() { held <- l.to.Observe(l.ctx, 0, seen("more", "A")) }()
	l.stop()
	select {
	case <-held: // with the context's error, or discarded by closed lanes
	case <-time.After(testwait.Limit):
		t.Fatal("Observe did not return")
	}
	release()
	if err := l.end(); err != nil {
		t.Errorf("Lead returned %v after a stop", err)
	}
}
