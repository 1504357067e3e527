package watcher

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/internal/watcher/inventory"
)

// What the source does not know is not absent, and the snapshot marker says that the scope is incomplete.
func TestResync_UnknownIsNotAbsent(t *testing.T) {
	b, l := newTerm(t)
	l.resynced(all, seen("a", "A"), seen("b", "A"), seen("c", "A"))

	end := func(unknown func(namespace, name string) bool) {
		t.Helper()
		generation := l.to.Begin(all)
		l.report(generation, seen("a", "A"))
		testcheck.NoError(t, l.to.End(l.ctx, generation, all, component.Resync{Unknown: unknown}))
	}
	unlisted := func(want ...string) {
		t.Helper()
		testwait.Until(t, "a marker of the incomplete scopes", func() bool {
			all := b.snapshots(t)
			return len(all) > 0 && cmp.Equal(all[len(all)-1].Unlisted, want)
		})
	}
	end(func(_, name string) bool { return name == "b" })
	unlisted(all.String())
	l.awaitIdle()
	testcheck.Equal(t, "whether b, which is unknown, and c exist in the stream", [2]bool{true, false}, [2]bool{l.to.inventory.Get(inventory.Name{Namespace: ns, Name: "b"}).Exists, l.to.inventory.Get(inventory.Name{Namespace: ns, Name: "c"}).Exists})
	end(nil)
	unlisted()
	l.awaitIdle()
	if l.to.inventory.Get(inventory.Name{Namespace: ns, Name: "b"}).Exists {
		t.Error("b was not deleted once the source knew everything")
	}
}

// A deletion that waits for an approval is withdrawn while the component may exist.
func TestResync_UnknownWithdrawsAPendingDeletion(t *testing.T) {
	_, l := newTerm(t)
	l.resynced(all, seen("a", "A"), seen("b", "A"))
	l.resync(all) // everything is gone
	testwait.Until(t, "a pending deletion", func() bool { return l.to.pendingDeletion() != nil })
	generation := l.to.Begin(all)
	testcheck.NoError(t, l.to.End(l.ctx, generation, all, component.Resync{Unknown: func(string, string) bool { return true }}))
	testwait.Until(t, "no pending deletion", func() bool { return l.to.pendingDeletion() == nil })
}
