package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// Each case changes a registry of three components. A reconcile finds the difference and repairs it with these calls, and
// the next one finds nothing.
func TestReconcile_RepairsDifferences(t *testing.T) {
	t.Parallel()
	other := component.Key{Cluster: cluster, Namespace: "elsewhere", Name: "a"}
	tests := map[string]struct {
		damage func(e *env)
		want   counts
		calls  []syncertest.Call
		again  counts // what the next reconcile finds
	}{
		"when nothing changed": {damage: func(*env) {}},
		"when one is missing": {
			damage: func(e *env) { e.Registry.Set("", "a") },
			want:   counts{Missing: 1, Repaired: 1}, calls: []syncertest.Call{{"a", "A", false}},
		},
		"when one is different": {
			damage: func(e *env) { e.Registry.Set("edited", "a") },
			want:   counts{Different: 1, Repaired: 1}, calls: []syncertest.Call{{"a", "A", true}},
		},
		"when all are missing": {
			damage: func(e *env) { e.Registry.Set("", "a", "b", "c") },
			want:   counts{Missing: 3, Repaired: 3}, calls: []syncertest.Call{{"a", "A", false}, {"b", "B", false}, {"c", "C", false}},
		},
		"when one was renamed": {
			damage: func(e *env) {
				e.Registry.Set("", "a")
				e.Registry.Set("A", "renamed")
				e.inventory.setEdit(func(all []target.Entry) []target.Entry {
					for i := range all {
						if all[i].Ref.Name == "renamed" {
							all[i].Ref.ID = "id-a"
						}
					}
					return all
				})
			},
			want:  counts{Different: 1, Orphans: 1, Repaired: 1, Deleted: 1},
			calls: []syncertest.Call{{"a", "A", true}, {"renamed", "", true}},
		},
		"when the configuration changes a name": {
			damage: func(e *env) { e.inventory.names = map[string]string{"a": "ns.a"} },
			want:   counts{Different: 1}, calls: []syncertest.Call{{"a", "A", true}}, again: counts{Different: 1},
		},
		"when the listing is incomplete": { // the registry would reject a second entry of that name
			damage: func(e *env) { e.inventory.setEdit(func(all []target.Entry) []target.Entry { return all[1:] }) },
			want:   counts{Missing: 1}, calls: []syncertest.Call{{"a", "A", false}}, again: counts{Missing: 1},
		},
		"when there is an orphan": {
			damage: func(e *env) { e.Registry.Set("X", "orphan") },
			want:   counts{Orphans: 1, Deleted: 1}, calls: []syncertest.Call{{"orphan", "", true}},
		},
		"when APIs have no component": {
			damage: func(e *env) {
				e.Registry.Set("X", "bare")
				e.inventory.setEdit(func(all []target.Entry) []target.Entry {
					for i := range all {
						if all[i].Ref.Name == "bare" {
							all[i].Ref.ID, all[i].Ref.Digest = "", ""
						}
					}
					return all
				})
			},
			want: counts{Orphans: 1, Deleted: 1}, calls: []syncertest.Call{{"bare", "", true}},
		},
		"when a deleted one was created again": {
			damage: func(e *env) {
				e.Remove("a")
				e.done()
				e.Registry.Set("A", "a")
			},
			want: counts{Orphans: 1, Deleted: 1}, calls: []syncertest.Call{{"a", "", false}, {"a", "", true}},
		},
		"when there are foreign entries": {
			damage: func(e *env) {
				e.inventory.setEdit(func(all []target.Entry) []target.Entry {
					return append(all,
						target.Entry{Foreign: true, Ref: target.Ref{Registry: "self", Name: "theirs", ID: "x", Digest: "x"}},
						target.Entry{Ref: target.Ref{Registry: "self", Name: "a person's", ID: "y", Digest: "y"}},
						target.Entry{Ref: target.Ref{Registry: "self", Name: "a person's API"}})
				})
			},
		},
		"when its labels are removed": { // only the sync state maps it to its component
			damage: func(e *env) {
				e.inventory.setEdit(func(all []target.Entry) []target.Entry {
					if all[0].Ref.Digest = "unlabelled"; len(e.Registry.Calls()) > 3 {
						all[0].Ref.Digest = "A"
					}
					all[0].Key = component.Key{}
					return all
				})
			},
			want: counts{Different: 1}, calls: []syncertest.Call{{"a", "A", true}},
		},
		"when it has the label of another namespace": {
			damage: func(e *env) {
				e.inventory.setEdit(func(all []target.Entry) []target.Entry {
					if len(e.Registry.Calls()) == 3 {
						all[0].Key, all[0].Ref.Digest = other, "edited"
					}
					return all
				})
			},
			want:  counts{Different: 1, Orphans: 1, Deleted: 1, Repaired: 1},
			calls: []syncertest.Call{{"a", "", true}, {"a", "A", true}}, // in this order: the name must be free first
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e, r := started(t, syncertest.Setup{Concurrency: 4})
			for _, name := range []string{"a", "b", "c"} {
				e.Put(name, fmt.Sprintf("%c", name[0]-'a'+'A'))
			}
			e.done()
			test.damage(e)
			reconciler := e.reconciler(r, options{})
			done := e.reconcile(reconciler)
			wantCounts(t, "reconciliation", test.want, done)
			testcheck.Equal(t, "calls", test.calls, e.callsSince(3), cmpopts.EquateEmpty())
			if done.ID != "first" || done.Cluster != cluster || done.Target != syncertest.Target || done.Error != "" || done.DryRun {
				t.Errorf("reconciliation %+v", done)
			}
			wantCounts(t, "the next reconcile", test.again, e.reconcile(reconciler))
		})
	}
}

// Two programs that write the same entry would repair each other's work without end.
func TestReconcile_LeavesWhatAnotherProgramOverwrites(t *testing.T) {
	e, r := started(t, syncertest.Setup{Concurrency: 2})
	e.apply("A", "a", "b")
	reconciler := e.reconciler(r, options{})
	for round := range 3 {
		e.Registry.Set(syncertest.Foreign, "a")
		done := e.reconcile(reconciler)
		if done.Overwritten != 1 || done.Repaired != 1 || done.Findings[0].Problem != "overwritten" || done.Drifted != round+1 {
			t.Errorf("round %d: %+v", round, done)
		}
	}
	e.Registry.Set(syncertest.Foreign, "a")
	e.Registry.Set("edited", "b")
	done := e.reconcile(reconciler)
	want := map[string]string{syncertest.Key("a").String(): "left to the other program", syncertest.Key("b").String(): "repaired"}
	if diff := cmp.Diff(want, outcomesOf(done)); diff != "" || done.Overwritten != 1 || e.Registry.Content("a") != syncertest.Foreign {
		t.Errorf("outcomes (-want +got):\n%s\n%+v", diff, done)
	}
	e.apply("newer", "a") // a change of the component is applied all the same
	testcheck.Equal(t, "content after a change", "newer", e.Registry.Content("a"))
	testcheck.Equal(t, "reconciles in a row that found entries changed by others", 4, done.Drifted)
	testcheck.Equal(t, "the same after one that found none", 0, e.reconcile(reconciler).Drifted)
}

// Components with pending messages are left to the consumer, and are no orphans.
func TestReconcile_LeavesPendingMessages(t *testing.T) {
	e, r := started(t, syncertest.Setup{Concurrency: 2})
	e.Put("stays", "1")
	e.apply("1", "goes")
	g := e.Registry.Gate()
	defer g.Open()
	e.PutAt("new", "1", justNow())
	<-g.Inside
	e.Publish(event.Tombstone(syncertest.Key("goes"), "", "", justNow()))
	<-g.Inside
	for i := range 30 { // not delivered, or waiting in the replica
		e.PutAt(fmt.Sprint("later-", i), "1", justNow())
	}
	calls := len(e.Registry.Calls())
	done := e.reconcile(e.reconciler(r, options{}))
	wantCounts(t, "reconciliation", counts{Pending: 32}, done)
	if got := len(e.Registry.Calls()); got != calls {
		t.Errorf("%d calls of the registry", got-calls)
	}
	g.Open()
	e.done()
	if done := e.reconcile(e.reconciler(r, options{})); countsOf(done) != (counts{}) || done.Desired != 32 || done.Entries != 32 {
		t.Errorf("afterwards: %+v", done)
	}
}

// A scheduled reconcile leaves a message to the consumer for minutes, since that may be behind.
func TestReconciler_LeavesTheBacklogToTheConsumer(t *testing.T) {
	e := newEnv(t)
	r := e.startWithoutMessages()
	e.PutAt("waits", "1", time.Now().Add(-2*time.Minute))
	e.PutAt("lost", "1", longAgo)
	last := target.Reconciliation{Cluster: cluster, Target: syncertest.Target, Time: longAgo} // the next one is due
	testcheck.NoError(t, e.records.Reconciled(t.Context(), last))
	e.run(e.reconciler(r, options{interval: time.Minute}))
	syncertest.Eventually(t, "the reconcile to be recorded", func() bool {
		last, found, err := e.records.LastReconcile(t.Context(), syncertest.Target, cluster)
		return err == nil && found && countsOf(last) == counts{Pending: 1, Unacknowledged: 1, Repaired: 1}
	})
	wantCounts(t, "when asked", counts{Unacknowledged: 1, Repaired: 1}, e.reconcile(e.reconciler(r, options{interval: time.Minute})))
}

// Outcomes that were lost with the sync state are recovered by a comparison, whatever waits in the stream.
func TestReconcile_FindsLostOutcomes(t *testing.T) {
	t.Parallel()
	for name, waiting := range map[string]int{"when nothing waits": 0, "when more waits than was lost": 20} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			e.start(syncertest.Setup{Concurrency: 4})
			for _, name := range []string{"a", "b", "c", "deleted"} {
				e.PutAt(name, "1", longAgo)
			}
			e.Publish(event.Tombstone(syncertest.Key("deleted"), "", "", longAgo))
			e.done()
			e.loseStates()
			e.Registry.Set("edited meanwhile", "b")
			e.Registry.Set("came back", "deleted")
			g := syncertest.NewGate()
			defer g.Open()
			e.Registry.When(func(c syncertest.Call) bool { return c.Content == "held" }, g.Pass)
			for i := range waiting {
				e.PutAt(fmt.Sprint("held-", i), "held", justNow())
			}
			if waiting > 0 {
				<-g.Inside
			}
			other := e.startWithoutMessages() // not blocked by those that wait
			done := e.reconcile(e.reconciler(other, options{}))
			want := counts{Unacknowledged: 4, Pending: waiting, Repaired: 1, Deleted: 1}
			wantCounts(t, "reconciliation", want, done)
			if b, deleted := e.Registry.Content("b"), e.Registry.Content("deleted"); b != "1" || deleted != "" {
				t.Errorf("the registry shows %q and %q", b, deleted)
			}
			g.Open()
			e.done()
		})
	}
}

// A new message may be in progress in any replica.
func TestReconcile_LeavesNewMessagesWithoutAnOutcome(t *testing.T) {
	e, r := started(t, syncertest.Setup{})
	e.PutAt("new", "1", justNow())
	e.PutAt("old", "1", longAgo)
	e.done()
	e.loseStates()
	wantCounts(t, "reconciliation", counts{Pending: 1, Unacknowledged: 1}, e.reconcile(e.reconciler(r, options{})))
}

// The stream was restored to an older state than the sync state: its messages count, although their sequences were used
// before.
func TestReconcile_FindsAStreamThatIsOlderThanTheSyncState(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]func(head event.Event, s target.State) target.State{
		"when the state is ahead of the head":     func(_ event.Event, s target.State) target.State { s.Sequence += 100; return s },
		"when the sequence was another message's": func(_ event.Event, s target.State) target.State { s.Hash = "of the lost message"; return s },
		"when the lost message was a deletion": func(_ event.Event, s target.State) target.State {
			s.Outcome, s.Hash, s.Ref = target.OutcomeDeleted, "", target.Ref{}
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, r := started(t, syncertest.Setup{})
			head := e.Put("a", "1")
			e.apply("1", "b")
			e.SetState(state(head, e.State("a")))
			e.Registry.Set("of the lost message", "a")
			done := e.reconcile(e.reconciler(r, options{}))
			if got := countsOf(done); got != (counts{Unacknowledged: 1, Repaired: 1}) || e.Registry.Content("a") != "1" {
				t.Errorf("%+v, the registry shows %q", got, e.Registry.Content("a"))
			}
		})
	}
}

// A rejection says nothing about another message that has its sequence now.
func TestReconcile_RejectedSequenceOfAnotherMessage(t *testing.T) {
	e := newEnv(t)
	e.Registry.Reject()
	r := e.start(syncertest.Setup{})
	e.Put("rejected", "bad")
	e.apply("1", "a")
	lost := e.State("rejected")
	now := e.State("a")
	lost.Key, lost.Sequence, lost.Revision, lost.DeadLetter = now.Key, now.Sequence, now.Revision, false
	e.SetState(lost)
	e.Registry.Set("", "a")
	if got := countsOf(e.reconcile(e.reconciler(r, options{}))); got != (counts{Failed: 2, Repaired: 1}) || e.Registry.Content("a") != "1" {
		t.Errorf("%+v, the registry shows %q", got, e.Registry.Content("a"))
	}
}

// A rejected component may be in doubt, too: a retry was interrupted, or a conflict was recorded.
func TestReconcile_RejectedComponentInDoubt(t *testing.T) {
	e := newEnv(t)
	e.Registry.Reject()
	r := e.start(syncertest.Setup{})
	e.apply("bad", "a")
	e.Registry.Recover()
	s := e.State("a")
	s.Intent, s.Updated = s.Sequence, longAgo
	e.SetState(s)
	got := countsOf(e.reconcile(e.reconciler(r, options{})))
	if got != (counts{Failed: 1, Repaired: 1}) || len(e.DeadLetters(syncertest.Target)) != 0 {
		t.Errorf("%+v, %d dead letters", got, len(e.DeadLetters(syncertest.Target)))
	}
}

// An apply without an outcome is compared once no replica will finish it.
func TestReconcile_ComparesAbandonedApplies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		updated time.Time
		owner   string
		want    counts
	}{
		"when it is long ago":            {longAgo, "gone", counts{Unacknowledged: 1, Repaired: 1}},
		"when it may be in progress":     {justNow(), "gone", counts{Pending: 1}},
		"when it is a recorded conflict": {justNow(), "", counts{Unacknowledged: 1, Repaired: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			e, r := started(t, syncertest.Setup{})
			e.apply("1", "a")
			s := e.State("a")
			s.Intent, s.Updated, s.Owner = s.Sequence, test.updated, test.owner
			e.SetState(s)
			e.Registry.Set("of a late writer", "a")
			if done := e.reconcile(e.reconciler(r, options{})); countsOf(done) != test.want {
				t.Errorf("reconciliation %+v", done)
			}
		})
	}
}

// Orphans in namespaces that could not be listed stay; others are deleted.
func TestReconcile_KeepsOrphansOfNamespacesThatCouldNotBeListed(t *testing.T) {
	e, r := started(t, syncertest.Setup{})
	e.apply("1", "kept")
	e.addOrphans(1)
	e.inventory.setEdit(func(all []target.Entry) []target.Entry {
		return append(all, target.Entry{
			Key: component.Key{Cluster: cluster, Namespace: "forbidden", Name: "x"},
			Ref: target.Ref{Registry: "self", Name: "x", ID: "id-x", Digest: "x"},
		})
	})
	e.mark("partly", "forbidden", "other-*")
	done := e.reconcile(e.reconciler(r, options{}))
	if countsOf(done) != (counts{Orphans: 2, Deleted: 1}) || done.ID != "partly" {
		t.Errorf("reconciliation %+v", done)
	}
	want := map[string]string{"east/forbidden/x": "kept until its namespace can be listed again", syncertest.Key("orphan-00").String(): "deleted"}
	testcheck.Equal(t, "findings", want, outcomesOf(done))
	e.mark("all")
	e.reconcile(e.reconciler(r, options{}))
	testcheck.Equal(t, "calls", []syncertest.Call{{"orphan-00", "", true}, {"x", "", true}}, e.callsSince(1))
}

// States of components whose tombstones were purged are deleted once a full sync shows that the components do not exist.
func TestReconcile_ForgetsStatesOfPurgedTombstones(t *testing.T) {
	e, r := started(t, syncertest.Setup{})
	e.Put("stays", "1")
	e.Put("deleted", "1")
	e.Put("purged", "1")
	e.Remove("deleted")
	tombstone := e.Remove("purged")
	e.done()
	testcheck.NoError(t, e.Log.Purge(t.Context(), tombstone.Key, tombstone.Sequence))
	e.unmark()
	reconciler := e.reconciler(r, options{})
	e.reconcile(reconciler)
	testcheck.Equal(t, "states without a marker", []string{"deleted", "purged", "stays"}, e.known())
	e.mark("complete")
	if _, err := reconciler.Reconcile(t.Context(), cluster, true); err != nil || len(e.known()) != 3 {
		t.Errorf("after a dry run: states of %q, %v", e.known(), err)
	}
	e.reconcile(reconciler)
	testcheck.Equal(t, "states", []string{"deleted", "stays"}, e.known())
	e.Put("purged", "2") // it is created again
	e.done()
	if got := e.State("purged"); got.Outcome != target.OutcomeApplied || e.Registry.Content("purged") != "2" {
		t.Errorf("state %+v", got)
	}
}

// known lists the names of the components that have a state.
func (e *env) known() []string {
	e.t.Helper()
	var names []string
	testcheck.NoError(e.t, e.States.All(context.Background(), cluster, func(s target.State) { names = append(names, s.Key.Name) }))
	slices.Sort(names)
	return names
}

// A failure that is not due to the content is retried by reconciles, more and more rarely.
func TestReconcile_RetriesFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reason         target.Class
		failing, quiet time.Duration // since it failed first, and since it was tried last
		retried        bool
	}{
		"when poison":                           {target.ClassPoison, time.Minute, 31 * time.Second, true},
		"when poison, just tried":               {target.ClassPoison, time.Minute, 20 * time.Second, false},
		"when poison, tried for long":           {target.ClassPoison, 20 * time.Minute, 5 * time.Minute, false},
		"when poison, tried for long, long ago": {target.ClassPoison, 20 * time.Minute, 8 * time.Minute, true},
		"when poison, for days":                 {target.ClassPoison, 100 * time.Hour, 61 * time.Minute, true},
		"when in conflict":                      {target.ClassConflict, time.Minute, 31 * time.Second, true},
		"when invalid":                          {target.ClassInvalid, 100 * time.Hour, 50 * time.Hour, false},
		"when malformed":                        {target.ClassMalformed, 100 * time.Hour, 50 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			e.Registry.Reject()
			r := e.start(syncertest.Setup{})
			e.apply("bad", "a")
			syncertest.Eventually(t, "the failure to be stored", func() bool { return e.State("a").Outcome == target.OutcomeFailed })
			e.Registry.Recover()
			s, now := e.State("a"), time.Now()
			s.Reason, s.FailedSince, s.Updated = test.reason, now.Add(-test.failing), now.Add(-test.quiet)
			e.SetState(s)
			done := e.reconcile(e.reconciler(r, options{}))
			want, letters := counts{Failed: 1}, 1
			if test.retried {
				want.Repaired, letters = 1, 0
			}
			if got := countsOf(done); got != want || len(e.DeadLetters(syncertest.Target)) != letters {
				t.Errorf("%+v, want %+v; %d dead letters", got, want, len(e.DeadLetters(syncertest.Target)))
			}
			if test.retried && (len(done.Findings) != 1 || done.Findings[0].Problem != "failed") {
				t.Errorf("findings %+v", done.Findings)
			}
		})
	}
}

// A component with a dead letter waits for its next version or a retry; one with a name conflict, until the name is free.
func TestReconcile_DeadLetters(t *testing.T) {
	e := newEnv(t)
	taken := &target.Failure{Class: target.ClassNameConflict, Request: "GET /components/{id}", Detail: "the name is taken"}
	var free atomic.Bool
	e.Registry.During(func(_ context.Context, c syncertest.Call) error {
		switch {
		case c.Name == "bad":
			return syncertest.ErrRejected
		case c.Name == "taken" && !free.Load():
			return taken
		}
		return nil
	})
	theirs := target.Entry{Foreign: true, Ref: target.Ref{Registry: "self", Name: "taken", ID: "theirs"}}
	e.inventory.setEdit(func(all []target.Entry) []target.Entry {
		if !free.Load() {
			all = append(all, theirs)
		}
		return all
	})
	r := e.start(syncertest.Setup{Concurrency: 2})
	e.Put("bad", "1")
	e.apply("1", "taken")
	reconciler := e.reconciler(r, options{})
	for range 2 {
		wantCounts(t, "while the name is taken", counts{Failed: 2}, e.reconcile(reconciler))
	}
	testcheck.Equal(t, "calls, one for each", 2, len(e.Registry.Calls()))
	free.Store(true)
	wantCounts(t, "once the name is free", counts{Failed: 2, Repaired: 1}, e.reconcile(reconciler))
	testcheck.Equal(t, "content in the registry", "1", e.Registry.Content("taken"))
	if letters := e.DeadLetters(syncertest.Target); len(letters) != 1 || letters[0].Event.Key != syncertest.Key("bad") {
		t.Errorf("dead letters %+v", letters)
	}
}

// An entry without labels is an orphan by the sync state: the stream has no messages of its component.
func TestReconcile_FindsOrphansByTheSyncState(t *testing.T) {
	e, r := started(t, syncertest.Setup{})
	e.Put("kept", "1")
	last := e.Put("a", "1")
	e.done()
	e.inventory.setEdit(func(all []target.Entry) []target.Entry {
		for i := range all {
			all[i].Key = component.Key{}
		}
		return all
	})
	testcheck.NoError(t, e.Log.Purge(t.Context(), syncertest.Key("a"), last.Sequence))
	wantCounts(t, "reconciliation", counts{Orphans: 1, Deleted: 1}, e.reconcile(e.reconciler(r, options{})))
}

// A new stream contains nothing yet, which is not absence.
func TestReconcile_KeepsOrphansBeforeTheFirstFullSync(t *testing.T) {
	e, r := started(t, syncertest.Setup{})
	e.apply("1", "kept")
	for i := range 5 {
		e.Registry.Set("1", fmt.Sprint("a-", i))
	}
	e.unmark()
	reconciler := e.reconciler(r, options{})
	done := e.reconcile(reconciler)
	if countsOf(done) != (counts{Orphans: 5}) || done.Findings[0].Outcome != "kept until a full sync of the cluster has ended" || len(e.callsSince(1)) != 0 {
		t.Errorf("before: %+v", done)
	}
	e.mark("filled")
	wantCounts(t, "afterwards", counts{Orphans: 5, Deleted: 5}, e.reconcile(reconciler))
}
