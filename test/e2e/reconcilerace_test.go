package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"odasync/internal/control"
	"odasync/internal/natsconn"
	"odasync/internal/refregistry/faults"
	"odasync/internal/target"
	"odasync/internal/testcheck"
	"odasync/test/testenv"
)

// TestReconcile_DuringConstantChanges creates, changes and deletes Components constantly during 100 reconciles by two syncers. None of
// them may delete an existing component or restore a deleted one.
func TestReconcile_DuringConstantChanges(t *testing.T) {
	const reconciles, between = 100, 8 // steps between the ends of two reconciles, at least
	env := newParallel(t, "e2e-tight-loop")
	watcher, one := env.StartPair()
	two := env.Start(env.SyncerSpec("syncer-2", nil))
	env.AwaitReady(two)
	conn, err := natsconn.Dial(t.Context(), natsconn.Config{URL: env.NATSURL, Replicas: 1, History: 32}, "odasync-test", func(err error) { t.Error(err) })
	env.Must(err)
	t.Cleanup(conn.Close)

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	workload := testenv.NewWorkload(shared, rand.New(rand.NewPCG(seed, 0)), env.Namespaces, 25)
	ctx, stop := context.WithCancel(t.Context())
	env.Registry.SetFault(func(*http.Request) *faults.Fault { // so that more writes are in progress at a time
		return &faults.Fault{Delay: 3 * time.Millisecond}
	})
	var steps atomic.Int64
	var loop sync.WaitGroup
	defer loop.Wait()
	defer stop()
	loop.Go(func() {
		for ctx.Err() == nil {
			if err := workload.Step(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
			steps.Add(1)
		}
	})
	var sum target.Reconciliation
	for done := 0; done < reconciles; {
		env.Eventually(testenv.Timeout, "the workload continues", func() error {
			if seen := steps.Load(); seen < int64(between*(done+1)) {
				return fmt.Errorf("%d steps", seen)
			}
			return nil
		})
		r, err := control.NewClient(conn.NATS()).Reconcile(env.Within(testenv.Timeout), "default", control.ReconcileRequest{Cluster: env.Mapping.Cluster})
		if refused := new(control.RequestError); errors.As(err, &refused) && refused.Reason == target.ErrClaimed.Error() {
			continue // by the other syncer
		}
		env.Must(err)
		done++
		sum.Orphans, sum.Deleted, sum.Repaired, sum.Missing, sum.Different, sum.Unacknowledged =
			sum.Orphans+r.Orphans, sum.Deleted+r.Deleted, sum.Repaired+r.Repaired, sum.Missing+r.Missing, sum.Different+r.Different, sum.Unacknowledged+r.Unacknowledged
	}
	stop()
	loop.Wait()
	env.AwaitDone(testenv.Timeout)
	env.AwaitInSync(time.Second) // and stays so: nothing in progress restores a component
	env.AwaitReady(watcher, one, two)
	t.Logf("%d created, %d changed, %d deleted; %d reconciles found %d missing, %d different, %d unacknowledged, %d orphans; %d repaired, %d deleted",
		workload.Created, workload.Changed, workload.Deleted, reconciles, sum.Missing, sum.Different, sum.Unacknowledged, sum.Orphans, sum.Repaired, sum.Deleted)
	if sum.Orphans != 0 || sum.Deleted != 0 {
		t.Errorf("reconciles found %d orphans and deleted %d components, all of which the events should delete", sum.Orphans, sum.Deleted)
	}
	deletions := 0
	for _, write := range env.Registry.History() {
		if write.Kind == "component" && write.Method == "DELETE" {
			deletions++
		}
	}
	testcheck.AtMost(t, "entries deleted for the deleted Components", workload.Deleted, deletions)
	f, err := testenv.Examine(env.Registry.Server)
	env.Must(err)
	if workload.Deleted < reconciles || f.Versions == 0 {
		t.Errorf("only %d Components were deleted beside %d reconciles: %d writes", workload.Deleted, reconciles, f.Writes)
	}
	if found := len(f.Overlaps) + len(f.Stale) + len(f.StaleNow) + len(f.CreatedTwice) + len(f.Duplicates); found != 0 {
		t.Errorf("the history shows %+v", f)
	}
}
