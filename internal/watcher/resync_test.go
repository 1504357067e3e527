package watcher

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"odasync/internal/component"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/internal/watcher/inventory"
)

func TestResync_DeletesWhatVanishedBetweenTerms(t *testing.T) {
	b, l := newTerm(t)
	l.resynced(all, seen("stays", "A"), seen("goes", "A"), seen("changes", "A"), seen("breaks", "A"), seen("reborn", "A"))
	testcheck.NoError(t, l.end())

	l = b.lead(t, b.log)
	l.resynced(all, seen("stays", "A"), seen("changes", "B"), malformed("breaks"), withUID(seen("reborn", "A"), "second"), seen("new", "A"))
	want := map[string][]string{
		"stays": {"A"}, "goes": {"A", gone}, "changes": {"A", "B"}, "breaks": {"A"}, "reborn": {"A", "A"}, "new": {"A"},
	}
	got := make(map[string][]string)
	for _, m := range b.history(t) {
		got[m.Name] = append(got[m.Name], m.Content)
	}
	testcheck.Equal(t, "messages", want, got)
	before := len(b.history(t))
	l.resynced(all, seen("stays", "A"), seen("changes", "B"), malformed("breaks"), withUID(seen("reborn", "A"), "second"), seen("new", "A"))
	if after := len(b.history(t)); after != before {
		t.Errorf("a resync without changes published %d messages", after-before)
	}
}

func TestResync_DeletesOnlyInItsScope(t *testing.T) {
	b := newParallel(t)
	other := newHarnessOn(t, b.server, b.conn, "west")
	l := b.lead(t, b.log)
	l.resynced(all, seenIn("inside-1", "a", "A"), seenIn("inside-2", "b", "A"), seenIn("inside-2", "stays", "A"), seenIn("outside", "c", "A"))
	_ = l.end()
	west := other.lead(t, other.log)
	west.resync(all, seenIn("inside-1", "a", "west"))
	west.awaitIdle()

	inside := scope(t, "inside-*")
	b.source.scopes = []component.Scope{inside}
	l = b.lead(t, b.log)
	l.resynced(inside, seenIn("inside-2", "stays", "A"))
	b.expectHeads(t, map[string]string{"a": gone, "b": gone, "stays": "A", "c": "A"})
	other.expectHeads(t, map[string]string{"a": "west"})
	l.resync(inside) // components outside do not count
	testwait.Until(t, "a decision", func() bool { return b.pendingMetric() == 1 })
	testcheck.Equal(t, "the last one inside", "A", b.heads(t)["stays"])
}

func TestResync_UnfinishedDeletesNothing(t *testing.T) {
	b := newParallel(t)
	one, two := scope(t, "one"), scope(t, "two")
	b.source.scopes = []component.Scope{one, two}
	l := b.lead(t, b.log)
	l.resync(one, seenIn("one", "a", "A"), seenIn("one", "b", "A"))
	l.resynced(two, seenIn("two", "c", "A"), seenIn("two", "d", "A"))

	l.report(l.to.Begin(one), seenIn("one", "a", "B")) // fails after its first component
	l.resync(two, seenIn("two", "c", "A"))             // another scope is complete
	l.awaitRefresh()                                   // all are read again before anything is decided
	l.resync(two, seenIn("two", "c", "A"))
	l.to.Begin(one)
	testwait.Until(t, "the change to be published", func() bool { return b.heads(t)["a"] == "B" })
	b.expectHeads(t, map[string]string{"a": "B", "b": "A", "c": "A", "d": "A"})
	l.resynced(one, seenIn("one", "b", "A")) // the next try shows the rest
	b.expectHeads(t, map[string]string{"a": gone, "b": "A", "c": "A", "d": gone})
}

// A component that was created and deleted while publishes were blocked does not exist afterwards.
func TestResync_DeletesWhatVanishedBeforeItsPublish(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before []component.Observation // published before
		came   []component.Observation // seen while publishes are blocked, followed by a resync without it
	}{
		"never published":          {nil, []component.Observation{seen("a", "A")}},
		"changed while new":        {nil, []component.Observation{seen("a", "A"), seen("a", "B")}},
		"changed":                  {[]component.Observation{seen("a", "A")}, []component.Observation{seen("a", "B")}},
		"changed and back":         {[]component.Observation{seen("a", "A")}, []component.Observation{seen("a", "B"), seen("a", "A")}},
		"deleted":                  {[]component.Observation{seen("a", "A")}, []component.Observation{deleted("a")}},
		"created again":            {[]component.Observation{seen("a", "A"), deleted("a")}, []component.Observation{withUID(seen("a", "A"), "second")}},
		"created again in between": {[]component.Observation{seen("a", "A")}, []component.Observation{deleted("a"), withUID(seen("a", "A"), "second")}},
		"malformed in between":     {nil, []component.Observation{seen("a", "A"), malformed("a")}},
	}
	for name, test := range tests {
		for kind, disturb := range map[string]func(log *interceptor){
			"held up":     func(*interceptor) {},
			"answer lost": func(log *interceptor) { log.set(func() { log.loseAck["a"] = 1 }) },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				b, log, l := newInterceptedTerm(t)
				all, stays := all, seen("stays", "A")
				l.resync(all, stays)
				l.awaitIdle() // so that the deletion is not one of everything
				for _, o := range test.before {
					l.observed(o)
				}
				release := log.block("a")
				defer release()
				disturb(log)
				l.observe(test.came[0])
				testwait.Until(t, "the first publish to be under way", func() bool { return log.blocked() == 1 })
				l.observe(test.came[1:]...)
				l.resync(all, stays)
				l.resync(all, stays)
				release()
				l.awaitIdle()
				testcheck.Equal(t, "the newest message", gone, b.heads(t)["a"])
				before := b.history(t)
				l.resynced(all, stays)
				testcheck.Equal(t, "another empty resync published", before, b.history(t))
			})
		}
	}
}

func TestResync_MalformedIsNeitherPublishedNorAbsent(t *testing.T) {
	b, l := newTerm(t)
	l.resynced(all, malformed("never"), seen("was", "A"), seen("z", "A"))
	l.resync(all, malformed("never"), malformed("was"), seen("z", "A"))
	l.resynced(all, malformed("was"), seen("z", "A"))
	b.expectContents(t, "was", []string{"A"})
	l.resynced(all, seen("z", "A"))
	b.expectContents(t, "was", []string{"A", gone})
}

func TestWatcher_SyncedAfterEveryScope(t *testing.T) {
	b := newParallel(t)
	expect := func(want bool, when string) {
		t.Helper()
		testcheck.Equal(t, fmt.Sprintf("%s: synced", when), want, b.watcher.Synced())
	}
	one, two := scope(t, "one"), scope(t, "two")
	b.source.scopes = []component.Scope{one, two}
	expect(false, "before the term")
	l := b.lead(t, b.log)
	expect(false, "at the start of the term")
	first := l.to.Begin(one)
	l.to.Begin(two) // fails
	testcheck.NoError(t, l.to.End(l.ctx, first, one, component.Resync{}))
	expect(false, "with one scope of two")
	second := l.to.Begin(two)
	testcheck.NoError(t, l.to.End(l.ctx, second, two, component.Resync{}))
	expect(true, "with both scopes")
	l.to.Begin(one)
	expect(true, "while a scope is read again")
	_ = l.end()
	expect(false, "after the term")
}

func TestMetrics_CurrentComponents(t *testing.T) {
	b := newParallel(t)
	expect := func(want int, when string) {
		t.Helper()
		text := fmt.Sprintf("# HELP %[1]s Components of the cluster that are published; 0 while another watcher leads.\n# TYPE %[1]s gauge\n%[1]s %[2]d\n",
			"oda_collector_components_current", want)
		testcheck.ErrorIs(t, when, nil, testutil.GatherAndCompare(b.gauges, strings.NewReader(text), "oda_collector_components_current"))
	}
	expect(0, "before the term")
	l := b.lead(t, b.log)
	l.resynced(all, seen("a", "A"), seen("b", "A"), malformed("c"))
	expect(2, "after a resync")
	l.observed(deleted("a"))
	expect(1, "after a deletion")
	_ = l.end()
	expect(0, "after the term")
	b.lead(t, b.log)
	expect(1, "at the start of the next term")
}

// Only a component whose last message has the state of the resource, and about which nothing is to be decided, is unchanged.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	a, other := seen("a", "A"), seen("other", "A")
	tests := map[string]struct {
		between func(b *harness, l *term)
		want    bool
	}{
		"after its publish":       {func(*harness, *term) {}, true},
		"after a resync":          {func(_ *harness, l *term) { l.resynced(all, a, other) }, true},
		"after a change and back": {func(_ *harness, l *term) { l.observed(seen("a", "B")); l.observed(a) }, true},
		"after another change":    {func(_ *harness, l *term) { l.observed(seen("a", "B")) }, false},
		"after a deletion":        {func(_ *harness, l *term) { l.observed(deleted("a")) }, false},
		"while absent":            {func(_ *harness, l *term) { l.resync(all, other) }, false},
		"in doubt":                {func(_ *harness, l *term) { l.to.inventory.MarkInDoubt(inventory.Name{Namespace: ns, Name: "a"}) }, false},
		"as another object":       {func(_ *harness, l *term) { l.observed(withUID(a, "second")) }, false},
		"after another leader's message": {func(b *harness, l *term) {
			b.publishAsOther(l.t, seen("a", "B"))
			l.observed(seen("a", "C"))
		}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, l := newTerm(t)
			l.resynced(all, a, other)
			test.between(b, l)
			before := l.unchanged
			l.resynced(all, a, other)
			testcheck.Equal(t, "unchanged", test.want, l.unchanged-before == 2)
			b.expectHeads(t, map[string]string{"a": "A", "other": "A"})
		})
	}
}
