package syncer_test

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
	"odasync/internal/store"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

// TestReconcileMendsWhatDiffers damages a registry of three right components in every way, and looks at what a reconcile
// finds, which calls it makes, and that the next one finds nothing.
func TestReconcileMendsWhatDiffers(t *testing.T) {
	t.Parallel()
	other := component.Key{Cluster: key("").Cluster, Namespace: "elsewhere", Name: "a"}
	tests := map[string]struct {
		damage func(l *library)
		want   counts
		calls  []call
		again  counts // what the next reconcile finds
	}{
		"nothing": {damage: func(*library) {}},
		"missing": {
			damage: func(l *library) { l.shelf.remove("a") },
			want:   counts{Missing: 1, Repaired: 1}, calls: []call{{"a", "A", false}},
		},
		"different": {
			damage: func(l *library) { l.shelf.put("a", "edited") },
			want:   counts{Different: 1, Repaired: 1}, calls: []call{{"a", "A", true}},
		},
		"all gone": {
			damage: func(l *library) { l.shelf.remove("a", "b", "c") },
			want:   counts{Missing: 3, Repaired: 3}, calls: []call{{"a", "A", false}, {"b", "B", false}, {"c", "C", false}},
		},
		"renamed by hand": {
			damage: func(l *library) {
				l.shelf.remove("a")
				l.shelf.put("renamed", "A")
				l.shelf.edit(func(all []target.Entry) []target.Entry {
					for i := range all {
						if all[i].Ref.Name == "renamed" {
							all[i].Ref.ID = "id-a"
						}
					}
					return all
				})
			},
			want:  counts{Different: 1, Orphans: 1, Repaired: 1, Deleted: 1},
			calls: []call{{"a", "A", true}, {"renamed", "", true}},
		},
		"another name by the configuration": {
			damage: func(l *library) { l.shelf.names = map[string]string{"a": "ns.a"} },
			want:   counts{Different: 1}, calls: []call{{"a", "A", true}}, again: counts{Different: 1},
		},
		"listed half, as while it changes": { // the registry refuses a second entry of the name
			damage: func(l *library) { l.shelf.edit(func(all []target.Entry) []target.Entry { return all[1:] }) },
			want:   counts{Missing: 1}, calls: []call{{"a", "A", false}}, again: counts{Missing: 1},
		},
		"a stray entry of ours": {
			damage: func(l *library) { l.shelf.put("stray", "X") },
			want:   counts{Orphans: 1, Deleted: 1}, calls: []call{{"stray", "", true}},
		},
		"APIs without a component": {
			damage: func(l *library) {
				l.shelf.put("bare", "X")
				l.shelf.edit(func(all []target.Entry) []target.Entry {
					for i := range all {
						if all[i].Ref.Name == "bare" {
							all[i].Ref.ID, all[i].Ref.Digest = "", ""
						}
					}
					return all
				})
			},
			want: counts{Orphans: 1, Deleted: 1}, calls: []call{{"bare", "", true}},
		},
		"a deleted one that came back by hand": {
			damage: func(l *library) {
				l.bench.remove("a")
				l.settled()
				l.shelf.put("a", "A")
			},
			want: counts{Orphans: 1, Deleted: 1}, calls: []call{{"a", "", false}, {"a", "", true}},
		},
		"foreign entries": {
			damage: func(l *library) {
				l.shelf.edit(func(all []target.Entry) []target.Entry {
					return append(all,
						target.Entry{Foreign: true, Ref: target.Ref{Registry: "self", Name: "theirs", ID: "x", Digest: "x"}},
						target.Entry{Ref: target.Ref{Registry: "self", Name: "a person's", ID: "y", Digest: "y"}},
						target.Entry{Ref: target.Ref{Registry: "self", Name: "a person's API"}})
				})
			},
		},
		"labels taken off": { // only the sync state tells whose it is
			damage: func(l *library) {
				l.shelf.edit(func(all []target.Entry) []target.Entry {
					if all[0].Ref.Digest = "unlabelled"; len(l.registry.got()) > 3 {
						all[0].Ref.Digest = "A"
					}
					all[0].Key = component.Key{}
					return all
				})
			},
			want: counts{Different: 1}, calls: []call{{"a", "A", true}},
		},
		"another namespace's label": {
			damage: func(l *library) {
				l.shelf.edit(func(all []target.Entry) []target.Entry {
					if len(l.registry.got()) == 3 {
						all[0].Key, all[0].Ref.Digest = other, "edited"
					}
					return all
				})
			},
			want:  counts{Different: 1, Orphans: 1, Deleted: 1, Repaired: 1},
			calls: []call{{"a", "", true}, {"a", "A", true}}, // in this order: the name must be free first
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLibrary(t)
			r := l.start(setup{concurrency: 4})
			for _, name := range []string{"a", "b", "c"} {
				l.put(name, fmt.Sprintf("%c", name[0]-'a'+'A'))
			}
			l.settled()
			test.damage(l)
			reconciler := l.reconciler(r, plan{})
			done := l.reconcile(reconciler)
			if diff := cmp.Diff(test.want, countsOf(done)); diff != "" {
				t.Errorf("counts (-want +got):\n%s\nfindings %+v", diff, done.Findings)
			}
			if diff := cmp.Diff(test.calls, l.since(3), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if done.ID != "first" || done.Cluster != key("").Cluster || done.Target != fed || done.Error != "" || done.DryRun {
				t.Errorf("reconciliation %+v", done)
			}
			if got := countsOf(l.reconcile(reconciler)); got != test.again {
				t.Errorf("the next reconcile: %+v, want %+v", got, test.again)
			}
		})
	}
}

// What is on its way is left to the consumer, and is no orphan.
func TestReconcileLeavesWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{concurrency: 2})
	l.put("stays", "1")
	l.put("goes", "1")
	l.settled()
	g := newGate()
	defer g.open()
	l.registry.script(g.pass)
	l.putAt("new", "1", justNow())
	<-g.inside
	l.publish(event.Tombstone(key("goes"), "", "", justNow()))
	<-g.inside
	for i := range 30 { // not delivered, or waiting in the replica
		l.putAt(fmt.Sprint("later-", i), "1", justNow())
	}
	calls := len(l.registry.got())
	done := l.reconcile(l.reconciler(r, plan{}))
	if diff := cmp.Diff(counts{Pending: 32}, countsOf(done)); diff != "" {
		t.Errorf("counts (-want +got):\n%s\nfindings %+v", diff, done.Findings)
	}
	if got := len(l.registry.got()); got != calls {
		t.Errorf("%d calls of the registry", got-calls)
	}
	g.open()
	l.settled()
	if done := l.reconcile(l.reconciler(r, plan{})); countsOf(done) != (counts{}) || done.Desired != 32 || done.Entries != 32 {
		t.Errorf("afterwards: %+v", done)
	}
}

// By itself a reconcile leaves a message for minutes to the consumer, which may be behind.
func TestReconciler_LeavesABacklogToTheConsumer(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{wrap: func(p syncer.Dependencies) syncer.Dependencies {
		p.Deliveries = nobody{}
		return p
	}})
	l.putAt("waits", "1", time.Now().Add(-2*time.Minute))
	l.putAt("lost", "1", longAgo)
	last := target.Reconciliation{Cluster: key("").Cluster, Target: fed, Time: longAgo} // the next one is due
	if err := l.records.Reconciled(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	l.run(l.reconciler(r, plan{interval: time.Minute}))
	eventually(t, "the reconcile to be noted", func() bool {
		last, found, err := l.records.LastReconcile(t.Context(), fed, key("").Cluster)
		return err == nil && found && countsOf(last) == counts{Pending: 1, Unsettled: 1, Repaired: 1}
	})
	if done := l.reconcile(l.reconciler(r, plan{interval: time.Minute})); countsOf(done) != (counts{Unsettled: 1, Repaired: 1}) {
		t.Errorf("when asked: %+v", done)
	}
}

// Outcomes that were lost with the sync state are found again by comparing, whatever waits in the stream.
func TestReconcileFindsLostOutcomes(t *testing.T) {
	t.Parallel()
	for name, waiting := range map[string]int{"nothing waits": 0, "more waits than was lost": 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLibrary(t)
			l.start(setup{concurrency: 4})
			for _, name := range []string{"a", "b", "c", "deleted"} {
				l.putAt(name, "1", longAgo)
			}
			l.publish(event.Tombstone(key("deleted"), "", "", longAgo))
			l.settled()
			l.loseStates()
			l.shelf.put("b", "edited meanwhile")
			l.shelf.put("deleted", "came back")
			g := newGate()
			defer g.open()
			l.registry.script(func(ctx context.Context, c call) error {
				if c.Content == "held" {
					return g.pass(ctx, c)
				}
				return nil
			})
			for i := range waiting {
				l.putAt(fmt.Sprint("held-", i), "held", justNow())
			}
			if waiting > 0 {
				<-g.inside
			}
			other := l.start(setup{concurrency: 4, wrap: func(p syncer.Dependencies) syncer.Dependencies { // not held up by those that wait
				p.Deliveries = nobody{}
				return p
			}})
			done := l.reconcile(l.reconciler(other, plan{}))
			want := counts{Unsettled: 4, Pending: waiting, Repaired: 1, Deleted: 1}
			if diff := cmp.Diff(want, countsOf(done)); diff != "" {
				t.Errorf("counts (-want +got):\n%s\nfindings %+v", diff, done.Findings)
			}
			if b, deleted := l.registry.shows("b"), l.registry.shows("deleted"); b != "1" || deleted != "" {
				t.Errorf("the registry shows %q and %q", b, deleted)
			}
			g.open()
			l.settled()
		})
	}
}

// justNow is a time that does not grow old while a test runs.
func justNow() time.Time { return time.Now().Add(time.Minute) }

// longAgo is a time by which every message should have its outcome.
var longAgo = time.Now().Add(-time.Hour)

// A message that came lately may still be under way somewhere, whatever the consumer has in hand.
func TestReconcile_LeavesNewMessagesWithoutAnOutcome(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{})
	l.putAt("new", "1", justNow())
	l.putAt("old", "1", longAgo)
	l.settled()
	l.loseStates()
	if done := l.reconcile(l.reconciler(r, plan{})); countsOf(done) != (counts{Pending: 1, Unsettled: 1}) {
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
			t.Parallel()
			l := newLibrary(t)
			r := l.start(setup{})
			head := l.put("a", "1")
			l.put("b", "1")
			l.settled()
			if _, err := l.states.Save(t.Context(), state(head, l.state("a"))); err != nil {
				t.Fatal(err)
			}
			l.shelf.put("a", "of the message that was lost")
			done := l.reconcile(l.reconciler(r, plan{}))
			if got := countsOf(done); got != (counts{Unsettled: 1, Repaired: 1}) || l.registry.shows("a") != "1" {
				t.Errorf("%+v, the registry shows %q", got, l.registry.shows("a"))
			}
		})
	}
}

// What was rejected says nothing about another content that has its sequence by now.
func TestReconcile_RejectedSequenceIsAnotherMessages(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.registry.rejects()
	r := l.start(setup{})
	l.put("rejected", "bad")
	l.put("a", "1")
	l.settled()
	lost := l.state("rejected")
	now := l.state("a")
	lost.Key, lost.Sequence, lost.Revision, lost.DeadLetter = now.Key, now.Sequence, now.Revision, false
	if _, err := l.states.Save(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	l.shelf.remove("a")
	if got := countsOf(l.reconcile(l.reconciler(r, plan{}))); got != (counts{Failed: 2, Repaired: 1}) || l.registry.shows("a") != "1" {
		t.Errorf("%+v, the registry shows %q", got, l.registry.shows("a"))
	}
}

// A rejected component may be in doubt, too: a command to try it again broke off, or a late writer was noticed.
func TestReconcile_RejectedComponentInDoubt(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.registry.rejects()
	r := l.start(setup{})
	l.put("a", "bad")
	l.settled()
	l.registry.rise()
	s := l.state("a")
	s.Intent, s.Updated = s.Sequence, longAgo
	if _, err := l.states.Save(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	got := countsOf(l.reconcile(l.reconciler(r, plan{})))
	if got != (counts{Failed: 1, Repaired: 1}) || len(l.letters(fed)) != 0 {
		t.Errorf("%+v, %d dead letters", got, len(l.letters(fed)))
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
		"when it is long ago":          {longAgo, "gone", counts{Unsettled: 1, Repaired: 1}},
		"when it may be under way":     {justNow(), "gone", counts{Pending: 1}},
		"when it is a race, noted now": {justNow(), "", counts{Unsettled: 1, Repaired: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLibrary(t)
			r := l.start(setup{})
			l.put("a", "1")
			l.settled()
			s := l.state("a")
			s.Intent, s.Updated, s.Owner = s.Sequence, test.updated, test.owner
			if _, err := l.states.Save(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			l.shelf.put("a", "of a late writer")
			if done := l.reconcile(l.reconciler(r, plan{})); countsOf(done) != test.want {
				t.Errorf("reconciliation %+v", done)
			}
		})
	}
}

// Orphans in namespaces that could not be listed stay; those elsewhere go.
func TestReconcile_KeepsOrphansOfNamespacesThatCouldNotBeListed(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{})
	l.keep()
	l.strays(1)
	l.shelf.edit(func(all []target.Entry) []target.Entry {
		return append(all, target.Entry{
			Key: component.Key{Cluster: key("").Cluster, Namespace: "forbidden", Name: "x"},
			Ref: target.Ref{Registry: "self", Name: "x", ID: "id-x", Digest: "x"},
		})
	})
	l.mark("partly", "forbidden", "other-*")
	done := l.reconcile(l.reconciler(r, plan{}))
	if countsOf(done) != (counts{Orphans: 2, Deleted: 1}) || done.ID != "partly" {
		t.Errorf("reconciliation %+v", done)
	}
	outcomes := map[string]string{}
	for _, f := range done.Findings {
		outcomes[f.Component] = f.Outcome
	}
	want := map[string]string{"east/forbidden/x": "kept until its namespace can be listed again", key("stray-00").String(): "deleted"}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	l.mark("all")
	l.reconcile(l.reconciler(r, plan{}))
	if diff := cmp.Diff([]call{{"stray-00", "", true}, {"x", "", true}}, l.since(1)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// States of components whose tombstones were purged go with them, where a full sync says that they are gone.
func TestReconcile_ForgetsStatesOfPurgedTombstones(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{})
	l.put("stays", "1")
	l.put("deleted", "1")
	l.put("purged", "1")
	l.bench.remove("deleted")
	tombstone := l.bench.remove("purged")
	l.settled()
	if err := l.log.Purge(t.Context(), tombstone.Key, tombstone.Sequence); err != nil {
		t.Fatal(err)
	}
	l.unmark()
	reconciler := l.reconciler(r, plan{})
	l.reconcile(reconciler)
	if got := l.known(); !cmp.Equal(got, []string{"deleted", "purged", "stays"}) {
		t.Errorf("without a marker: states of %q", got)
	}
	l.mark("complete")
	if _, err := reconciler.Reconcile(t.Context(), key("").Cluster, true); err != nil || len(l.known()) != 3 {
		t.Errorf("after a dry run: states of %q, %v", l.known(), err)
	}
	l.reconcile(reconciler)
	if got := l.known(); !cmp.Equal(got, []string{"deleted", "stays"}) {
		t.Errorf("states of %q", got)
	}
	l.put("purged", "2") // it comes again, and has a state again
	l.settled()
	if got := l.state("purged"); got.Outcome != target.OutcomeApplied || l.registry.shows("purged") != "2" {
		t.Errorf("state %+v", got)
	}
}

// known lists the names of the components that have a state.
func (l *library) known() []string {
	l.t.Helper()
	var names []string
	if err := l.states.All(context.Background(), key("").Cluster, func(s target.State) { names = append(names, s.Key.Name) }); err != nil {
		l.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// A failure that does not judge the content is tried again by reconciles, more and more rarely, until it is well.
func TestReconcile_RetriesFailuresThatDoNotJudgeTheContent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reason         target.Class
		failing, quiet time.Duration // since it failed first, and since it was tried last
		retried        bool
	}{
		"poison":                           {target.ClassPoison, time.Minute, 31 * time.Second, true},
		"poison, just tried":               {target.ClassPoison, time.Minute, 20 * time.Second, false},
		"poison, tried for long":           {target.ClassPoison, 20 * time.Minute, 5 * time.Minute, false},
		"poison, tried for long, long ago": {target.ClassPoison, 20 * time.Minute, 8 * time.Minute, true},
		"poison, for days":                 {target.ClassPoison, 100 * time.Hour, 61 * time.Minute, true},
		"conflict":                         {target.ClassConflict, time.Minute, 31 * time.Second, true},
		"invalid":                          {target.ClassInvalid, 100 * time.Hour, 50 * time.Hour, false},
		"unreadable":                       {target.ClassMalformed, 100 * time.Hour, 50 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLibrary(t)
			l.registry.rejects()
			r := l.start(setup{})
			l.put("a", "bad")
			l.settled()
			eventually(t, "the failure to be stored", func() bool { return l.state("a").Outcome == target.OutcomeFailed })
			l.registry.script(func(context.Context, call) error { return nil })
			s, now := l.state("a"), time.Now()
			s.Reason, s.FailedSince, s.Updated = test.reason, now.Add(-test.failing), now.Add(-test.quiet)
			if _, err := l.states.Save(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			done := l.reconcile(l.reconciler(r, plan{}))
			want, letters := counts{Failed: 1}, 1
			if test.retried {
				want.Repaired, letters = 1, 0
			}
			if got := countsOf(done); got != want || len(l.letters(fed)) != letters {
				t.Errorf("%+v, want %+v; %d dead letters", got, want, len(l.letters(fed)))
			}
			if test.retried && (len(done.Findings) != 1 || done.Findings[0].Problem != "failed") {
				t.Errorf("findings %+v", done.Findings)
			}
		})
	}
}

// nobody delivers nothing.
type nobody struct{}

func (nobody) Open(context.Context, int) error { return nil }
func (nobody) Close()                          {}
func (nobody) Next(ctx context.Context) (event.Delivery, error) {
	<-ctx.Done()
	return event.Delivery{}, ctx.Err()
}

// loseStates empties the bucket of sync states.
func (l *library) loseStates() {
	l.t.Helper()
	kv, err := l.js.Stream(context.Background(), "KV_"+store.StatesBucket)
	if err == nil {
		err = kv.Purge(context.Background())
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// A component with a dead letter waits for its next version, or until somebody asks; one whose name was taken, until the
// name is free.
func TestReconcileAndDeadLetters(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	taken := &target.Failure{Class: target.ClassNameConflict, Request: "GET /components/{id}", Detail: "the name is taken"}
	var free atomic.Bool
	l.registry.script(func(_ context.Context, c call) error {
		switch {
		case c.Name == "bad":
			return errRejected
		case c.Name == "taken" && !free.Load():
			return taken
		}
		return nil
	})
	theirs := target.Entry{Foreign: true, Ref: target.Ref{Registry: "self", Name: "taken", ID: "theirs"}}
	l.shelf.edit(func(all []target.Entry) []target.Entry {
		if !free.Load() {
			all = append(all, theirs)
		}
		return all
	})
	r := l.start(setup{concurrency: 2})
	l.put("bad", "1")
	l.put("taken", "1")
	l.settled()
	reconciler := l.reconciler(r, plan{})
	for range 2 {
		if done := l.reconcile(reconciler); countsOf(done) != (counts{Failed: 2}) {
			t.Errorf("while the name is taken: %+v", done)
		}
	}
	if got := len(l.registry.got()); got != 2 {
		t.Errorf("%d calls, want one for each", got)
	}
	free.Store(true)
	if done := l.reconcile(reconciler); countsOf(done) != (counts{Failed: 2, Repaired: 1}) {
		t.Errorf("once the name is free: %+v", done)
	}
	if got := l.registry.shows("taken"); got != "1" {
		t.Errorf("the registry shows %q", got)
	}
	if letters := l.letters(fed); len(letters) != 1 || letters[0].Event.Key != key("bad") {
		t.Errorf("dead letters %+v", letters)
	}
}

// An entry that no label tells about is an orphan by the sync state: its component's messages are gone from the stream.
func TestReconcileKnowsOrphansByTheSyncState(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{})
	l.put("kept", "1")
	last := l.put("a", "1")
	l.settled()
	l.shelf.edit(func(all []target.Entry) []target.Entry {
		for i := range all {
			all[i].Key = component.Key{}
		}
		return all
	})
	if err := l.log.Purge(t.Context(), key("a"), last.Sequence); err != nil {
		t.Fatal(err)
	}
	if done := l.reconcile(l.reconciler(r, plan{})); countsOf(done) != (counts{Orphans: 1, Deleted: 1}) {
		t.Errorf("reconciliation %+v", done)
	}
}

// A stream that was just made anew names nothing yet: that is not absence.
func TestNothingIsAnOrphanBeforeTheFirstFullSync(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{})
	l.keep()
	for i := range 5 {
		l.shelf.put(fmt.Sprint("a-", i), "1")
	}
	l.unmark()
	reconciler := l.reconciler(r, plan{})
	done := l.reconcile(reconciler)
	if countsOf(done) != (counts{Orphans: 5}) || done.Findings[0].Outcome != "kept until a full sync of the cluster has ended" || len(l.since(1)) != 0 {
		t.Errorf("before: %+v", done)
	}
	l.mark("filled")
	if done := l.reconcile(reconciler); countsOf(done) != (counts{Orphans: 5, Deleted: 5}) {
		t.Errorf("afterwards: %+v", done)
	}
}
