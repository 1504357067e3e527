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
)

// TestReconcileMendsWhatDiffers damages a registry of three right components in every way, and looks at what a reconcile
// finds, which calls it makes, and that the next one finds nothing.
func TestReconcileMendsWhatDiffers(t *testing.T) {
	t.Parallel()
	other := component.Key{Cluster: cluster, Namespace: "elsewhere", Name: "a"}
	tests := map[string]struct {
		damage func(e *env)
		want   counts
		calls  []syncertest.Call
		again  counts // what the next reconcile finds
	}{
		"nothing": {damage: func(*env) {}},
		"missing": {
			damage: func(e *env) { e.Registry.Set("", "a") },
			want:   counts{Missing: 1, Repaired: 1}, calls: []syncertest.Call{{"a", "A", false}},
		},
		"different": {
			damage: func(e *env) { e.Registry.Set("edited", "a") },
			want:   counts{Different: 1, Repaired: 1}, calls: []syncertest.Call{{"a", "A", true}},
		},
		"all gone": {
			damage: func(e *env) { e.Registry.Set("", "a", "b", "c") },
			want:   counts{Missing: 3, Repaired: 3}, calls: []syncertest.Call{{"a", "A", false}, {"b", "B", false}, {"c", "C", false}},
		},
		"renamed by hand": {
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
		"another name by the configuration": {
			damage: func(e *env) { e.inventory.names = map[string]string{"a": "ns.a"} },
			want:   counts{Different: 1}, calls: []syncertest.Call{{"a", "A", true}}, again: counts{Different: 1},
		},
		"listed half, as while it changes": { // the registry refuses a second entry of the name
			damage: func(e *env) { e.inventory.setEdit(func(all []target.Entry) []target.Entry { return all[1:] }) },
			want:   counts{Missing: 1}, calls: []syncertest.Call{{"a", "A", false}}, again: counts{Missing: 1},
		},
		"a stray entry of ours": {
			damage: func(e *env) { e.Registry.Set("X", "orphan") },
			want:   counts{Orphans: 1, Deleted: 1}, calls: []syncertest.Call{{"orphan", "", true}},
		},
		"APIs without a component": {
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
		"a deleted one that came back by hand": {
			damage: func(e *env) {
				e.Remove("a")
				e.done()
				e.Registry.Set("A", "a")
			},
			want: counts{Orphans: 1, Deleted: 1}, calls: []syncertest.Call{{"a", "", false}, {"a", "", true}},
		},
		"foreign entries": {
			damage: func(e *env) {
				e.inventory.setEdit(func(all []target.Entry) []target.Entry {
					return append(all,
						target.Entry{Foreign: true, Ref: target.Ref{Registry: "self", Name: "theirs", ID: "x", Digest: "x"}},
						target.Entry{Ref: target.Ref{Registry: "self", Name: "a person's", ID: "y", Digest: "y"}},
						target.Entry{Ref: target.Ref{Registry: "self", Name: "a person's API"}})
				})
			},
		},
		"labels taken off": { // only the sync state tells whose it is
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
		"another namespace's label": {
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
			e := newEnv(t)
			r := e.start(syncertest.Setup{Concurrency: 4})
			for _, name := range []string{"a", "b", "c"} {
				e.Put(name, fmt.Sprintf("%c", name[0]-'a'+'A'))
			}
			e.done()
			test.damage(e)
			reconciler := e.reconciler(r, options{})
			done := e.reconcile(reconciler)
			if diff := cmp.Diff(test.want, countsOf(done)); diff != "" {
				t.Errorf("counts (-want +got):\n%s\nfindings %+v", diff, done.Findings)
			}
			syncertest.Equal(t, "calls", test.calls, e.callsSince(3), cmpopts.EquateEmpty())
			if done.ID != "first" || done.Cluster != cluster || done.Target != syncertest.Target || done.Error != "" || done.DryRun {
				t.Errorf("reconciliation %+v", done)
			}
			if got := countsOf(e.reconcile(reconciler)); got != test.again {
				t.Errorf("the next reconcile: %+v, want %+v", got, test.again)
			}
		})
	}
}

// What is on its way is left to the consumer, and is no orphan.
func TestReconcileLeavesWhatIsOnItsWay(t *testing.T) {
	e := newEnv(t)
	r := e.start(syncertest.Setup{Concurrency: 2})
	e.Put("stays", "1")
	e.Put("goes", "1")
	e.done()
	g := syncertest.NewGate()
	defer g.Open()
	e.Registry.During(g.Pass)
	e.PutAt("new", "1", justNow())
	<-g.Inside
	e.Publish(event.Tombstone(syncertest.Key("goes"), "", "", justNow()))
	<-g.Inside
	for i := range 30 { // not delivered, or waiting in the replica
		e.PutAt(fmt.Sprint("later-", i), "1", justNow())
	}
	calls := len(e.Registry.Calls())
	done := e.reconcile(e.reconciler(r, options{}))
	if diff := cmp.Diff(counts{Pending: 32}, countsOf(done)); diff != "" {
		t.Errorf("counts (-want +got):\n%s\nfindings %+v", diff, done.Findings)
	}
	if got := len(e.Registry.Calls()); got != calls {
		t.Errorf("%d calls of the registry", got-calls)
	}
	g.Open()
	e.done()
	if done := e.reconcile(e.reconciler(r, options{})); countsOf(done) != (counts{}) || done.Desired != 32 || done.Entries != 32 {
		t.Errorf("afterwards: %+v", done)
	}
}

// By itself a reconcile leaves a message for minutes to the consumer, which may be behind.
func TestReconciler_LeavesABacklogToTheConsumer(t *testing.T) {
	e := newEnv(t)
	r := e.startWithoutMessages()
	e.PutAt("waits", "1", time.Now().Add(-2*time.Minute))
	e.PutAt("lost", "1", longAgo)
	last := target.Reconciliation{Cluster: cluster, Target: syncertest.Target, Time: longAgo} // the next one is due
	if err := e.records.Reconciled(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	e.run(e.reconciler(r, options{interval: time.Minute}))
	syncertest.Eventually(t, "the reconcile to be noted", func() bool {
		last, found, err := e.records.LastReconcile(t.Context(), syncertest.Target, cluster)
		return err == nil && found && countsOf(last) == counts{Pending: 1, Unacknowledged: 1, Repaired: 1}
	})
	if done := e.reconcile(e.reconciler(r, options{interval: time.Minute})); countsOf(done) != (counts{Unacknowledged: 1, Repaired: 1}) {
		t.Errorf("when asked: %+v", done)
	}
}

// Outcomes that were lost with the sync state are found again by comparing, whatever waits in the stream.
func TestReconcileFindsLostOutcomes(t *testing.T) {
	t.Parallel()
	for name, waiting := range map[string]int{"nothing waits": 0, "more waits than was lost": 20} {
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
			e.Registry.During(func(ctx context.Context, c syncertest.Call) error {
				if c.Content == "held" {
					return g.Pass(ctx, c)
				}
				return nil
			})
			for i := range waiting {
				e.PutAt(fmt.Sprint("held-", i), "held", justNow())
			}
			if waiting > 0 {
				<-g.Inside
			}
			other := e.startWithoutMessages() // not blocked by those that wait
			done := e.reconcile(e.reconciler(other, options{}))
			want := counts{Unacknowledged: 4, Pending: waiting, Repaired: 1, Deleted: 1}
			if diff := cmp.Diff(want, countsOf(done)); diff != "" {
				t.Errorf("counts (-want +got):\n%s\nfindings %+v", diff, done.Findings)
			}
			if b, deleted := e.Registry.Content("b"), e.Registry.Content("deleted"); b != "1" || deleted != "" {
				t.Errorf("the registry shows %q and %q", b, deleted)
			}
			g.Open()
			e.done()
		})
	}
}

// A message that came lately may still be under way somewhere, whatever the consumer has in hand.
func TestReconcile_LeavesNewMessagesWithoutAnOutcome(t *testing.T) {
	e := newEnv(t)
	r := e.start(syncertest.Setup{})
	e.PutAt("new", "1", justNow())
	e.PutAt("old", "1", longAgo)
	e.done()
	e.loseStates()
	if done := e.reconcile(e.reconciler(r, options{})); countsOf(done) != (counts{Pending: 1, Unacknowledged: 1}) {
		t.Errorf("reconciliation %+v", done)
	}
}

// The stream came back older than the sync state, as from a backup: what it says now counts, although its sequences were
// seen before.
func TestReconcile_FindsAStreamThatIsOlderThanTheSyncState(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]func(head event.Event, s target.State) target.State{
		"when the state is ahead of the head":     func(_ event.Event, s target.State) target.State { s.Sequence += 100; return s },
		"when the sequence was another message's": func(_ event.Event, s target.State) target.State { s.Hash = "of the message that was lost"; return s },
		"when the lost message was a deletion": func(_ event.Event, s target.State) target.State {
			s.Outcome, s.Hash, s.Ref = target.OutcomeDeleted, "", target.Ref{}
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			r := e.start(syncertest.Setup{})
			head := e.Put("a", "1")
			e.Put("b", "1")
			e.done()
			e.SetState(state(head, e.State("a")))
			e.Registry.Set("of the message that was lost", "a")
			done := e.reconcile(e.reconciler(r, options{}))
			if got := countsOf(done); got != (counts{Unacknowledged: 1, Repaired: 1}) || e.Registry.Content("a") != "1" {
				t.Errorf("%+v, the registry shows %q", got, e.Registry.Content("a"))
			}
		})
	}
}

// What was rejected says nothing about another content that has its sequence by now.
func TestReconcile_RejectedSequenceIsAnotherMessages(t *testing.T) {
	e := newEnv(t)
	e.Registry.Reject()
	r := e.start(syncertest.Setup{})
	e.Put("rejected", "bad")
	e.Put("a", "1")
	e.done()
	lost := e.State("rejected")
	now := e.State("a")
	lost.Key, lost.Sequence, lost.Revision, lost.DeadLetter = now.Key, now.Sequence, now.Revision, false
	e.SetState(lost)
	e.Registry.Set("", "a")
	if got := countsOf(e.reconcile(e.reconciler(r, options{}))); got != (counts{Failed: 2, Repaired: 1}) || e.Registry.Content("a") != "1" {
		t.Errorf("%+v, the registry shows %q", got, e.Registry.Content("a"))
	}
}

// A rejected component may be in doubt, too: a command to try it again broke off, or a late writer was noticed.
func TestReconcile_RejectedComponentInDoubt(t *testing.T) {
	e := newEnv(t)
	e.Registry.Reject()
	r := e.start(syncertest.Setup{})
	e.Put("a", "bad")
	e.done()
	e.Registry.Recover()
	s := e.State("a")
	s.Intent, s.Updated = s.Sequence, longAgo
	e.SetState(s)
	got := countsOf(e.reconcile(e.reconciler(r, options{})))
	if got != (counts{Failed: 1, Repaired: 1}) || len(e.DeadLetters(syncertest.Target)) != 0 {
		t.Errorf("%+v, %d dead letters", got, len(e.DeadLetters(syncertest.Target)))
	}
}

// What a replica left in doubt is looked at once nobody will finish it.
func TestReconcile_LooksAtWhatWasLeftInDoubt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		updated time.Time
		owner   string
		want    counts
	}{
		"when it is long ago":          {longAgo, "gone", counts{Unacknowledged: 1, Repaired: 1}},
		"when it may be under way":     {justNow(), "gone", counts{Pending: 1}},
		"when it is a race, noted now": {justNow(), "", counts{Unacknowledged: 1, Repaired: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			r := e.start(syncertest.Setup{})
			e.Put("a", "1")
			e.done()
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

// Orphans in namespaces that could not be listed stay; those elsewhere go.
func TestReconcile_KeepsOrphansOfNamespacesThatCouldNotBeListed(t *testing.T) {
	e := newEnv(t)
	r := e.start(syncertest.Setup{})
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
	outcomes := map[string]string{}
	for _, f := range done.Findings {
		outcomes[f.Component] = f.Outcome
	}
	want := map[string]string{"east/forbidden/x": "kept until its namespace can be listed again", syncertest.Key("orphan-00").String(): "deleted"}
	syncertest.Equal(t, "findings", want, outcomes)
	e.mark("all")
	e.reconcile(e.reconciler(r, options{}))
	syncertest.Equal(t, "calls", []syncertest.Call{{"orphan-00", "", true}, {"x", "", true}}, e.callsSince(1))
}

// States of components whose tombstones were purged go with them, where a full sync says that they are gone.
func TestReconcile_ForgetsStatesOfPurgedTombstones(t *testing.T) {
	e := newEnv(t)
	r := e.start(syncertest.Setup{})
	e.Put("stays", "1")
	e.Put("deleted", "1")
	e.Put("purged", "1")
	e.Remove("deleted")
	tombstone := e.Remove("purged")
	e.done()
	if err := e.Log.Purge(t.Context(), tombstone.Key, tombstone.Sequence); err != nil {
		t.Fatal(err)
	}
	e.unmark()
	reconciler := e.reconciler(r, options{})
	e.reconcile(reconciler)
	if got := e.known(); !cmp.Equal(got, []string{"deleted", "purged", "stays"}) {
		t.Errorf("without a marker: states of %q", got)
	}
	e.mark("complete")
	if _, err := reconciler.Reconcile(t.Context(), cluster, true); err != nil || len(e.known()) != 3 {
		t.Errorf("after a dry run: states of %q, %v", e.known(), err)
	}
	e.reconcile(reconciler)
	if got := e.known(); !cmp.Equal(got, []string{"deleted", "stays"}) {
		t.Errorf("states of %q", got)
	}
	e.Put("purged", "2") // it comes again, and has a state again
	e.done()
	if got := e.State("purged"); got.Outcome != target.OutcomeApplied || e.Registry.Content("purged") != "2" {
		t.Errorf("state %+v", got)
	}
}

// known lists the names of the components that have a state.
func (e *env) known() []string {
	e.t.Helper()
	var names []string
	if err := e.States.All(context.Background(), cluster, func(s target.State) { names = append(names, s.Key.Name) }); err != nil {
		e.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// A component with a dead letter waits for its next version, or until somebody asks; one whose name was taken, until the
// name is free.
func TestReconcileAndDeadLetters(t *testing.T) {
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
	e.Put("taken", "1")
	e.done()
	reconciler := e.reconciler(r, options{})
	for range 2 {
		if done := e.reconcile(reconciler); countsOf(done) != (counts{Failed: 2}) {
			t.Errorf("while the name is taken: %+v", done)
		}
	}
	if got := len(e.Registry.Calls()); got != 2 {
		t.Errorf("%d calls, want one for each", got)
	}
	free.Store(true)
	if done := e.reconcile(reconciler); countsOf(done) != (counts{Failed: 2, Repaired: 1}) {
		t.Errorf("once the name is free: %+v", done)
	}
	if got := e.Registry.Content("taken"); got != "1" {
		t.Errorf("the registry shows %q", got)
	}
	if letters := e.DeadLetters(syncertest.Target); len(letters) != 1 || letters[0].Event.Key != syncertest.Key("bad") {
		t.Errorf("dead letters %+v", letters)
	}
}

// An entry that no label tells about is an orphan by the sync state: its component's messages are gone from the stream.
func TestReconcileKnowsOrphansByTheSyncState(t *testing.T) {
	e := newEnv(t)
	r := e.start(syncertest.Setup{})
	e.Put("kept", "1")
	last := e.Put("a", "1")
	e.done()
	e.inventory.setEdit(func(all []target.Entry) []target.Entry {
		for i := range all {
			all[i].Key = component.Key{}
		}
		return all
	})
	if err := e.Log.Purge(t.Context(), syncertest.Key("a"), last.Sequence); err != nil {
		t.Fatal(err)
	}
	if done := e.reconcile(e.reconciler(r, options{})); countsOf(done) != (counts{Orphans: 1, Deleted: 1}) {
		t.Errorf("reconciliation %+v", done)
	}
}

// A stream that was just made anew names nothing yet: that is not absence.
func TestNothingIsAnOrphanBeforeTheFirstFullSync(t *testing.T) {
	e := newEnv(t)
	r := e.start(syncertest.Setup{})
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
	if done := e.reconcile(reconciler); countsOf(done) != (counts{Orphans: 5, Deleted: 5}) {
		t.Errorf("afterwards: %+v", done)
	}
}
