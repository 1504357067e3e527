package watcher

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"odasync/internal/component"
)

func TestVanishedInDowntimeBecomesATombstone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	all := scope(t, "all")
	l.round(all, seen("stays", "A"), seen("goes", "A"), seen("changes", "A"), seen("breaks", "A"), seen("reborn", "A"))
	l.settled()
	if err := l.end(); err != nil {
		t.Fatal(err)
	}

	l = b.lead(t, b.log)
	l.round(all, seen("stays", "A"), seen("changes", "B"), malformed("breaks"), withUID(seen("reborn", "A"), "second"), seen("new", "A"))
	l.settled()
	want := map[string][]string{
		"stays": {"A"}, "goes": {"A", gone}, "changes": {"A", "B"}, "breaks": {"A"}, "reborn": {"A", "A"}, "new": {"A"},
	}
	got := make(map[string][]string)
	for _, m := range b.history(t) {
		got[m.Name] = append(got[m.Name], m.Content)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	before := len(b.history(t))
	l.round(all, seen("stays", "A"), seen("changes", "B"), malformed("breaks"), withUID(seen("reborn", "A"), "second"), seen("new", "A"))
	l.settled()
	if after := len(b.history(t)); after != before {
		t.Errorf("a round that shows nothing new published %d messages", after-before)
	}
}

func TestOnlyTheOwnScopeVanishes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := newBenchOn(t, b.server, b.conn, "west")
	l := b.lead(t, b.log)
	l.round(scope(t, "all"), seenIn("inside-1", "a", "A"), seenIn("inside-2", "b", "A"), seenIn("inside-2", "stays", "A"), seenIn("outside", "c", "A"))
	l.settled()
	_ = l.end()
	west := other.lead(t, other.log)
	west.round(scope(t, "all"), seenIn("inside-1", "a", "west"))
	west.settled()

	inside := scope(t, "inside-*")
	b.source.scopes = []component.Scope{inside}
	l = b.lead(t, b.log)
	l.round(inside, seenIn("inside-2", "stays", "A"))
	l.settled()
	if diff := cmp.Diff(map[string]string{"a": gone, "b": gone, "stays": "A", "c": "A"}, b.heads(t)); diff != "" {
		t.Errorf("heads (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "west"}, other.heads(t)); diff != "" {
		t.Errorf("heads of the other cluster (-want +got):\n%s", diff)
	}
	l.round(inside) // what is outside does not count as still being there
	eventually(t, "a decision", func() bool { return b.held() == 1 })
	if got := b.heads(t)["stays"]; got != "A" {
		t.Errorf("the last one inside is %q", got)
	}
}

func TestOpenRoundDeletesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := scope(t, "one"), scope(t, "two")
	b.source.scopes = []component.Scope{one, two}
	l := b.lead(t, b.log)
	l.round(one, seenIn("one", "a", "A"), seenIn("one", "b", "A"))
	l.round(two, seenIn("two", "c", "A"), seenIn("two", "d", "A"))
	l.settled()

	l.show(l.to.Begin(one), seenIn("one", "a", "B")) // fails after its first component
	l.round(two, seenIn("two", "c", "A"))            // another scope is complete
	l.refreshed()                                    // all are read again before anything is decided
	l.round(two, seenIn("two", "c", "A"))
	l.to.Begin(one)
	eventually(t, "the change to be published", func() bool { return b.heads(t)["a"] == "B" })
	if diff := cmp.Diff(map[string]string{"a": "B", "b": "A", "c": "A", "d": "A"}, b.heads(t)); diff != "" {
		t.Errorf("heads (-want +got):\n%s", diff)
	}
	l.round(one, seenIn("one", "b", "A")) // the next try shows the rest
	l.settled()
	if diff := cmp.Diff(map[string]string{"a": gone, "b": "A", "c": "A", "d": gone}, b.heads(t)); diff != "" {
		t.Errorf("heads (-want +got):\n%s", diff)
	}
}

// A component that came and went while nothing could be published must not appear afterwards.
func TestVanishedBeforeItWasPublished(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before []component.Observation // published in peace
		came   []component.Observation // seen while publishing is held up, the first in flight; a round then shows nothing
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
		for kind, disturb := range map[string]func(log *tap){
			"held up":     func(*tap) {},
			"answer lost": func(log *tap) { log.set(func() { log.loseAck["a"] = 1 }) },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				log := tapped(b.log)
				l := b.lead(t, log)
				all, stays := scope(t, "all"), seen("stays", "A")
				l.round(all, stays)
				l.settled() // or what goes is everything that exists
				for _, o := range test.before {
					l.observe(o)
					l.settled()
				}
				release := log.block("a")
				defer release()
				disturb(log)
				l.observe(test.came[0])
				eventually(t, "the first publish to be under way", func() bool { return log.blocked() == 1 })
				l.observe(test.came[1:]...)
				l.round(all, stays)
				l.round(all, stays)
				release()
				l.settled()
				if got := b.heads(t)["a"]; got != gone {
					t.Errorf("the newest message is %q", got)
				}
				before := b.history(t)
				l.round(all, stays)
				l.settled()
				if diff := cmp.Diff(before, b.history(t)); diff != "" {
					t.Errorf("another empty round published (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestMalformedIsNeitherPublishedNorMissed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	all := scope(t, "all")
	l.round(all, malformed("never"), seen("was", "A"), seen("z", "A"))
	l.settled()
	l.round(all, malformed("never"), malformed("was"), seen("z", "A"))
	l.round(all, malformed("was"), seen("z", "A"))
	l.settled()
	if diff := cmp.Diff([]string{"A"}, of("was", b.history(t))); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	l.round(all, seen("z", "A"))
	l.settled()
	if diff := cmp.Diff([]string{"A", gone}, of("was", b.history(t))); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestSyncedOnceEveryScopeWasCompared(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	expect := func(want bool, when string) {
		t.Helper()
		if got := b.watcher.Synced(); got != want {
			t.Errorf("%s: synced is %v", when, got)
		}
	}
	one, two := scope(t, "one"), scope(t, "two")
	b.source.scopes = []component.Scope{one, two}
	expect(false, "before the term")
	l := b.lead(t, b.log)
	expect(false, "at the start of the term")
	first := l.to.Begin(one)
	l.to.Begin(two) // fails
	if err := l.to.End(l.ctx, first, one, ""); err != nil {
		t.Fatal(err)
	}
	expect(false, "with one scope of two")
	second := l.to.Begin(two)
	if err := l.to.End(l.ctx, second, two, ""); err != nil {
		t.Fatal(err)
	}
	expect(true, "with both scopes")
	l.to.Begin(one)
	expect(true, "while a scope is read again")
	_ = l.end()
	expect(false, "after the term")
}

func TestPublishedComponentsAreCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	expect := func(want int, when string) {
		t.Helper()
		text := fmt.Sprintf("# HELP %[1]s Components of the cluster that are published; 0 while another watcher leads.\n# TYPE %[1]s gauge\n%[1]s %[2]d\n",
			"oda_collector_components_current", want)
		if err := testutil.GatherAndCompare(b.gauges, strings.NewReader(text), "oda_collector_components_current"); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	expect(0, "before the term")
	l := b.lead(t, b.log)
	l.round(scope(t, "all"), seen("a", "A"), seen("b", "A"), malformed("c"))
	l.settled()
	expect(2, "after a round")
	l.observe(deleted("a"))
	l.settled()
	expect(1, "after a deletion")
	_ = l.end()
	expect(0, "after the term")
	b.lead(t, b.log)
	expect(1, "at the start of the next term")
}
