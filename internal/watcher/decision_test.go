package watcher

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"odasync/internal/component"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/internal/watcher/inventory"
)

// An API server that was restored by mistake returns an empty list.
func TestDecision_EmptyListWaitsForApproval(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 3, 20, 100} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			b := newParallel(t)
			l := b.lead(t, b.log)
			l.resynced(all, many(ns, 0, count)...)
			_ = l.end()

			log := b.captureLog()
			l = b.lead(t, b.log)
			l.resynced(all)
			waits := b.pendingDeletion(t)
			if waits.Gone != count || waits.All != count || waits.Place != "cluster east" || len(waits.Components) != min(count, 10) {
				t.Fatalf("pending %+v", waits)
			}
			testcheck.Equal(t, "components in the metric", count, b.pendingMetric())
			m := l.fullSync() // by then the decision is logged
			testcheck.Contains(t, "the log", log.String(), pendingMessage, `"approval":"`+waits.ID+`"`, fmt.Sprintf(`"components":%d,"of":%d`, count, count), "ctl approve "+waits.ID, `"level":"error"`)
			testcheck.Equal(t, "pending deletion, of the watcher (-) and in the marker (+)", waits, m.PendingDeletion)
			if m.Tombstoned != 0 || m.Count != count || b.tombstones(t) != 0 {
				t.Errorf("marker %+v", m)
			}
			if got := strings.Count(log.String(), pendingMessage); got != 1 {
				t.Errorf("the same is logged %d times:\n%s", got, log)
			}

			l.resynced(all, many(ns, 0, max(count-1, 1))...) // the mistake was noticed
			if waits := b.watcher.PendingDeletion(); waits != nil || b.pendingMetric() != 0 {
				t.Errorf("still pending: %+v, %d", waits, b.pendingMetric())
			}
			if got, want := b.tombstones(t), min(count-1, 1); got != want {
				t.Errorf("%d tombstones, want the %d that is really gone", got, want)
			}
		})
	}
}

// Twenty namespaces are emptied between terms, and the watcher restarts several times: sometimes before it has listed all of
// them, sometimes without a full sync.
func TestDecision_EmptyNamespacesWaitThroughTerms(t *testing.T) {
	t.Parallel()
	const scopes, each = 20, 5
	b := newHarness(t)
	b.namespaces(t, scopes)
	b.watcher.resyncLimits.silence = 20 * time.Millisecond
	l := b.lead(t, b.log)
	l.resyncedAll(each)
	_ = l.end()
	id := ""
	for term := range 8 {
		l := b.lead(t, b.log)
		ended := []int{20, 3, 20, 10, 1, 20, 7, 20}[term]
		for _, part := range b.source.scopes[:ended] {
			l.resync(part)
		}
		testwait.Until(t, "a decision", l.to.decisionMade.Load)
		l.awaitIdle()
		waits := b.pendingDeletion(t)
		if waits.Gone != each*ended || waits.All != each*ended || b.tombstones(t) != 0 {
			t.Fatalf("term %d: pending %+v, %d tombstones", term, waits, b.tombstones(t))
		}
		if ended == scopes {
			if id != "" && waits.ID != id {
				t.Errorf("term %d: the id is %s, and was %s", term, waits.ID, id)
			}
			id = waits.ID
			testwait.Until(t, "the marker to say so", func() bool {
				m, _, err := b.log.LastSnapshot(t.Context(), cluster)
				return err == nil && m.PendingDeletion != nil && m.PendingDeletion.ID == id
			})
		}
		_ = l.end()
	}
	b.approve(t, id)
	l = b.lead(t, b.log)
	l.resyncedAll(0)
	if got := b.tombstones(t); got != scopes*each || b.watcher.PendingDeletion() != nil {
		t.Errorf("%d tombstones, pending %+v", got, b.watcher.PendingDeletion())
	}
}

// A resync of one namespace is followed by resyncs of all others before a decision.
func TestDecision_CoversAllScopes(t *testing.T) {
	b := newParallel(t)
	b.namespaces(t, 20)
	l := b.lead(t, b.log)
	l.resyncedAll(5)
	for range 4 {
		l.resync(b.source.scopes[0])
		l.awaitRefresh()
		l.resyncedAll(0)
		if got := b.tombstones(t); got != 0 || b.pendingMetric() != 100 {
			t.Fatalf("%d tombstones, %d pending", got, b.pendingMetric())
		}
		l.fullSyncOf(0)
	}
	b.approve(t, b.pendingDeletion(t).ID)
	l.fullSyncOf(0)
	if got := b.tombstones(t); got != 100 || b.pendingMetric() != 0 {
		t.Errorf("after the approval of all: %d tombstones, %d pending", got, b.pendingMetric())
	}
}

// The next leader knows the pending deletion, and its time, before its first resync.
func TestDecision_NextLeaderKnowsThePendingDeletion(t *testing.T) {
	b := newParallel(t)
	l := b.lead(t, b.log)
	l.resynced(all, many(ns, 0, 20)...)
	l.resynced(all)
	waits := b.pendingDeletion(t)
	testwait.Until(t, "the marker", func() bool { return len(b.snapshots(t)) == 1 })
	_ = l.end()
	if got := b.watcher.PendingDeletion(); got != nil || b.pendingMetric() != 0 {
		t.Errorf("without the lead: %+v, %d", got, b.pendingMetric())
	}

	other := newHarnessOn(t, b.server, b.conn, cluster)
	l = other.lead(t, other.log)
	testcheck.Equal(t, "before (-) and after (+) the change of leaders, before the first resync", waits, other.pendingDeletion(t))
	l.resynced(all)
	testcheck.Equal(t, "before (-) and after (+) the change of leaders, after the first resync", waits, other.pendingDeletion(t))
}

func TestDecision_ApprovalCountsOnce(t *testing.T) {
	b := newParallel(t)
	log := b.captureLog()
	l := b.lead(t, b.log)
	l.resynced(all, many(ns, 0, 30)...)
	l.resynced(all, many(ns, 0, 10)...)
	first := b.pendingDeletion(t)
	l.resynced(all, many(ns, 0, 11)...) // one is back: another set
	second := b.pendingDeletion(t)
	if second.ID == first.ID || second.Gone != 19 {
		t.Fatalf("pending %+v", second)
	}
	b.approve(t, first.ID)
	l.fullSync(many(ns, 0, 11)...)
	testcheck.MustEqual(t, "tombstones by the approval of another set", 0, b.tombstones(t))
	b.approve(t, second.ID)
	if m := l.fullSync(many(ns, 0, 11)...); m.Tombstoned != 19 || m.Count != 11 || m.PendingDeletion != nil {
		t.Errorf("marker %+v", m)
	}
	if got := b.tombstones(t); got != 19 || b.pendingMetric() != 0 {
		t.Errorf("%d tombstones, %d pending", got, b.pendingMetric())
	}
	testcheck.Contains(t, "the log", log.String(), `"approval used"`)
	l.resynced(all, many(ns, 0, 30)...) // all exist again, and the same ones are deleted
	l.fullSync(many(ns, 0, 11)...)
	if waits := b.pendingDeletion(t); waits.ID != second.ID || b.tombstones(t) != 0 {
		t.Errorf("the approval counts twice: %+v, %d tombstones", waits, b.tombstones(t))
	}
}

// Approvals cannot be read while NATS is unavailable: nothing is deleted.
func TestDecision_FailedApprovalReadDeletesNothing(t *testing.T) {
	b, l := newTerm(t)
	l.resynced(all, many(ns, 0, 10)...)
	b.server.Shutdown()
	l.resync(all)
	testwait.Until(t, "a decision", func() bool { return b.pendingMetric() == 10 })
	b.server.Restart(t)
	l.awaitIdle()
	testwait.Until(t, "the connection", func() bool { return b.conn.Check(t.Context()) == nil })
	testcheck.Equal(t, "tombstones", 0, b.tombstones(t))
}

func TestDecision_ReportedDeletionsNeedNoApproval(t *testing.T) {
	b, l := newTerm(t)
	l.resynced(all, many(ns, 0, 20)...)
	l.resynced(all)
	first := b.pendingDeletion(t)
	for _, o := range many(ns, 0, 15) {
		l.observe(deletedNow(o.Name))
	}
	l.awaitIdle()
	testcheck.Equal(t, "tombstones that the source reported", 15, b.tombstones(t))
	if waits := b.pendingDeletion(t); waits.ID == first.ID || waits.Gone != 5 || waits.All != 5 || b.pendingMetric() != 5 {
		t.Errorf("pending %+v, want the other five", waits)
	}
	l.fullSync()
	testcheck.Equal(t, "tombstones: the five that are left are everything", 15, b.tombstones(t))
	l.observed(many(ns, 0, 1)...) // so that they are not
	l.fullSync(many(ns, 0, 1)...)
	if got := b.tombstones(t); got != 19 || b.pendingMetric() != 0 {
		t.Errorf("%d tombstones, %d pending", got, b.pendingMetric())
	}
}

// The next term publishes deletions that were reported while publishes failed, without limit.
func TestDecision_ReportedDeletionsOutliveTheTerm(t *testing.T) {
	b := newParallel(t)
	l := b.lead(t, b.log)
	l.resynced(all, many(ns, 0, 20)...)
	_ = l.end()
	log := intercept(b.log)
	l = b.lead(t, log)
	l.resync(all, many(ns, 0, 20)...)
	for _, o := range many(ns, 0, 20) {
		log.set(func() { log.fail[o.Name] = fmt.Errorf("nats is away") })
		l.observe(deleted(o.Name))
	}
	testwait.Until(t, "publishes to fail", func() bool { return count(b.metrics.retried) > 0 })
	_ = l.end()
	testcheck.MustEqual(t, "tombstones", 0, b.tombstones(t))

	back := withUID(many(ns, 0, 1)[0], "second") // created again in the meantime, as published by another leader
	b.publishAsOther(t, back)
	l = b.lead(t, b.log)
	l.resynced(all, many(ns, 1, 1)...) // this one exists again
	heads := b.heads(t)
	if got := b.tombstones(t); got != 19 || heads["odacompns-1-c1"] != "A" {
		t.Errorf("%d tombstones, want 18 that were reported and one that is absent: %v", got, heads)
	}
	if b.watcher.confirmed.Len() != 0 {
		t.Error("published deletions are still confirmed")
	}
	_ = l.end()
	l = b.lead(t, b.log)
	l.resynced(all) // the last one is absent, but not reported as deleted
	if got := b.tombstones(t); got != 19 || b.pendingMetric() != 1 {
		t.Errorf("%d tombstones, %d pending", got, b.pendingMetric())
	}
}

func TestDecision_Limit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		percent, before, after int
		through                bool
	}{
		"nine of ten":     {30, 10, 1, true},
		"ten of ten":      {30, 10, 0, false},
		"three of three":  {30, 3, 0, false},
		"two of three":    {30, 3, 1, true},
		"30 percent":      {30, 40, 28, true},
		"a little more":   {30, 40, 27, false},
		"none is allowed": {0, 40, 30, false},
		"many are":        {100, 40, 1, true},
		"all never are":   {100, 40, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newParallel(t)
			b.watcher.limit.MaxPercent = test.percent
			l := b.lead(t, b.log)
			l.resynced(all, many(ns, 0, test.before)...)
			l.resynced(all, many(ns, 0, test.after)...)
			want := 0
			if test.through {
				want = test.before - test.after
			}
			if got := b.tombstones(t); got != want || (b.pendingMetric() == 0) != test.through {
				t.Errorf("%d tombstones, want %d; %d pending", got, want, b.pendingMetric())
			}
		})
	}
}

// A scope that cannot be listed deletes nothing. The decision about the others waits for it for a limited time, the next
// full sync hardly at all.
func TestDecision_LeavesOutAScopeThatCannotBeListed(t *testing.T) {
	b := newParallel(t)
	one, two := scope(t, "one"), scope(t, "two")
	b.source.scopes = []component.Scope{one, two}
	l := b.lead(t, b.log)
	l.resync(one, many("one", 0, 30)...)
	l.resynced(two, many("two", 0, 30)...)
	_ = l.end()

	b.watcher.resyncLimits = resyncLimits{silence: 300 * time.Millisecond, unlisted: time.Millisecond, total: testwait.Limit}
	l = b.lead(t, b.log)
	began := time.Now()
	l.resync(one, many("one", 0, 27)...)
	failing := l.to.Begin(two)
	l.report(failing, many("two", 0, 3)...)
	testwait.Until(t, "a decision", l.to.decisionMade.Load)
	testcheck.AtLeast(t, "time until the other scope was given up", 300*time.Millisecond, time.Since(began))
	l.awaitIdle()
	if got := b.tombstones(t); got != 3 || !b.watcher.Synced() {
		t.Errorf("%d tombstones, want the three of the scope that was listed; synced: %t", got, b.watcher.Synced())
	}
	answer := l.beginFullSync()
	b.watcher.resyncLimits.silence = testwait.Limit // which is not waited for again
	l.resync(one, many("one", 0, 27)...)
	if m := l.awaitSnapshot(answer); !slices.Equal(m.Unlisted, []string{"two"}) || m.Count != 57 || m.PendingDeletion != nil {
		t.Errorf("marker %+v", m)
	}
	testcheck.Equal(t, "unlisted namespaces", []string{"two"}, b.watcher.Unlisted())

	l.resync(two) // it can be listed again, and shows nothing
	l.awaitRefresh()
	l.resync(one, many("one", 0, 27)...)
	l.resynced(two)
	if waits := b.pendingDeletion(t); waits.Gone != 30 || waits.All != 57 || b.tombstones(t) != 3 {
		t.Errorf("pending %+v, %d tombstones", waits, b.tombstones(t))
	}
	testwait.Until(t, "the marker", func() bool {
		all := b.snapshots(t)
		last := all[len(all)-1]
		return last.PendingDeletion != nil && len(last.Unlisted) == 0
	})
	answer = l.beginFullSync() // again it cannot be listed: its components are no longer pending
	b.watcher.resyncLimits.silence = time.Millisecond
	l.resync(one, many("one", 0, 27)...)
	if m := l.awaitSnapshot(answer); m.PendingDeletion != nil || m.Count != 57 {
		t.Errorf("marker %+v", m)
	}
}

// A decision waits for a slow scope as long as it reports, up to a limit.
func TestDecision_WaitsForASlowScope(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]bool{"it ends": true, "it never ends": false} {
		t.Run(name, func(t *testing.T) {
			b := newParallel(t)
			one, two := scope(t, "one"), scope(t, "two")
			b.source.scopes = []component.Scope{one, two}
			b.watcher.resyncLimits = resyncLimits{silence: 500 * time.Millisecond, unlisted: time.Millisecond, total: testwait.Limit}
			if !ends {
				b.watcher.resyncLimits.total = time.Second
			}
			l := b.lead(t, b.log)
			l.resync(one, many("one", 0, 3)...)
			slow := l.to.Begin(two)
			for began := time.Now(); time.Since(began) < 1500*time.Millisecond && !l.to.decisionMade.Load(); {
				l.report(slow, many("two", 0, 1)...)
			}
			if decided := l.to.decisionMade.Load(); decided == ends {
				t.Fatalf("decided: %t", decided)
			}
			testcheck.NoError(t, l.to.End(l.ctx, slow, two, component.Resync{}))
			testwait.Until(t, "a decision", l.to.decisionMade.Load)
		})
	}
}

// The limit applies to each decision: earlier deletions do not count.
func TestDecision_EarlierDeletionsDoNotCount(t *testing.T) {
	b := newParallel(t)
	b.namespaces(t, 2)
	l := b.lead(t, b.log)
	l.resyncAll(40)
	for left := 36; left > 0; left -= 4 {
		l.awaitIdle()
		l.fullSyncOf(left)
		testcheck.MustEqual(t, fmt.Sprintf("pending with %d left", left), 0, b.pendingMetric())
	}
	testcheck.Equal(t, "tombstones", 72, b.tombstones(t))
}

// Components that were never published need no deletion and no approval.
func TestDecision_UnpublishedComponentsDoNotCount(t *testing.T) {
	b, l := newTerm(t)
	shows := many(ns, 0, 5)
	for i := range 20 {
		shows = append(shows, malformed(fmt.Sprintf("broken-%d", i)))
	}
	l.resynced(all, shows...)
	l.resynced(all, many(ns, 0, 4)...)
	if got := b.tombstones(t); got != 1 || b.pendingMetric() != 0 {
		t.Errorf("%d tombstones, %d pending, want 1 and none", got, b.pendingMetric())
	}
}

// Components that are seen again during or after the decision are not deleted.
func TestDecision_KeepsComponentsSeenAgain(t *testing.T) {
	b := newParallel(t)
	l := b.lead(t, b.log)
	const count = 200
	shows := many(ns, 0, count)
	l.resynced(all, shows...)
	b.watcher.limit.MaxPercent = 100
	for n := range 20 {
		l.resync(all, shows[:1]...) // all others are absent, and the decision begins
		again := slices.Clone(shows)
		if n%2 == 1 {
			for i := range again {
				again[i] = withUID(again[i], fmt.Sprint(n))
			}
		}
		l.observe(again...)
		shows = again
		l.awaitIdle()
		testcheck.MustEqual(t, fmt.Sprintf("try %d: tombstones of components that exist", n), 0, b.tombstones(t))
		for _, e := range b.events(t) {
			if head := l.to.inventory.Get(inventory.Name{Namespace: e.Key.Namespace, Name: e.Key.Name}); head.Sequence == e.Sequence && e.UID != again[slices.IndexFunc(again, func(o component.Observation) bool { return o.Name == e.Key.Name })].UID {
				t.Fatalf("try %d: the newest message of %s is of uid %s", n, e.Key.Name, e.UID)
			}
		}
	}
}
