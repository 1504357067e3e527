package reconcile

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"odasync/internal/condition"
	"odasync/internal/target"
)

// discoveryInterval bounds the time until a new cluster is discovered. It costs a small request or two.
const discoveryInterval = 5 * time.Second

// Waits before a reconcile is tried again.
const (
	claimRetry   = 5 * time.Second
	failureRetry = 10 * time.Second
)

// comparisonShare bounds the share of the time that comparisons take: one in so many.
const comparisonShare = 10

// Run reconciles every cluster when it is due, until the context ends.
func (r *Reconciler) Run(ctx context.Context) error {
	if r.interval == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	r.began = time.Now()
	failing := condition.New(r.log, "reconcile failed, trying again", "reconcile recovered", nil)
	for {
		wait, err := r.reconcileDue(ctx)
		if ctx.Err() != nil { // a stop is no failure
			return ctx.Err()
		}
		failing.Set(err)
		// The jitter keeps replicas, and several clusters, from starting at once.
		wait = min(wait, discoveryInterval)
		select {
		case <-time.After(wait + 1 + rand.N(min(wait, r.interval/10)+1)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reconcileDue reconciles the clusters that are due, and returns the time until the next one is.
func (r *Reconciler) reconcileDue(ctx context.Context) (wait time.Duration, err error) {
	clusters, err := r.deps.Clusters(ctx)
	if err != nil {
		return r.retryDelay(), err
	}
	wait = r.interval
	for _, cluster := range clusters {
		if err := r.deps.Available(ctx); err != nil {
			return 0, err
		}
		left, clusterErr := r.reconcileIfDue(ctx, cluster)
		err, wait = errors.Join(err, clusterErr), min(wait, left)
	}
	return wait, err
}

// reconcileIfDue reconciles the cluster if it is due, and returns the time until it is due again.
func (r *Reconciler) reconcileIfDue(ctx context.Context, cluster string) (time.Duration, error) {
	left, err := r.untilDue(ctx, cluster)
	if err != nil || left > 0 {
		return left, err
	}
	err = r.exclusively(ctx, cluster, func(held context.Context) error {
		if left, err := r.untilDue(held, cluster); err != nil || left > 0 { // another replica has just done it
			return err
		}
		done, err := r.reconcile(ctx, held, cluster, false, false)
		if err == nil {
			r.logResult(done)
		}
		return err
	})
	if errors.Is(err, target.ErrClaimed) { // another replica reconciles it now
		return min(claimRetry, r.interval), nil
	}
	if err != nil {
		return r.retryDelay(), err
	}
	return r.untilDue(ctx, cluster)
}

// untilDue returns the time until a reconcile of the cluster is due by the record of the last one, whichever replica did it;
// 0 if it is due.
func (r *Reconciler) untilDue(ctx context.Context, cluster string) (time.Duration, error) {
	last, found, err := r.deps.Records.LastReconcile(ctx, r.target, cluster)
	if err != nil {
		return r.retryDelay(), err
	}
	if r.startsEmpty && last.Time.Before(r.began) { // a record is of a registry that is gone
		return 0, nil
	}
	if !found { // a first sync may be running, which a comparison would slow down
		last.Time = r.began
	}
	period := r.period(last)
	// A record from a replica whose clock is ahead counts as one of now.
	return max(min(time.Until(last.Time.Add(period)), period), 0), nil
}

// period is the time between the starts of two reconciles. Comparisons take a tenth of the time at most; repairs do not
// count, since they were needed. After a failure the next reconcile is due as soon as that permits.
func (r *Reconciler) period(last target.Reconciliation) time.Duration {
	least := time.Duration(comparisonShare * last.Compared * float64(time.Second))
	if last.Error != "" {
		return max(r.retryDelay(), least)
	}
	return max(r.interval, least)
}

// retryDelay is the wait after a failed reconcile.
func (r *Reconciler) retryDelay() time.Duration { return min(failureRetry, r.interval) }

// logResult logs a result, at level Debug if nothing had to be repaired.
func (r *Reconciler) logResult(done target.Reconciliation) {
	log := r.log.Debug()
	if done.Repaired+done.Deleted+done.Unrepaired > 0 {
		log = r.log.Info()
	}
	log.Str("cluster", done.Cluster).Int("desired", done.Desired).Int("missing", done.Missing).Int("different", done.Different).
		Int("orphans", done.Orphans).Int("repaired", done.Repaired).Int("deleted", done.Deleted).Int("unrepaired", done.Unrepaired).
		Float64("seconds", done.Seconds).Msg("registry reconciled with the stream")
	if period := r.period(done); period > r.interval {
		r.log.Info().Str("cluster", done.Cluster).Float64("compared", done.Compared).Stringer("next_after", period.Round(time.Second)).
			Msg("comparison takes more than a tenth of SYNC_INTERVAL, next reconcile delayed")
	}
}
