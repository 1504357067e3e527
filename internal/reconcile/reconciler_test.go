package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/event"
	"odasync/internal/reconcile"
	"odasync/internal/store"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestReconcile_OrphanPolicy(t *testing.T) {
	t.Parallel()
	for policy, want := range map[reconcile.OrphanPolicy]struct {
		counts  counts
		outcome string
		left    int
		warned  int // messages at level Warn
	}{
		reconcile.OrphansDelete: {counts{Orphans: 3, Deleted: 3}, "deleted", 0, 0},
		reconcile.OrphansReport: {counts{Orphans: 3}, "kept", 3, 1},
		reconcile.OrphansKeep:   {counts{Orphans: 3}, "kept", 3, 0},
	} {
		t.Run(string(policy), func(t *testing.T) {
			e, r := started(t, syncertest.Setup{})
			e.apply("1", "kept")
			e.addOrphans(3)
			done := e.reconcile(e.reconciler(r, options{policy: policy}))
			if countsOf(done) != want.counts || len(done.Findings) != 3 || done.Findings[0].Outcome != want.outcome || done.Findings[0].Problem != "orphan" {
				t.Errorf("reconciliation %+v", done)
			}
			if left := len(e.inventory.entries()) - 1; left != want.left {
				t.Errorf("%d entries are left beside the one that is wanted, want %d", left, want.left)
			}
			testcheck.Equal(t, "orphans counted", 3, r.Counter("odasync_drift_total", "orphan"))
			if got := r.Messages(zerolog.WarnLevel); len(got) != want.warned {
				t.Errorf("warnings %q", got)
			}
		})
	}
}

// Too many deletions wait for an approval of exactly these.
func TestReconcile_DeletionsAboveTheLimitWaitForAnApproval(t *testing.T) {
	e, r := started(t, syncertest.Setup{Concurrency: 4})
	for i := range 20 {
		e.Put(fmt.Sprint("wanted-", i), "1")
	}
	e.done()
	e.addOrphans(12)
	e.Registry.Set("", "wanted-3") // repaired all the same
	reconciler := e.reconciler(r, options{})
	done := e.reconcile(reconciler)
	pending := done.PendingDeletion
	if countsOf(done) != (counts{Missing: 1, Repaired: 1, Orphans: 12}) || pending == nil || pending.Gone != 12 || pending.All != 31 || len(pending.Components) != 10 {
		t.Fatalf("reconciliation %+v, pending %+v", done, pending)
	}
	testcheck.ErrorContains(t, pending, "12 of 31", "ctl approve "+pending.ID, "target default", "east/odacompns-1/orphan-00")
	if now, keys, err := reconciler.PendingOrphans(t.Context(), "east"); err != nil || now == nil || now.ID != pending.ID || len(keys) != 12 {
		t.Errorf("on request %+v is pending, of %v, %v", now, keys, err)
	}
	if got := r.Messages(zerolog.ErrorLevel); len(got) != 1 || !strings.Contains(got[0], "deletion pending approval") {
		t.Errorf("errors in the log: %q", got)
	}
	if last, _ := e.last(); last.PendingDeletion == nil || last.PendingDeletion.ID != pending.ID {
		t.Errorf("the record is %+v", last)
	}

	testcheck.NoError(t, e.records.Approve(t.Context(), "another"))
	if done := e.reconcile(reconciler); done.Deleted != 0 || done.PendingDeletion == nil || done.PendingDeletion.ID != pending.ID {
		t.Errorf("after the approval of others: %+v", done)
	}
	testcheck.Equal(t, "times that the same pending deletion is logged", 1, len(r.Messages(zerolog.ErrorLevel)))
	testcheck.NoError(t, e.records.Approve(t.Context(), pending.ID))
	e.Registry.Set("X", "one more") // which is not approved
	if done := e.reconcile(reconciler); done.Deleted != 0 || done.PendingDeletion == nil || done.PendingDeletion.ID == pending.ID {
		t.Errorf("with one more: %+v", done)
	}
	e.Registry.Set("", "one more")
	if done := e.reconcile(reconciler); countsOf(done) != (counts{Orphans: 12, Deleted: 12}) || done.PendingDeletion != nil {
		t.Errorf("after the approval: %+v", done)
	}
}

// An approval that cannot be read does not exist.
func TestReconcile_DeletesNothingIfApprovalsCannotBeRead(t *testing.T) {
	e, r := started(t, syncertest.Setup{})
	e.addOrphans(12)
	done, err := e.reconciler(r, options{wrap: func(p *reconcile.Dependencies) { p.Records = failingRecords{} }}).Reconcile(t.Context(), cluster, false)
	if !errors.Is(err, errNoAnswer) || done.Error != errNoAnswer.Error() || done.Deleted != 0 || len(e.Registry.Calls()) != 0 {
		t.Errorf("reconciliation %+v, error %v", done, err)
	}
}

var errNoAnswer = errors.New("no answer")

// failingRecords cannot be read.
type failingRecords struct{}

func (failingRecords) Approved(context.Context, string) (bool, error)          { return false, errNoAnswer }
func (failingRecords) Reconciled(context.Context, target.Reconciliation) error { return nil }
func (failingRecords) LastReconcile(context.Context, string, string) (target.Reconciliation, bool, error) {
	return target.Reconciliation{}, false, errNoAnswer
}

func TestReconcile_DryRunWritesNothing(t *testing.T) {
	e, r := started(t, syncertest.Setup{})
	e.apply("1", "a", "b")
	e.Registry.Set("", "a")
	e.Registry.Set("edited", "b")
	e.addOrphans(12)
	done, err := e.reconciler(r, options{}).Reconcile(t.Context(), cluster, true)
	testcheck.NoError(t, err)
	if countsOf(done) != (counts{Missing: 1, Different: 1, Orphans: 12}) || !done.DryRun || done.PendingDeletion == nil || len(done.Findings) != 14 {
		t.Errorf("reconciliation %+v", done)
	}
	for _, f := range done.Findings {
		if f.Outcome != "" {
			t.Errorf("finding with an outcome: %+v", f)
		}
	}
	testcheck.Empty(t, "calls", e.callsSince(2))
	if _, found := e.last(); found {
		t.Error("a dry run was recorded")
	}
	testcheck.Equal(t, "successful reconciles counted", 0, r.Counter("odasync_reconciles_total", "success"))
}

func TestReconcile_BoundsFindings(t *testing.T) {
	const count = 120
	e, r := started(t, syncertest.Setup{Concurrency: 16})
	for i := range count {
		e.Put(fmt.Sprint("c-", i), "1")
	}
	e.done()
	e.Registry.Set("", "c-0")
	for i := 1; i < count; i++ {
		e.Registry.Set("edited", fmt.Sprint("c-", i))
	}
	done := e.reconcile(e.reconciler(r, options{}))
	if countsOf(done) != (counts{Missing: 1, Different: count - 1, Repaired: count}) || len(done.Findings) != 100 || done.Desired != count || done.Entries != count-1 {
		t.Errorf("%+v with %d findings", countsOf(done), len(done.Findings))
	}
	for problem, want := range map[string]int{"missing": 1, "different": count - 1, "unacknowledged": 0, "orphan": 0} {
		testcheck.Equal(t, fmt.Sprintf("%s counted", problem), want, r.Counter("odasync_drift_total", problem))
	}
	testcheck.Equal(t, "successful reconciles counted", 1, r.Counter("odasync_reconciles_total", "success"))
}

// An incomplete listing shows nothing.
func TestReconcile_FailedListingChangesNothing(t *testing.T) {
	e, r := started(t, syncertest.Setup{})
	e.apply("1", "a", "b")
	e.addOrphans(1)
	e.inventory.fail(syncertest.ErrDown)
	reconciler := e.reconciler(r, options{})
	done, err := reconciler.Reconcile(t.Context(), cluster, false)
	if !errors.Is(err, syncertest.ErrDown) || done.Error == "" || countsOf(done) != (counts{}) || len(e.callsSince(2)) != 0 {
		t.Errorf("reconciliation %+v, error %v, calls %+v", done, err, e.callsSince(2))
	}
	testcheck.Equal(t, "failed reconciles counted", 1, r.Counter("odasync_reconciles_total", "error"))
	e.inventory.fail(nil)
	wantCounts(t, "afterwards", counts{Orphans: 1, Deleted: 1}, e.reconcile(reconciler))
}

// A failed repair is reported and does not affect the others.
func TestReconcile_ReportsFailedRepairs(t *testing.T) {
	e, r := started(t, syncertest.Setup{Concurrency: 2})
	e.apply("1", "a", "b")
	e.Registry.Set("", "a", "b")
	e.Registry.When(func(c syncertest.Call) bool { return c.Name == "a" }, syncertest.Failing(syncertest.ErrRejected))
	done := e.reconcile(e.reconciler(r, options{}))
	wantCounts(t, "reconciliation", counts{Missing: 2, Repaired: 1, Unrepaired: 1}, done)
	outcomes := outcomesOf(done)
	if a := outcomes[syncertest.Key("a").String()]; !strings.Contains(a, syncertest.ErrRejected.Detail) || outcomes[syncertest.Key("b").String()] != "repaired" {
		t.Errorf("findings %+v", done.Findings)
	}
}

// A component that was created again after the heads were read is not deleted: the head is read under the claim.
func TestReconcile_KeepsAnOrphanThatIsCreatedMeanwhile(t *testing.T) {
	e := newEnv(t)
	r := e.startWithoutMessages()
	e.Put("kept", "1")
	e.Registry.Set("1", "kept")
	e.addOrphans(1)
	done := e.reconcile(e.reconciler(r, options{wrap: func(p *reconcile.Dependencies) {
		p.Snapshot = &after{p.Snapshot, func() { e.Put("orphan-00", "again") }}
	}}))
	wantCounts(t, "reconciliation", counts{Orphans: 1, Repaired: 1, Pending: 1}, done)
	testcheck.Equal(t, "calls", []syncertest.Call{{"orphan-00", "again", true}}, e.callsSince(0))
}

// after does something once the heads were read.
type after struct {
	reconcile.Snapshot
	do func()
}

func (a *after) Heads(ctx context.Context, cluster string, each func(event.Head)) error {
	err := a.Snapshot.Heads(ctx, cluster, each)
	a.do()
	return err
}

// One replica at a time reconciles; the others go on applying.
func TestReconcile_OneReplicaAtATime(t *testing.T) {
	e := newEnv(t)
	one, two := e.start(syncertest.Setup{Concurrency: 8}), e.start(syncertest.Setup{Concurrency: 8})
	e.apply("1", "a")
	e.Registry.Set("", "a")
	g := syncertest.NewGate()
	defer g.Open()
	e.Registry.When(func(c syncertest.Call) bool { return c.Name == "a" }, g.Pass)
	var first sync.WaitGroup
	defer first.Wait()
	first.Go(func() {
		if done := e.reconcile(e.reconciler(one, options{})); done.Repaired != 1 {
			t.Errorf("the first: %+v", done)
		}
	})
	<-g.Inside
	_, err := e.reconciler(two, options{}).Reconcile(t.Context(), cluster, false)
	testcheck.ErrorIs(t, "the second", target.ErrClaimed, err)
	if done, err := e.reconciler(two, options{}).Reconcile(t.Context(), "west", false); err != nil || countsOf(done) != (counts{}) {
		t.Errorf("another cluster: %+v, %v", done, err)
	}
	e.Put("b", "1")
	syncertest.Eventually(t, "another component to be applied meanwhile", func() bool { return e.Registry.Content("b") == "1" })
	g.Open()
}

// A reconcile ends when it loses its claim: another replica reconciles now.
func TestReconcile_EndsWhenItsClaimIsLost(t *testing.T) {
	e, r := started(t, syncertest.Setup{Concurrency: 1})
	for i := range 3 {
		e.Put(fmt.Sprint("c-", i), "1")
	}
	e.done()
	e.Registry.Set("", "c-0", "c-1", "c-2")
	g := e.Registry.Gate()
	defer g.Open()
	ended := make(chan error, 1)
	go func() {
		_, err := e.reconciler(r, options{parallel: 1}).Reconcile(context.Background(), cluster, false)
		ended <- err
	}()
	<-g.Inside
	claims, err := e.JS.KeyValue(t.Context(), store.ClaimsBucket)
	testcheck.NoError(t, err)
	keys, err := claims.ListKeys(t.Context())
	testcheck.NoError(t, err)
	taken := 0
	for name := range keys.Keys() {
		if strings.Contains(name, "reconcile") {
			taken++
			testcheck.Must(claims.PutString(t.Context(), name, "another replica"))
		}
	}
	testcheck.MustEqual(t, "claims on the reconcile", 1, taken)
	testcheck.ErrorIs(t, "end", context.Canceled, <-ended)
	if got := e.callsSince(3); len(got) != 1 {
		t.Errorf("calls %+v, want only the one in flight", got)
	}
	if state := e.State("c-0"); state.Intent == 0 { // it was canceled: its outcome is not known
		t.Errorf("state %+v", state)
	}
	g.Open()
	testcheck.NoError(t, claims.Delete(t.Context(), "target-default.east.=.reconcile"))
}

// One replica reconciles, and the others see that it is done. No marker and no watcher are needed for it.
func TestReconciler_ReplicasTakeTurns(t *testing.T) {
	const turns = 3
	e := newEnv(t)
	replicas := []*replica{e.start(syncertest.Setup{}), e.start(syncertest.Setup{})}
	e.apply("1", "a")
	e.unmark()
	count := func() int {
		return replicas[0].Counter("odasync_reconciles_total", "success") + replicas[1].Counter("odasync_reconciles_total", "success")
	}
	clusters := func(p *reconcile.Dependencies) {
		p.Clusters = func(context.Context) ([]string, error) { return []string{cluster}, nil }
	}
	began := time.Now()
	stop := e.run(e.reconciler(replicas[0], options{interval: time.Second, wrap: clusters}), e.reconciler(replicas[1], options{interval: time.Second, wrap: clusters}))
	for range turns {
		e.Registry.Set("edited", "a")
		syncertest.Eventually(t, "the edit to be repaired", func() bool { return e.Registry.Content("a") == "1" })
		if got, most := count(), int(time.Since(began)/time.Second)+1; got > most {
			t.Errorf("%d reconciles in %s", got, time.Since(began))
		}
	}
	e.Registry.Set("", "a") // as after the registry was wiped
	syncertest.Eventually(t, "the component to be created again", func() bool { return e.Registry.Content("a") == "1" })
	stop()
	testcheck.Empty(t, "what the registry saw wrong", e.Registry.Wrong())
}

// A reconcile of another replica counts, and a comparison takes a tenth of the time at most.
func TestReconciler_IsDueByTheLastRecord(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		last     target.Reconciliation
		interval time.Duration
		empty    bool // the registry starts with this process
		due      bool
	}{
		"when the interval is over":                      {target.Reconciliation{Time: time.Now().Add(-2 * time.Minute)}, time.Minute, false, true},
		"when it is not":                                 {target.Reconciliation{Time: time.Now().Add(-30 * time.Second)}, time.Minute, false, false},
		"when the comparison took more than a tenth":     {target.Reconciliation{Time: time.Now().Add(-2 * time.Minute), Compared: 13, Seconds: 13}, time.Minute, false, false},
		"when ten times that are over":                   {target.Reconciliation{Time: time.Now().Add(-2 * time.Minute), Compared: 11, Seconds: 11}, time.Minute, false, true},
		"when the repairs took long, not the comparison": {target.Reconciliation{Time: time.Now().Add(-2 * time.Minute), Compared: 1, Seconds: 60}, time.Minute, false, true},
		"when it failed":                                 {target.Reconciliation{Time: time.Now().Add(-15 * time.Second), Error: "x"}, time.Minute, false, true},
		"when it failed after a long comparison":         {target.Reconciliation{Time: time.Now().Add(-15 * time.Second), Error: "x", Compared: 3}, time.Minute, false, false},
		"when the registry starts empty":                 {target.Reconciliation{Time: time.Now().Add(-30 * time.Second)}, time.Minute, true, true},
		"when a clock is ahead":                          {target.Reconciliation{Time: time.Now().Add(time.Hour)}, time.Minute, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			e, r := started(t, syncertest.Setup{})
			test.last.Cluster, test.last.Target = cluster, syncertest.Target
			testcheck.NoError(t, e.records.Reconciled(t.Context(), test.last))
			looked := make(chan bool, 10)
			stop := e.run(e.reconciler(r, options{interval: test.interval, empty: test.empty, wrap: func(p *reconcile.Dependencies) { p.Records = &watched{p.Records, looked} }}))
			<-looked
			if test.due {
				syncertest.Eventually(t, "a reconcile", func() bool { return r.Counter("odasync_reconciles_total", "success") == 1 })
				return
			}
			stop()
			testcheck.Equal(t, "successful reconciles counted", 0, r.Counter("odasync_reconciles_total", "success"))
		})
	}
}

// watched reports when the last record was read.
type watched struct {
	reconcile.Records
	looked chan bool
}

func (w *watched) LastReconcile(ctx context.Context, target, cluster string) (target.Reconciliation, bool, error) {
	last, found, err := w.Records.LastReconcile(ctx, target, cluster)
	select {
	case w.looked <- true:
	default:
	}
	return last, found, err
}

func TestReconciler_WithoutAnIntervalRunsOnDemandOnly(t *testing.T) {
	e, r := started(t, syncertest.Setup{})
	stop := e.run(e.reconciler(r, options{wrap: func(p *reconcile.Dependencies) {
		p.Clusters = func(context.Context) ([]string, error) { t.Error("looked for clusters"); return nil, nil }
	}}))
	stop()
}

// A failed reconcile is repeated, and logged once.
func TestReconciler_RetriesAfterAFailure(t *testing.T) {
	e, r := started(t, syncertest.Setup{})
	e.inventory.fail(syncertest.ErrDown)
	e.run(e.reconciler(r, options{interval: time.Second}))
	syncertest.Eventually(t, "a failure to be recorded", func() bool { last, _ := e.last(); return last.Error != "" })
	if failed := r.Counter("odasync_reconciles_total", "error"); failed == 0 {
		t.Error("no failed reconcile is counted")
	}
	e.inventory.fail(nil)
	syncertest.Eventually(t, "the next reconcile to be recorded", func() bool {
		last, _ := e.last()
		return last.ID == "first" && last.Error == ""
	})
	logged := 0
	for _, level := range []zerolog.Level{zerolog.WarnLevel, zerolog.ErrorLevel} {
		logged += len(r.Messages(level))
	}
	testcheck.Equal(t, "times that the failure is logged", 1, logged)
}
