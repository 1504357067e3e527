package watcher

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/event"
)

// verified lists the messages that ask the syncers to compare, sorted by name.
func (b *harness) verified(t testing.TB) []message {
	t.Helper()
	var all []message
	for _, e := range b.events(t) {
		if e.Verify {
			all = append(all, short(e))
		}
	}
	slices.SortFunc(all, func(a, b message) int { return a.key().Compare(b.key()) })
	return all
}

func (m message) key() component.Key { return component.Key{Name: m.Name} }

func TestVerify_RepeatsTheNewestEvents(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		namespace, name string
		want            []message
	}{
		"one":                {ns, "a", []message{{"a", "A2"}}},
		"a namespace":        {ns, "", []message{{"a", "A2"}, {"b", "B"}}},
		"all":                {"", "", []message{{"a", "A2"}, {"b", "B"}, {"c", "C"}}},
		"a deletion":         {ns, "d", []message{{"d", gone}}},
		"an empty namespace": {"nothing-here", "", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, l := newTerm(t)
			all := scope(t, "all")
			l.resync(all, seen("a", "A1"), seen("b", "B"), seenIn("other", "c", "C"), seen("d", "D"))
			l.awaitIdle()
			l.observe(seen("a", "A2"), deleted("d"))
			l.awaitIdle()
			before := b.heads(t)
			published, err := b.watcher.Verify(t.Context(), test.namespace, test.name)
			if err != nil || published != len(test.want) {
				t.Errorf("%d published, error %v", published, err)
			}
			if diff := cmp.Diff(test.want, b.verified(t)); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, b.heads(t)); diff != "" {
				t.Errorf("heads (-before +after):\n%s", diff)
			}
			// The inventory has the new sequence: the next change is no conflict, and no change is suppressed.
			l.resync(all, seen("a", "A3"), seen("b", "B"), seenIn("other", "c", "C"))
			l.awaitIdle()
			if got := count(b.metrics.conflicts); got != 0 {
				t.Errorf("%d conflicts", got)
			}
			want := map[string]string{"a": "A3", "b": "B", "c": "C", "d": gone}
			b.expectHeads(t, want)
		})
	}
}

func TestVerify_Errors(t *testing.T) {
	t.Parallel()
	b := newHarness(t)
	ask := func(name string) error {
		_, err := b.watcher.Verify(t.Context(), ns, name)
		return err
	}
	if err := ask("a"); !errors.Is(err, ErrNotSynced) {
		t.Errorf("before the term: %v", err)
	}
	l := b.lead(t, b.log)
	if err := ask("a"); !errors.Is(err, ErrNotSynced) {
		t.Errorf("before the first resync: %v", err)
	}
	l.resync(scope(t, "all"), seen("a", "A"))
	l.awaitIdle()
	if err := ask("b"); !errors.Is(err, ErrUnknown) {
		t.Errorf("for an unknown component: %v", err)
	}
	b.setStale()
	if err := ask("a"); !errors.Is(err, errNotLeading) {
		t.Errorf("with an old lease: %v", err)
	}
	if err := ask(""); !errors.Is(err, errNotLeading) {
		t.Errorf("for all with an old lease: %v", err)
	}
	_ = l.end()
	if err := ask("a"); !errors.Is(err, ErrNotSynced) {
		t.Errorf("after the term: %v", err)
	}
	if got := b.verified(t); len(got) != 0 {
		t.Errorf("published %v", got)
	}
}

// Both publish the same component at a time: neither loses the other's message.
func TestVerify_DuringAChange(t *testing.T) {
	t.Parallel()
	b := newHarness(t)
	log := &between{interceptor: intercept(b.log)}
	l := b.lead(t, log)
	l.resync(scope(t, "all"), seen("a", "A"))
	l.awaitIdle()
	log.then = func() { // after the verification has read what to repeat
		l.observe(seen("a", "B"))
		l.awaitIdle()
	}
	if _, err := b.watcher.Verify(t.Context(), ns, "a"); err != nil {
		t.Fatal(err)
	}
	b.expectContents(t, "a", []string{"A", "B", "B"})
	log.then = func() {
		l.observe(deleted("a"))
		l.awaitIdle()
	}
	if _, err := b.watcher.Verify(t.Context(), ns, "a"); err != nil {
		t.Fatal(err)
	}
	b.expectContents(t, "a", []string{"A", "B", "B", gone, gone})
}

// between does something once after a read.
type between struct {
	*interceptor
	then func()
}

func (l *between) Newest(ctx context.Context, key component.Key) (event.Event, bool, error) {
	e, found, err := l.interceptor.Newest(ctx, key)
	if then := l.then; then != nil {
		l.then = nil
		then()
	}
	return e, found, err
}
