package watcher

import (
	"fmt"
	"testing"

	"odasync/internal/testwait"
)

func TestServerAwayForAWhile(t *testing.T) {
	t.Parallel()
	b, l := newTerm(t)
	all := scope(t, "all")
	l.resync(all, seen("a", "0"), seen("b", "0"), seen("c", "0"), seen("d", "0"))
	l.awaitIdle()

	b.server.Shutdown()
	for i := range 50 {
		l.observe(seen("a", fmt.Sprint(i+1)), seen("b", fmt.Sprint(i+1)), seen("new", fmt.Sprint(i+1)))
	}
	l.observe(deleted("b"), seen("d", "1"), seen("d", "0"))
	testwait.Until(t, "publishes to fail", func() bool { return count(b.metrics.retried) > 3 })
	if got := l.to.queue.Len(); got > 4 {
		t.Errorf("%d wait, though only four components changed", got)
	}
	if got := count(b.metrics.collapsed); got < 100 {
		t.Errorf("%d collapsed of 150 changes", got)
	}
	round := l.to.Begin(all) // the source goes on while the server is away
	l.observe(seen("a", "last"), seen("new", "last"), seen("d", "0"))
	if err := l.to.End(l.ctx, round, all, ""); err != nil {
		t.Fatal(err)
	}
	b.server.Restart(t)

	l.awaitIdle()
	want := map[string]string{"a": "last", "b": gone, "c": gone, "d": "0", "new": "last"}
	b.expectHeads(t, want)
	// A publish whose answer the shutdown took may stand there beside the last one.
	if got := len(b.history(t)); got < 8 || got > 12 {
		t.Errorf("%d messages for 4 components and 4 changes", got)
	}
}
