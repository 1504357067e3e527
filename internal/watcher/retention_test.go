package watcher

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/internal/watcher/inventory"
)

// purging is a log that lets the test in right before a purge.
type purging struct {
	Log
	before func()
}

func (l *purging) Purge(ctx context.Context, key component.Key, sequence uint64) error {
	l.before()
	return l.Log.Purge(ctx, key, sequence)
}

// deletedNow is a deletion that is not old; that of deleted is of 2023.
func deletedNow(name string) component.Observation {
	o := deleted(name)
	o.Seen = time.Now()
	return o
}

func TestRetention_PurgesOldTombstonesWithTheirHistory(t *testing.T) {
	b := newParallel(t)
	other := newHarnessOn(t, b.server, b.conn, "west")
	west := other.lead(t, other.log)
	west.resync(all, seen("old", "west"))
	west.awaitIdle()
	l := b.lead(t, b.log)
	l.resynced(all, seen("stays", "A"), seen("old", "A"), seen("young", "A"), seen("reborn", "A"))
	l.observed(seen("old", "B"))
	l.observed(deleted("old"), deletedNow("young"), deleted("reborn"))
	l.observed(withUID(seen("reborn", "A"), "second"))

	m := l.fullSync(seen("stays", "A"), withUID(seen("reborn", "A"), "second"))
	if m.Published+m.Tombstoned != 0 || m.Count != 2 {
		t.Errorf("marker %+v", m)
	}
	want := map[string][]string{"stays": {"A"}, "young": {"A", gone}, "reborn": {"A", gone, "A"}}
	got := make(map[string][]string)
	for _, m := range b.history(t) {
		got[m.Name] = append(got[m.Name], m.Content)
	}
	testcheck.Equal(t, "messages", want, got)
	other.expectHeads(t, map[string]string{"old": "west"})
	testcheck.Equal(t, "purged", 1, count(b.metrics.purged))
	for _, n := range l.to.inventory.Names() {
		if n.Name == "old" {
			t.Error("the inventory has a purged component")
		}
	}

	// The next message of the name is its first: it expects none before it.
	l.observed(seen("old", "A"))
	if got := b.heads(t)["old"]; got != "A" || count(b.metrics.conflicts) != 0 {
		t.Errorf("created again: %q, %d conflicts", got, count(b.metrics.conflicts))
	}
}

func TestRetention_NextTermPurges(t *testing.T) {
	b, l := newTerm(t)
	l.resync(all, seen("a", "A"))
	l.observed(deleted("a"))
	_ = l.end()
	l = b.lead(t, b.log)
	l.resync(all)
	l.fullSync()
	if got := b.history(t); len(got) != 0 || len(l.to.inventory.Names()) != 0 {
		t.Errorf("messages %v, inventory %v", got, l.to.inventory.Names())
	}
}

// A component that is seen again during the full sync that purges its tombstone exists afterwards.
func TestRetention_KeepsComponentsSeenAgain(t *testing.T) {
	t.Parallel()
	again := withUID(seen("a", "A"), "second")
	begin := func(t *testing.T) (*harness, *interceptor, *purging, *term) {
		b := newHarness(t)
		log := intercept(b.log)
		gate := &purging{log, func() {}}
		l := b.lead(t, gate)
		l.resynced(all, seen("a", "A"))
		l.observed(deleted("a"))
		return b, log, gate, l
	}
	check := func(t *testing.T, b *harness, l *term, messages []string) {
		t.Helper()
		l.awaitIdle()
		b.expectContents(t, "a", messages)
		if m := l.fullSync(again); m.Count != 1 || m.Published+m.Tombstoned != 0 {
			t.Errorf("the next full sync: %+v", m)
		}
		l.observed(seen("a", "later"))
		testcheck.Equal(t, "the next change", "later", b.heads(t)["a"])
	}
	t.Run("in the resync", func(t *testing.T) {
		t.Parallel()
		b, _, _, l := begin(t)
		l.fullSync(again)
		check(t, b, l, []string{"A", gone, "A"})
	})
	t.Run("seen and not published yet", func(t *testing.T) {
		t.Parallel()
		b, log, _, l := begin(t)
		// The marker follows the earlier observations; later ones are being published during the purge.
		other := log.block("other")
		answer := l.beginFullSync()
		l.resync(all, seen("other", "A"))
		testwait.Until(t, "the marker to wait", func() bool { return log.blocked() == 1 })
		other()
		release := log.block("a")
		l.observe(again)
		testwait.Until(t, "the publish to be under way", func() bool { return log.blocked() == 1 })
		l.awaitSnapshot(answer)
		release()
		l.awaitIdle()
		testcheck.Equal(t, "the newest message", "A", b.heads(t)["a"])
	})
	t.Run("right before the purge, published", func(t *testing.T) {
		t.Parallel()
		b, _, gate, l := begin(t)
		gate.before = sync.OnceFunc(func() {
			l.observed(again)
		})
		l.fullSync()
		check(t, b, l, []string{"A"})
	})
	t.Run("right before the purge, on its way", func(t *testing.T) {
		t.Parallel()
		b, log, gate, l := begin(t)
		var release func()
		gate.before = sync.OnceFunc(func() {
			release = log.block("a")
			l.observe(again)
			testwait.Until(t, "the publish to be under way", func() bool { return log.blocked() == 1 })
		})
		l.fullSync()
		release()
		check(t, b, l, []string{"A"})
	})
}

func TestRetention_RetriesAFailedPurge(t *testing.T) {
	b := newParallel(t)
	log := b.captureLog()
	bad := newFailingLog(b.log)
	l := b.lead(t, bad)
	l.resynced(all, seen("a", "A"))
	l.observed(deleted("a"))
	bad.set("purge", 1)
	answer := l.beginFullSync()
	l.resync(all)
	if r := <-answer; r.err == nil || len(b.history(t)) != 2 || len(b.snapshots(t)) != 1 {
		t.Errorf("answered %+v", r)
	}
	testwait.Until(t, "words", func() bool { return strings.Contains(log.String(), "purge does not work for now") })
	l.fullSync()
	if got := b.history(t); len(got) != 0 || count(b.metrics.purged) != 1 {
		t.Errorf("messages %v, %d purged", got, count(b.metrics.purged))
	}
}

// restoredLog is a log with older messages, as after a restore from a backup.
type restoredLog struct {
	Log
	mu    sync.Mutex
	heads []event.Head
}

func (l *restoredLog) Heads(ctx context.Context, cluster string, each func(event.Head)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heads == nil {
		return l.Log.Heads(ctx, cluster, each)
	}
	for _, h := range l.heads {
		each(h)
	}
	return nil
}

func TestRescan_DetectsARestoredStream(t *testing.T) {
	b := newParallel(t)
	log := &restoredLog{Log: b.log}
	l := b.lead(t, log)
	l.resynced(all, seen("a", "A"), seen("b", "A"))
	var old []event.Head
	testcheck.NoError(t, b.log.Heads(t.Context(), cluster, func(h event.Head) { old = append(old, h) }))
	l.observed(seen("a", "B"), deletedNow("b"))
	answer := l.beginFullSync()
	l.resync(all, seen("a", "B"))
	l.awaitSnapshot(answer)

	log.mu.Lock()
	log.heads = old
	log.mu.Unlock()
	if _, err := l.to.rescan(l.ctx); err != nil {
		t.Fatal(err)
	}
	for _, h := range old {
		if got := l.to.inventory.Get(inventory.Name{Namespace: ns, Name: h.Key.Name}); got.Sequence != h.Sequence || !got.Exists || got.Hash != inventory.DigestOf(h.Hash) {
			t.Errorf("%s: the inventory has %+v, the stream %+v", h.Key.Name, got, h)
		}
	}
}
