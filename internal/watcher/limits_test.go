package watcher

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTooLargeIsMissingAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	huge := large(2 << 20)
	l.observe(seen("small", "one"), seen("huge", huge), seen("grows", "one"))
	l.settled()
	l.observe(seen("grows", huge), seen("other", "one"))
	l.settled()
	if diff := cmp.Diff(map[string]string{"small": "one", "grows": "one", "other": "one"}, b.heads(t)); diff != "" {
		t.Errorf("heads (-want +got):\n%s", diff)
	}
	if got := count(b.metrics.tooLarge); got != 2 {
		t.Errorf("%d counted as too large, want 2", got)
	}
	l.observe(seen("huge", "shrunk"), seen("grows", "shrunk"))
	l.settled()
	l.observe(deleted("grows"))
	l.settled()
	if diff := cmp.Diff(map[string]string{"small": "one", "huge": "shrunk", "grows": gone, "other": "one"}, b.heads(t)); diff != "" {
		t.Errorf("heads (-want +got):\n%s", diff)
	}
}

func TestFullLanesHoldTheSourceBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.watcher.waiting = 3
	log := tapped(b.log)
	release := log.block()
	defer release()
	l := b.lead(t, log)
	// Each worker holds one in its hands, then the lanes fill.
	for i := range publishers {
		l.observe(seen(fmt.Sprintf("inhand-%d", i), "A"))
	}
	eventually(t, "every worker to be busy", func() bool { return log.blocked() == publishers })
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
	if got := l.to.lanes.Len(); got != 3 {
		t.Errorf("%d wait, want 3", got)
	}
	release()
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	l.settled()
	heads := b.heads(t)
	if len(heads) != publishers+4 || heads["waits-1"] != "B" || heads["more"] != "A" {
		t.Errorf("%d heads, waits-1 %q, more %q", len(heads), heads["waits-1"], heads["more"])
	}
}

func TestHeldBackSourceIsFreedByTheEndOfTheTerm(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.watcher.waiting = 1
	log := tapped(b.log)
	release := log.block()
	defer release()
	l := b.lead(t, log)
	for i := range publishers {
		l.observe(seen(fmt.Sprintf("inhand-%d", i), "A"))
	}
	eventually(t, "every worker to be busy", func() bool { return log.blocked() == publishers })
	l.observe(seen("waits", "A"))
	held := make(chan error, 1)
	go func() { held <- l.to.Observe(l.ctx, 0, seen("more", "A")) }()
	l.stop()
	select {
	case <-held: // with the context's error, or discarded by closed lanes
	case <-time.After(patience):
		t.Fatal("Observe did not return")
	}
	release()
	if err := l.end(); err != nil {
		t.Errorf("Lead returned %v after a stop", err)
	}
}

func TestBackoffStaysWithinItsBounds(t *testing.T) {
	for failures := range 100 {
		if wait := backoff(failures); wait < 10*time.Millisecond || wait > 5500*time.Millisecond {
			t.Errorf("after %d failures: %s", failures, wait)
		}
	}
}
