package syncer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/condition"
	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/target"
)

// OrphanPolicy says what happens to entries in the registry that are odasync's and that the stream does not want.
type OrphanPolicy string

// The policies.
const (
	OrphansDelete OrphanPolicy = "delete"
	OrphansReport OrphanPolicy = "report"
	OrphansKeep   OrphanPolicy = "keep"
)

// ReconcileConfig is when a reconcile begins and how far it goes.
type ReconcileConfig struct {
	// Interval is the time between two reconciles of a cluster, whichever replica does them; 0 for none. The watcher reads
	// the same variable.
	Interval config.Duration `env:"SYNC_INTERVAL, default=60" help:"time between two full syncs of the cluster with the stream, and between two reconciles of the registry with the stream, 0 for none: seconds, or a duration such as 5m"`
	Orphans  OrphanPolicy    `env:"ORPHAN_POLICY, default=delete" help:"what happens to entries of odasync's in the registry that the stream does not want: delete, report (count and tell), or keep"`
}

// Validate reports every problem at once.
func (c ReconcileConfig) Validate() error {
	var problems []error
	if interval := time.Duration(c.Interval); interval < 0 || interval > 0 && interval < time.Second {
		problems = append(problems, fmt.Errorf("SYNC_INTERVAL is %s: 0 for none, or a second or more", c.Interval))
	}
	if !slices.Contains([]OrphanPolicy{OrphansDelete, OrphansReport, OrphansKeep}, c.Orphans) {
		problems = append(problems, fmt.Errorf("ORPHAN_POLICY is %q: delete, report or keep", c.Orphans))
	}
	return errors.Join(problems...)
}

// Inventory lists a registry.
type Inventory interface {
	// Inventory calls each with every entry under the configured registry name. After an error nothing is known: what was
	// not listed need not be absent. An entry may be missing, or come again, while the registry is being changed.
	Inventory(ctx context.Context, cluster string, each func(target.Entry)) error
	// Place is where the registry shows a component: registry and name.
	Place(key component.Key) target.Ref
}

// Snapshot reads what a cluster's components should be.
type Snapshot interface {
	// Heads calls each with the last message of every component, without its body.
	Heads(ctx context.Context, cluster string, each func(event.Head)) error
	// Complete is that of Heads.
	Complete(ctx context.Context, cluster string) (event.Snapshot, bool, error)
}

// Records are the notes that a reconcile needs and leaves.
type Records interface {
	Approved(ctx context.Context, id string) (bool, error)
	Reconciled(ctx context.Context, done target.Reconciliation) error
	// LastReconcile reads what the last reconcile of a target with a cluster did, whichever replica did it; false where
	// none is known.
	LastReconcile(ctx context.Context, target, cluster string) (target.Reconciliation, bool, error)
}

// findingsKept bounds the findings that are listed.
const findingsKept = 100

// Problems of findings.
const (
	problemMissing        = "missing"
	problemDifferent      = "different"
	problemUnacknowledged = "unacknowledged"
	problemFailed         = "failed" // and tried again
	problemOrphan         = "orphan"
)

// Reconciler compares the whole registry with the stream and has differences mended.
type Reconciler struct {
	applier  *Applier
	interval time.Duration // 0 for no reconcile by itself
	policy   OrphanPolicy
	guard    prune.Config
	ports    ReconcileDependencies

	began time.Time // Run
	mu    sync.Mutex
	told  map[string]string // by cluster, which orphans were last told of: the same ones are not worth a line each minute
}

// ReconcilePorts are what a reconciler works with beside an applier.
type ReconcileDependencies struct {
	Inventory Inventory
	Snapshot  Snapshot
	States    interface {
		// All calls each with every state of the cluster's components.
		All(ctx context.Context, cluster string, each func(target.State)) error
		// Delete removes a state if its revision is still State.Revision; else ErrConflict.
		Delete(ctx context.Context, s target.State) error
	}
	Records Records
	Claims  Claims
	// Clusters lists those that the registry is to show.
	Clusters func(context.Context) ([]string, error)
}

// NewReconciler returns a reconciler that mends through the applier.
func NewReconciler(applier *Applier, cfg ReconcileConfig, limit prune.Config, ports ReconcileDependencies) *Reconciler {
	return &Reconciler{
		applier: applier, interval: time.Duration(cfg.Interval), policy: cfg.Orphans, guard: limit, ports: ports, told: map[string]string{},
	}
}

// Reconcile compares, as somebody asked for, and, but in a dry run, mends. Only one replica does so at a time: the others get ErrClaimed. The
// result holds what was done also where the error is not nil.
func (r *Reconciler) Reconcile(ctx context.Context, cluster string, dryRun bool) (done target.Reconciliation, err error) {
	err = r.alone(ctx, cluster, func(held context.Context) error {
		done, err = r.reconcile(ctx, held, cluster, true, dryRun)
		return err
	})
	return done, err
}

// alone does the work while no other replica reconciles the cluster.
func (r *Reconciler) alone(ctx context.Context, cluster string, work func(held context.Context) error) error {
	held, release, err := r.ports.Claims.Acquire(ctx, "reconcile."+cluster)
	if err != nil {
		return err
	}
	defer func() { _ = release(context.WithoutCancel(ctx)) }() // a lost claim only means that another goes on beside this one
	return work(held)
}

// reconcile is done under the claim. asked says that somebody waits for it.
func (r *Reconciler) reconcile(ctx, held context.Context, cluster string, asked, dryRun bool) (target.Reconciliation, error) {
	done := target.Reconciliation{Cluster: cluster, Target: r.applier.cfg.Target, Time: time.Now().UTC(), DryRun: dryRun, Findings: []target.Finding{}}
	err := r.run(held, &done, asked)
	if err != nil {
		done.Error = err.Error()
	}
	done.Seconds = time.Since(done.Time).Seconds()
	if dryRun {
		return done, err
	}
	r.applier.metrics.reconciled(done)
	if noteErr := r.ports.Records.Reconciled(ctx, done); err == nil {
		err = noteErr
	}
	return done, err
}

// run compares what is desired with what is there.
func (r *Reconciler) run(ctx context.Context, done *target.Reconciliation, asked bool) error {
	c, err := r.compare(ctx, done, asked)
	done.Compared = time.Since(done.Time).Seconds()
	if err != nil {
		return err
	}
	findings := slices.Concat(c.damaged, c.displaced, c.orphans, c.unlisted)
	if done.DryRun {
		for _, f := range findings {
			note(done, f, "")
		}
		done.PendingDeletion, err = r.refusal(ctx, done, c.orphans)
		return err
	}
	if err := r.mend(ctx, done, c.damaged); err != nil {
		return err
	}
	if err := r.removeOrphans(ctx, done, c); err != nil {
		return err
	}
	if err := r.mend(ctx, done, c.displaced); err != nil {
		return err
	}
	return r.forget(ctx, c.expired)
}

// forget removes the states of components that are gone from the stream with their tombstones: nothing asks for them any
// more, and in a cluster where components come and go they would pile up. One that changed meanwhile stays.
func (r *Reconciler) forget(ctx context.Context, expired []target.State) error {
	for _, s := range expired {
		if err := r.ports.States.Delete(ctx, s); err != nil && !errors.Is(err, target.ErrConflict) {
			return err
		}
	}
	return nil
}

// found is a component that is not as it should be.
type found struct {
	key     component.Key
	problem string
	record  target.Ref // of the entry, where there is one
	absent  bool       // the inventory shows nothing under the component's name
}

// note lists what was found, if there is room.
func note(d *target.Reconciliation, f found, outcome string) {
	if len(d.Findings) < findingsKept {
		d.Findings = append(d.Findings, target.Finding{Component: f.key.String(), Problem: f.problem, Outcome: outcome})
	}
}

// mend has every component compared and written that is not as it should be.
func (r *Reconciler) mend(ctx context.Context, done *target.Reconciliation, damaged []found) error {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(r.applier.cfg.Concurrency)
	for _, f := range damaged {
		if target.Held(ctx) != nil {
			break
		}
		group.Go(func() error {
			result, err := r.applier.mendFound(ctx, f)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				done.Unrepaired++
				note(done, f, err.Error())
			case result.Deleted && result.Writes > 0:
				done.Deleted++
				note(done, f, "deleted")
			case result.Writes > 0:
				done.Repaired++
				note(done, f, "mended")
			}
			return nil
		})
	}
	_ = group.Wait() // what could not be mended is counted
	return ctx.Err()
}

// Run reconciles every cluster when it is due, until the context ends.
func (r *Reconciler) Run(ctx context.Context) error {
	if r.interval == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	r.began = time.Now()
	failing := condition.New(r.applier.log, "reconcile not finished, trying again", "reconciles end well again", nil)
	for {
		wait, err := r.round(ctx)
		if ctx.Err() != nil { // a stop is no failure
			return ctx.Err()
		}
		failing.Set(err)
		// A cluster that is new is noticed soon. The jitter keeps replicas, and several clusters, from beginning at once.
		wait = min(wait, lookAgain)
		if err := waitFor(ctx, nil, wait+1+rand.N(min(wait, r.interval/10)+1)); err != nil {
			return err
		}
	}
}

// round reconciles the clusters that are due, and returns the time until the next one is.
func (r *Reconciler) round(ctx context.Context) (wait time.Duration, err error) {
	clusters, err := r.ports.Clusters(ctx)
	if err != nil {
		return r.retry(), err
	}
	wait = r.interval
	for _, cluster := range clusters {
		if err := r.applier.breaker.await(ctx); err != nil {
			return 0, err
		}
		left, turnErr := r.turn(ctx, cluster)
		err, wait = errors.Join(err, turnErr), min(wait, left)
	}
	return wait, err
}

// turn reconciles the cluster if that is due, and returns the time until it is due again.
func (r *Reconciler) turn(ctx context.Context, cluster string) (time.Duration, error) {
	left, err := r.left(ctx, cluster)
	if err != nil || left > 0 {
		return left, err
	}
	err = r.alone(ctx, cluster, func(held context.Context) error {
		if left, err := r.left(held, cluster); err != nil || left > 0 { // another replica has just done it
			return err
		}
		done, err := r.reconcile(ctx, held, cluster, false, false)
		if err == nil {
			r.tell(done)
		}
		return err
	})
	if errors.Is(err, target.ErrClaimed) { // one is under way
		return min(claimRetry, r.interval), nil
	}
	if err != nil {
		return r.retry(), err
	}
	return r.left(ctx, cluster)
}

// left returns how long it is until a reconcile of the cluster is due, by what the last one left behind, whichever replica
// did it. It is 0 where it is due.
func (r *Reconciler) left(ctx context.Context, cluster string) (time.Duration, error) {
	last, found, err := r.ports.Records.LastReconcile(ctx, r.applier.cfg.Target, cluster)
	if err != nil {
		return r.retry(), err
	}
	if !found { // a first sync may be under way, which a comparison would only slow down
		last.Time = r.began
	}
	period := r.period(last)
	// A replica whose clock is ahead counts as one that began now.
	return max(min(time.Until(last.Time.Add(period)), period), 0), nil
}

// period is the time from the beginning of one reconcile to that of the next: comparisons take a tenth of the time at most.
// What the mending took does not count: it has been needed, and what was left undone is needed soon. After a failure the
// next one is due as soon as that allows.
func (r *Reconciler) period(last target.Reconciliation) time.Duration {
	least := time.Duration(share * last.Compared * float64(time.Second))
	if last.Error != "" {
		return max(r.retry(), least)
	}
	return max(r.interval, least)
}

// retry is the wait before a reconcile that failed is tried again.
func (r *Reconciler) retry() time.Duration { return min(reconcileRetry, r.interval) }

// share is the part of the time that comparisons may take: one in so many.
const share = 10

// lookAgain is how long a new cluster may go unnoticed. Looking takes a small request or two.
const lookAgain = 5 * time.Second

// Waits before a reconcile is tried again.
const (
	claimRetry     = 5 * time.Second
	reconcileRetry = 10 * time.Second
)

// tell logs what was found; a registry that is right is worth no line.
func (r *Reconciler) tell(done target.Reconciliation) {
	log := r.applier.log.Debug()
	if done.Repaired+done.Deleted+done.Unrepaired > 0 {
		log = r.applier.log.Info()
	}
	log.Str("cluster", done.Cluster).Int("desired", done.Desired).Int("missing", done.Missing).Int("different", done.Different).
		Int("orphans", done.Orphans).Int("mended", done.Repaired).Int("deleted", done.Deleted).Int("unmended", done.Unrepaired).
		Float64("seconds", done.Seconds).Msg("reconciled the registry with the stream")
	if period := r.period(done); period > r.interval {
		r.applier.log.Info().Str("cluster", done.Cluster).Float64("compared", done.Compared).Stringer("next_after", period.Round(time.Second)).
			Msg("comparison takes more than a tenth of SYNC_INTERVAL, next reconcile delayed")
	}
}
