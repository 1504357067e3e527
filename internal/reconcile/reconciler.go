package reconcile

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"odasync/internal/prune"
	"odasync/internal/target"
)

// Reconciler compares the whole registry with the stream and has differences repaired.
type Reconciler struct {
	target      string
	concurrency int
	interval    time.Duration // 0 for none
	startsEmpty bool
	policy      OrphanPolicy
	limit       prune.Config
	deps        Dependencies
	metrics     *Metrics
	log         zerolog.Logger

	began    time.Time // of Run
	mu       sync.Mutex
	reported map[string]string // by cluster, the last report of orphans that stay, which is not repeated
}

// New returns a reconciler of the target, which repairs that many components at a time.
func New(target string, concurrency int, cfg Config, limit prune.Config, deps Dependencies, metrics *Metrics, log zerolog.Logger) *Reconciler {
	return &Reconciler{
		target: target, concurrency: concurrency, interval: time.Duration(cfg.Interval), startsEmpty: cfg.StartsEmpty, policy: cfg.Orphans, limit: limit, deps: deps,
		metrics: metrics, log: log.With().Str("target", target).Logger(), reported: map[string]string{},
	}
}

// Reconcile compares now and, unless it is a dry run, repairs. It returns ErrClaimed while another replica reconciles the
// cluster. The result is also valid with an error.
func (r *Reconciler) Reconcile(ctx context.Context, cluster string, dryRun bool) (done target.Reconciliation, err error) {
	err = r.exclusively(ctx, cluster, func(held context.Context) error {
		done, err = r.reconcile(ctx, held, cluster, true, dryRun)
		return err
	})
	return done, err
}

// exclusively runs the function while no other replica reconciles the cluster.
func (r *Reconciler) exclusively(ctx context.Context, cluster string, run func(held context.Context) error) error {
	held, release, err := r.deps.Claims.Acquire(ctx, "reconcile."+cluster)
	if err != nil {
		return err
	}
	defer func() { _ = release(context.WithoutCancel(ctx)) }() // after a lost claim another replica reconciles, which is harmless
	return run(held)
}

// reconcile runs under the claim and stores the result. onDemand means that a caller waits for it.
func (r *Reconciler) reconcile(ctx, held context.Context, cluster string, onDemand, dryRun bool) (target.Reconciliation, error) {
	done := target.Reconciliation{Cluster: cluster, Target: r.target, Time: time.Now().UTC(), DryRun: dryRun, Findings: []target.Finding{}}
	err := r.run(held, &done, onDemand)
	if err != nil {
		done.Error = err.Error()
	}
	done.Seconds = time.Since(done.Time).Seconds()
	if dryRun {
		return done, err
	}
	done.Drifted = r.drifted(ctx, done)
	r.metrics.count(done)
	if recordErr := r.deps.Records.Reconciled(ctx, done); err == nil {
		err = recordErr
	}
	return done, err
}

// drifted counts the reconciles in a row that found entries changed by others. One that failed says nothing about them.
func (r *Reconciler) drifted(ctx context.Context, done target.Reconciliation) int {
	last, _, _ := r.deps.Records.LastReconcile(ctx, done.Target, done.Cluster) // 0 without it: the count begins again
	switch {
	case done.Missing+done.Different+done.Overwritten > 0:
		return last.Drifted + 1
	case done.Error != "":
		return last.Drifted
	}
	return 0
}

// run compares, and carries out the plan.
func (r *Reconciler) run(ctx context.Context, done *target.Reconciliation, onDemand bool) error {
	p, err := r.compare(ctx, done, onDemand)
	done.Compared = time.Since(done.Time).Seconds()
	if err != nil {
		return err
	}
	if done.DryRun {
		for _, f := range slices.Concat(p.contested, p.repairs, p.lateRepairs, p.orphans, p.unlisted) {
			addFinding(done, f, "")
		}
		done.PendingDeletion, err = r.pendingDeletion(ctx, done, p.orphans)
		return err
	}
	addFindings(done, p.contested, "left to the other program")
	if err := r.repair(ctx, done, p.repairs); err != nil {
		return err
	}
	if err := r.removeOrphans(ctx, done, p); err != nil {
		return err
	}
	if err := r.repair(ctx, done, p.lateRepairs); err != nil {
		return err
	}
	return r.deleteStates(ctx, p.expired)
}

// repair has the components compared and written, several at a time. What cannot be repaired is counted.
func (r *Reconciler) repair(ctx context.Context, done *target.Reconciliation, findings []finding) error {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(r.concurrency)
	for _, f := range findings {
		if target.Held(ctx) != nil {
			break
		}
		group.Go(func() error {
			result, err := r.deps.Repairer.Reconcile(ctx, f.key, target.Listed{Ref: f.ref, NameFree: f.nameFree})
			mu.Lock()
			defer mu.Unlock()
			if result.Overwritten {
				done.Overwritten++
				f.problem = problemOverwritten
			}
			switch {
			case err != nil:
				done.Unrepaired++
				addFinding(done, f, err.Error())
			case result.Deleted && result.Writes > 0:
				done.Deleted++
				addFinding(done, f, "deleted")
			case result.Writes > 0:
				done.Repaired++
				addFinding(done, f, "repaired")
			}
			return nil
		})
	}
	_ = group.Wait()
	return ctx.Err()
}

// deleteStates removes the states of components whose tombstones were purged from the stream: they would accumulate. A
// state that has changed since stays.
func (r *Reconciler) deleteStates(ctx context.Context, expired []target.State) error {
	for _, s := range expired {
		if err := r.deps.States.Delete(ctx, s); err != nil && !errors.Is(err, target.ErrConflict) {
			return err
		}
	}
	return nil
}
