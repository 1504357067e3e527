package watcher

import (
	"strings"
	"testing"

	"odasync/internal/component"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// shows makes the source one of that cluster.
func (s *fakeSource) shows(identity string) { s.identity.Store(&identity) }

// A watcher that finds another cluster under its name publishes no deletion, reported or not, until the cluster is accepted.
func TestClusterChange_WaitsForApproval(t *testing.T) {
	b := newParallel(t)
	b.source.shows("uid-1")
	l := b.lead(t, b.log)
	l.resync(all, many(ns, 0, 20)...)
	if m := l.fullSync(many(ns, 0, 20)...); m.ClusterUID != "uid-1" {
		t.Fatalf("marker %+v", m)
	}
	_ = l.end()

	log := b.captureLog()
	b.source.shows("uid-2")
	l = b.lead(t, b.log)
	here := append(many(ns, 0, 18), seen("new", "A"))
	l.resync(all, here...)
	testwait.Until(t, "a decision", l.to.decisionMade.Load)
	l.observe(deleted("odacompns-1-c0"))
	here = here[1:]
	for range 2 {
		m := l.fullSync(here...)
		if m.ClusterUID != "uid-1" || m.Tombstoned != 0 || m.PendingDeletion == nil {
			t.Fatalf("marker %+v", m)
		}
		if got := b.tombstones(t); got != 0 || b.heads(t)["new"] != "A" {
			t.Fatalf("%d tombstones, heads %v", got, b.heads(t))
		}
	}
	waits := b.pendingDeletion(t)
	if c := waits.ClusterChange; c == nil || c.Was != "uid-1" || c.Is != "uid-2" || b.watcher.Accepted() == nil {
		t.Fatalf("pending %+v, accepted: %v", waits, b.watcher.Accepted())
	}
	if got := strings.Count(log.String(), `"another cluster under this name, deletions pending approval"`); got != 1 {
		t.Errorf("logged %d times:\n%s", got, log)
	}
	testcheck.Contains(t, "the log", log.String(), `"was":"uid-1"`, `"is":"uid-2"`, `"approval":"`+waits.ID+`"`, "ctl approve "+waits.ID)
	_ = l.end()

	b.approve(t, waits.ID)
	l = b.lead(t, b.log)
	if got := b.pendingDeletion(t); got.ID != waits.ID {
		t.Errorf("the next leader has %+v", got)
	}
	l.resynced(all, here...)
	if got := b.tombstones(t); got != 3 || b.watcher.PendingDeletion() != nil || b.watcher.Accepted() != nil {
		t.Errorf("accepted: %d tombstones, pending %+v", got, b.watcher.PendingDeletion())
	}
	if m := l.fullSync(here...); m.ClusterUID != "uid-2" {
		t.Errorf("marker %+v", m)
	}
}

// The deletion of everything in an accepted cluster needs another approval.
func TestClusterChange_EmptyClusterNeedsAnotherApproval(t *testing.T) {
	b := newParallel(t)
	b.source.shows("uid-1")
	l := b.lead(t, b.log)
	l.resync(all, many(ns, 0, 3)...)
	l.fullSync(many(ns, 0, 3)...)
	b.source.shows("uid-2") // such as a CRD that was removed and installed again
	l.fullSync()
	first := b.pendingDeletion(t)
	if first.ClusterChange == nil || first.Gone != 3 || b.pendingMetric() != 3 {
		t.Fatalf("pending %+v", first)
	}
	b.approve(t, first.ID)
	m := l.fullSync()
	if second := b.pendingDeletion(t); second.ClusterChange != nil || second.Gone != 3 || second.ID == first.ID || m.ClusterUID != "uid-2" || b.tombstones(t) != 0 {
		t.Fatalf("pending %+v, marker %+v, %d tombstones", second, m, b.tombstones(t))
	}
	b.approve(t, b.pendingDeletion(t).ID)
	l.fullSync()
	testcheck.Equal(t, "tombstones", 3, b.tombstones(t))
}

func TestClusterChange_UnknownIdentityIsNoChange(t *testing.T) {
	t.Parallel()
	for name, ids := range map[string][3]string{ // of three terms, and of the marker in the end
		"never known":   {"", "", ""},
		"known later":   {"", "uid-1", "uid-1"},
		"not any more":  {"uid-1", "", "uid-1"},
		"still the one": {"uid-1", "uid-1", "uid-1"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newParallel(t)
			all := []component.Scope{all}
			for i, id := range ids[:2] {
				b.source.shows(id)
				l := b.lead(t, b.log)
				l.resynced(all[0], many(ns, 0, 3-i)...)
				m := l.fullSync(many(ns, 0, 3-i)...)
				if m.PendingDeletion != nil || b.tombstones(t) != i || i == 1 && m.ClusterUID != ids[2] {
					t.Errorf("term %d: marker %+v, %d tombstones", i, m, b.tombstones(t))
				}
				_ = l.end()
			}
		})
	}
}
