package syncer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"odasync/internal/event"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

// strays puts entries of odasync's into the registry that the stream does not want.
func (l *library) strays(count int) {
	for i := range count {
		l.shelf.put(fmt.Sprintf("stray-%02d", i), "X")
	}
}

func TestOrphanPolicies(t *testing.T) {
	t.Parallel()
	for policy, want := range map[syncer.OrphanPolicy]struct {
		counts  counts
		outcome string
		left    int
		told    int // lines at level Warn
	}{
		syncer.OrphansDelete: {counts{Orphans: 3, Deleted: 3}, "deleted", 0, 0},
		syncer.OrphansReport: {counts{Orphans: 3}, "kept", 3, 1},
		syncer.OrphansKeep:   {counts{Orphans: 3}, "kept", 3, 0},
	} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			l := newLibrary(t)
			r := l.start(setup{})
			l.keep()
			l.strays(3)
			done := l.reconcile(l.reconciler(r, plan{policy: policy}))
			if countsOf(done) != want.counts || len(done.Findings) != 3 || done.Findings[0].Outcome != want.outcome || done.Findings[0].Problem != "orphan" {
				t.Errorf("reconciliation %+v", done)
			}
			if left := len(l.shelf.entries()) - 1; left != want.left {
				t.Errorf("%d entries are left beside the one that is wanted, want %d", left, want.left)
			}
			if got := r.counter("odasync_drift_total", "orphan"); got != 3 {
				t.Errorf("the metric counts %d orphans", got)
			}
			if got := r.logs.messages(t, zerolog.WarnLevel); len(got) != want.told {
				t.Errorf("warnings %q", got)
			}
		})
	}
}

// Too many deletions wait for an approval of exactly these.
func TestTooManyOrphansWaitForAnApproval(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{concurrency: 4})
	for i := range 20 {
		l.put(fmt.Sprint("wanted-", i), "1")
	}
	l.settled()
	l.strays(12)
	l.shelf.remove("wanted-3") // mended all the same
	reconciler := l.reconciler(r, plan{})
	done := l.reconcile(reconciler)
	refused := done.PendingDeletion
	if countsOf(done) != (counts{Missing: 1, Repaired: 1, Orphans: 12}) || refused == nil || refused.Gone != 12 || refused.All != 31 || len(refused.Components) != 10 {
		t.Fatalf("reconciliation %+v, refused %+v", done, refused)
	}
	for _, words := range []string{"12 of 31", "ctl reconcile --approve " + refused.ID, "target default", "east/odacompns-1/stray-00"} {
		if !strings.Contains(refused.Error(), words) {
			t.Errorf("the refusal %q lacks %q", refused, words)
		}
	}
	if got := r.logs.messages(t, zerolog.ErrorLevel); len(got) != 1 || !strings.Contains(got[0], "deletions refused") {
		t.Errorf("errors in the log: %q", got)
	}
	if last, _, err := l.records.LastReconcile(t.Context(), fed, key("").Cluster); err != nil || last.PendingDeletion == nil || last.PendingDeletion.ID != refused.ID {
		t.Errorf("the note says %+v, %v", last, err)
	}

	if err := l.records.Approve(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	if done := l.reconcile(reconciler); done.Deleted != 0 || done.PendingDeletion == nil || done.PendingDeletion.ID != refused.ID {
		t.Errorf("after the approval of others: %+v", done)
	}
	if got := r.logs.messages(t, zerolog.ErrorLevel); len(got) != 1 {
		t.Errorf("the same refusal is told of %d times", len(got))
	}
	if err := l.records.Approve(t.Context(), refused.ID); err != nil {
		t.Fatal(err)
	}
	l.shelf.put("one more", "X") // which nobody has approved
	if done := l.reconcile(reconciler); done.Deleted != 0 || done.PendingDeletion == nil || done.PendingDeletion.ID == refused.ID {
		t.Errorf("with one more: %+v", done)
	}
	l.shelf.remove("one more")
	if done := l.reconcile(reconciler); countsOf(done) != (counts{Orphans: 12, Deleted: 12}) || done.PendingDeletion != nil {
		t.Errorf("after the approval: %+v", done)
	}
}

// An approval that cannot be asked for is none.
func TestNothingIsDeletedWhileApprovalsCannotBeRead(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{})
	l.strays(12)
	done, err := l.reconciler(r, plan{wrap: func(p *syncer.ReconcileDependencies) { p.Records = mute{} }}).Reconcile(t.Context(), key("").Cluster, false)
	if !errors.Is(err, errMute) || done.Error != errMute.Error() || done.Deleted != 0 || len(l.registry.got()) != 0 {
		t.Errorf("reconciliation %+v, error %v", done, err)
	}
}

var errMute = errors.New("no answer")

type mute struct{}

func (mute) Approved(context.Context, string) (bool, error)          { return false, errMute }
func (mute) Reconciled(context.Context, target.Reconciliation) error { return nil }
func (mute) LastReconcile(context.Context, string, string) (target.Reconciliation, bool, error) {
	return target.Reconciliation{}, false, errMute
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{})
	l.put("a", "1")
	l.put("b", "1")
	l.settled()
	l.shelf.remove("a")
	l.shelf.put("b", "edited")
	l.strays(12)
	done, err := l.reconciler(r, plan{}).Reconcile(t.Context(), key("").Cluster, true)
	if err != nil {
		t.Fatal(err)
	}
	if countsOf(done) != (counts{Missing: 1, Different: 1, Orphans: 12}) || !done.DryRun || done.PendingDeletion == nil || len(done.Findings) != 14 {
		t.Errorf("reconciliation %+v", done)
	}
	for _, f := range done.Findings {
		if f.Outcome != "" {
			t.Errorf("finding with an outcome: %+v", f)
		}
	}
	if got := l.since(2); len(got) != 0 {
		t.Errorf("calls %+v", got)
	}
	if _, found, err := l.records.LastReconcile(t.Context(), fed, key("").Cluster); found || err != nil {
		t.Errorf("a dry run was noted: %v", err)
	}
	if got := r.counter("odasync_reconciles_total", "success"); got != 0 {
		t.Errorf("the metric counts %d", got)
	}
}

func TestFindingsAreBoundedAndCounted(t *testing.T) {
	t.Parallel()
	const count = 120
	l := newLibrary(t)
	r := l.start(setup{concurrency: 16})
	for i := range count {
		l.put(fmt.Sprint("c-", i), "1")
	}
	l.settled()
	l.shelf.remove("c-0")
	for i := 1; i < count; i++ {
		l.shelf.put(fmt.Sprint("c-", i), "edited")
	}
	done := l.reconcile(l.reconciler(r, plan{}))
	if countsOf(done) != (counts{Missing: 1, Different: count - 1, Repaired: count}) || len(done.Findings) != 100 || done.Desired != count || done.Entries != count-1 {
		t.Errorf("%+v with %d findings", countsOf(done), len(done.Findings))
	}
	for problem, want := range map[string]int{"missing": 1, "different": count - 1, "unacknowledged": 0, "orphan": 0} {
		if got := r.counter("odasync_drift_total", problem); got != want {
			t.Errorf("the metric counts %d %s, want %d", got, problem, want)
		}
	}
	if got := r.counter("odasync_reconciles_total", "success"); got != 1 {
		t.Errorf("the metric counts %d reconciles", got)
	}
}

// After a listing that failed half way nothing is known.
func TestAListingThatFailsInfersNothing(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{})
	l.put("a", "1")
	l.put("b", "1")
	l.settled()
	l.strays(1)
	l.shelf.failure = errDown
	reconciler := l.reconciler(r, plan{})
	done, err := reconciler.Reconcile(t.Context(), key("").Cluster, false)
	if !errors.Is(err, errDown) || done.Error == "" || countsOf(done) != (counts{}) || len(l.since(2)) != 0 {
		t.Errorf("reconciliation %+v, error %v, calls %+v", done, err, l.since(2))
	}
	if got := r.counter("odasync_reconciles_total", "error"); got != 1 {
		t.Errorf("the metric counts %d", got)
	}
	l.shelf.failure = nil
	if done := l.reconcile(reconciler); countsOf(done) != (counts{Orphans: 1, Deleted: 1}) {
		t.Errorf("afterwards %+v", done)
	}
}

// What cannot be mended is told, and does not keep the others.
func TestWhatCannotBeMendedIsTold(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{concurrency: 2})
	l.put("a", "1")
	l.put("b", "1")
	l.settled()
	l.shelf.remove("a", "b")
	l.registry.script(func(_ context.Context, c call) error {
		if c.Name == "a" {
			return errRejected
		}
		return nil
	})
	done := l.reconcile(l.reconciler(r, plan{}))
	if countsOf(done) != (counts{Missing: 2, Repaired: 1, Unrepaired: 1}) {
		t.Errorf("reconciliation %+v", done)
	}
	outcomes := map[string]string{}
	for _, f := range done.Findings {
		outcomes[f.Component] = f.Outcome
	}
	if a := outcomes[key("a").String()]; !strings.Contains(a, errRejected.Detail) || outcomes[key("b").String()] != "mended" {
		t.Errorf("findings %+v", done.Findings)
	}
}

// A component that was created again after the heads were read is not deleted: the head is read under the claim.
func TestAnOrphanThatIsCreatedMeanwhileStays(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{wrap: func(p syncer.Dependencies) syncer.Dependencies {
		p.Deliveries = nobody{} // the message itself comes later
		return p
	}})
	l.put("kept", "1")
	l.shelf.put("kept", "1")
	l.strays(1)
	done := l.reconcile(l.reconciler(r, plan{wrap: func(p *syncer.ReconcileDependencies) {
		p.Snapshot = &after{p.Snapshot, func() { l.put("stray-00", "again") }}
	}}))
	if countsOf(done) != (counts{Orphans: 1, Repaired: 1, Pending: 1}) {
		t.Errorf("reconciliation %+v", done)
	}
	if diff := cmp.Diff([]call{{"stray-00", "again", true}}, l.since(0)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// after does something once the heads were read.
type after struct {
	syncer.Snapshot
	do func()
}

func (a *after) Heads(ctx context.Context, cluster string, each func(event.Head)) error {
	err := a.Snapshot.Heads(ctx, cluster, each)
	a.do()
	return err
}

// One replica at a time reconciles; the others go on applying.
func TestOneReplicaReconciles(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	one, two := l.start(setup{concurrency: 8}), l.start(setup{concurrency: 8})
	l.put("a", "1")
	l.settled()
	l.shelf.remove("a")
	g := newGate()
	defer g.open()
	l.registry.script(func(ctx context.Context, c call) error {
		if c.Name == "a" {
			return g.pass(ctx, c)
		}
		return nil
	})
	var first sync.WaitGroup
	defer first.Wait()
	first.Go(func() {
		if done := l.reconcile(l.reconciler(one, plan{})); done.Repaired != 1 {
			t.Errorf("the first: %+v", done)
		}
	})
	<-g.inside
	_, err := l.reconciler(two, plan{}).Reconcile(t.Context(), key("").Cluster, false)
	if !errors.Is(err, target.ErrClaimed) {
		t.Errorf("the second: %v", err)
	}
	if done, err := l.reconciler(two, plan{}).Reconcile(t.Context(), "west", false); err != nil || countsOf(done) != (counts{}) {
		t.Errorf("another cluster: %+v, %v", done, err)
	}
	l.put("b", "1")
	eventually(t, "another component to be applied meanwhile", func() bool { return l.registry.shows("b") == "1" })
	g.open()
}

// A reconcile that loses its claim ends: somebody else does it now.
func TestAReconcileThatLosesItsClaimEnds(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{concurrency: 1})
	for i := range 3 {
		l.put(fmt.Sprint("c-", i), "1")
	}
	l.settled()
	l.shelf.remove("c-0", "c-1", "c-2")
	g := newGate()
	defer g.open()
	l.registry.script(g.pass)
	ended := make(chan error, 1)
	go func() {
		_, err := l.reconciler(r, plan{}).Reconcile(context.Background(), key("").Cluster, false)
		ended <- err
	}()
	<-g.inside
	claims, err := l.js.KeyValue(t.Context(), store.ClaimsBucket)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := claims.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for name := range keys.Keys() {
		if strings.Contains(name, "reconcile") {
			taken++
			if _, err := claims.PutString(t.Context(), name, "another replica"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if taken != 1 {
		t.Fatalf("%d claims on the reconcile", taken)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := l.since(3); len(got) != 1 {
		t.Errorf("calls %+v, want only the one that was under way", got)
	}
	if state := l.state("c-0"); state.Intent == 0 { // it was cut off: its end is not known
		t.Errorf("state %+v", state)
	}
	g.open()
	if err := claims.Delete(t.Context(), "target-default.east.=.reconcile"); err != nil {
		t.Fatal(err)
	}
}

// run has reconcilers run until the test ends; stop ends them before.
func (l *library) run(reconcilers ...*syncer.Reconciler) (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	var running sync.WaitGroup
	for _, r := range reconcilers {
		running.Go(func() {
			if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
				l.t.Errorf("Run ended with %v", err)
			}
		})
	}
	stop = func() { cancel(); running.Wait() }
	l.t.Cleanup(stop)
	return stop
}

// Whichever replica comes first reconciles; the others see that it is done. No marker, and no watcher, is needed for it.
func TestReconciler_ReplicasTakeTurns(t *testing.T) {
	t.Parallel()
	const turns = 3
	l := newLibrary(t)
	replicas := []*replica{l.start(setup{}), l.start(setup{})}
	l.put("a", "1")
	l.settled()
	l.unmark()
	count := func() int {
		return replicas[0].counter("odasync_reconciles_total", "success") + replicas[1].counter("odasync_reconciles_total", "success")
	}
	clusters := func(p *syncer.ReconcileDependencies) {
		p.Clusters = func(context.Context) ([]string, error) { return []string{key("").Cluster}, nil }
	}
	began := time.Now()
	stop := l.run(l.reconciler(replicas[0], plan{interval: time.Second, wrap: clusters}), l.reconciler(replicas[1], plan{interval: time.Second, wrap: clusters}))
	for range turns {
		l.shelf.put("a", "edited")
		eventually(t, "the edit to be mended", func() bool { return l.registry.shows("a") == "1" })
		if got, most := count(), int(time.Since(began)/time.Second)+1; got > most {
			t.Errorf("%d reconciles in %s", got, time.Since(began))
		}
	}
	l.shelf.remove("a") // as where the registry was wiped
	eventually(t, "the component to be created again", func() bool { return l.registry.shows("a") == "1" })
	stop()
	if wrong := l.registry.wrong(); len(wrong) != 0 {
		t.Errorf("the registry saw %q", wrong)
	}
}

// unmark takes the markers out of the stream.
func (l *library) unmark() {
	l.t.Helper()
	components, err := l.js.Stream(context.Background(), stream.StreamName)
	if err == nil {
		err = components.Purge(context.Background(), jetstream.WithPurgeSubject("oda.snapshots.>"))
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// What another replica did lately is not done again, and a comparison takes a tenth of the time at most.
func TestReconciler_IsDueByTheLastRecord(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		last     target.Reconciliation
		interval time.Duration
		due      bool
	}{
		"when the interval is over":                      {target.Reconciliation{Time: time.Now().Add(-2 * time.Minute)}, time.Minute, true},
		"when it is not":                                 {target.Reconciliation{Time: time.Now().Add(-30 * time.Second)}, time.Minute, false},
		"when the comparison took more than a tenth":     {target.Reconciliation{Time: time.Now().Add(-2 * time.Minute), Compared: 13, Seconds: 13}, time.Minute, false},
		"when ten times that are over":                   {target.Reconciliation{Time: time.Now().Add(-2 * time.Minute), Compared: 11, Seconds: 11}, time.Minute, true},
		"when the mending took long, not the comparison": {target.Reconciliation{Time: time.Now().Add(-2 * time.Minute), Compared: 1, Seconds: 60}, time.Minute, true},
		"when it failed":                                 {target.Reconciliation{Time: time.Now().Add(-15 * time.Second), Error: "x"}, time.Minute, true},
		"when it failed after a long comparison":         {target.Reconciliation{Time: time.Now().Add(-15 * time.Second), Error: "x", Compared: 3}, time.Minute, false},
		"when a clock is ahead":                          {target.Reconciliation{Time: time.Now().Add(time.Hour)}, time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLibrary(t)
			r := l.start(setup{})
			test.last.Cluster, test.last.Target = key("").Cluster, fed
			if err := l.records.Reconciled(t.Context(), test.last); err != nil {
				t.Fatal(err)
			}
			looked := make(chan bool, 10)
			stop := l.run(l.reconciler(r, plan{interval: test.interval, wrap: func(p *syncer.ReconcileDependencies) { p.Records = &watched{p.Records, looked} }}))
			<-looked
			if test.due {
				eventually(t, "a reconcile", func() bool { return r.counter("odasync_reconciles_total", "success") == 1 })
				return
			}
			stop()
			if got := r.counter("odasync_reconciles_total", "success"); got != 0 {
				t.Errorf("%d reconciles", got)
			}
		})
	}
}

// watched tells when the last record was read.
type watched struct {
	syncer.Records
	looked chan bool
}

func (w *watched) LastReconcile(ctx context.Context, fed, cluster string) (target.Reconciliation, bool, error) {
	last, found, err := w.Records.LastReconcile(ctx, fed, cluster)
	select {
	case w.looked <- true:
	default:
	}
	return last, found, err
}

func TestReconciler_WithoutAnIntervalWaitsToBeAsked(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{})
	stop := l.run(l.reconciler(r, plan{wrap: func(p *syncer.ReconcileDependencies) {
		p.Clusters = func(context.Context) ([]string, error) { t.Error("looked for clusters"); return nil, nil }
	}}))
	stop()
}

// A reconcile that failed comes again, and is told of once.
func TestReconciler_TriesAgain(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	r := l.start(setup{})
	fails := &shelf{fakeRegistry: l.registry, failure: errDown}
	l.run(l.reconciler(r, plan{interval: time.Second, wrap: func(p *syncer.ReconcileDependencies) { p.Inventory = fails }}))
	eventually(t, "a failure", func() bool { return r.counter("odasync_reconciles_total", "error") == 1 })
	if last, _, err := l.records.LastReconcile(t.Context(), fed, key("").Cluster); err != nil || last.Error == "" {
		t.Errorf("the note says %+v, %v", last, err)
	}
	fails.mu.Lock()
	fails.failure = nil
	fails.mu.Unlock()
	eventually(t, "the next try to be noted", func() bool {
		last, _, err := l.records.LastReconcile(t.Context(), fed, key("").Cluster)
		return err == nil && last.ID == "first" && last.Error == ""
	})
	told := 0
	for _, level := range []zerolog.Level{zerolog.WarnLevel, zerolog.ErrorLevel} {
		told += len(r.logs.messages(t, level))
	}
	if told != 1 {
		t.Errorf("the failure is told of %d times", told)
	}
}
