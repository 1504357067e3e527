package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/prune"
	"odasync/internal/target"
)

// removeOrphans deletes the orphans that the policy and the prune limit permit. The Repairer reads the newest message of
// each once more before it deletes.
func (r *Reconciler) removeOrphans(ctx context.Context, done *target.Reconciliation, p plan) (err error) {
	addFindings(done, p.unlisted, "kept until its namespace can be listed again")
	if len(p.orphans) > 0 && !p.complete {
		addFindings(done, p.orphans, "kept until a full sync of the cluster has ended")
		r.report(done.Cluster, fmt.Sprint("early ", len(p.orphans)), zerolog.WarnLevel).Int("orphans", len(p.orphans)).
			Msg("orphans kept until a full sync of the cluster has ended, run ctl sync --all to start one")
		return nil
	}
	if done.PendingDeletion, err = r.pendingDeletion(ctx, done, p.orphans); err != nil {
		return err
	}
	switch pending := done.PendingDeletion; {
	case pending != nil:
		addFindings(done, p.orphans, target.FindingPending)
		r.report(done.Cluster, pending.ID, zerolog.ErrorLevel).Str("approval", pending.ID).Int("components", pending.Gone).Int("of", pending.All).
			Strs("such_as", pending.Components).
			Msg("deletion pending approval, run ctl approve with the id of the approval")
		return nil
	case r.policy != OrphansDelete:
		addFindings(done, p.orphans, "kept")
		if r.policy == OrphansReport && len(p.orphans) > 0 {
			r.report(done.Cluster, fmt.Sprint("report ", len(p.orphans)), zerolog.WarnLevel).Int("orphans", len(p.orphans)).
				Msg("orphans kept by ORPHAN_POLICY")
		}
		return nil
	}
	r.mu.Lock()
	delete(r.reported, done.Cluster)
	r.mu.Unlock()
	return r.repair(ctx, done, p.orphans)
}

// PendingOrphans compares now and changes nothing. It returns the deletion that waits for an approval, with all its components; nil for
// none. It returns ErrClaimed while another replica reconciles the cluster.
func (r *Reconciler) PendingOrphans(ctx context.Context, cluster string) (pending *prune.PendingDeletion, keys []component.Key, err error) {
	err = r.exclusively(ctx, cluster, func(held context.Context) error {
		done := target.Reconciliation{Cluster: cluster, Target: r.target, Time: time.Now().UTC(), DryRun: true}
		p, err := r.compare(held, &done, true)
		if err != nil || !p.complete {
			return err
		}
		pending, err = r.pendingDeletion(held, &done, p.orphans)
		keys = keysOf(p.orphans)
		return err
	})
	if pending == nil {
		keys = nil
	}
	return pending, keys, err
}

// report begins a log line about orphans that stay, at level Debug if it only repeats the last one of the cluster.
func (r *Reconciler) report(cluster, what string, level zerolog.Level) *zerolog.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reported[cluster] == what {
		level = zerolog.DebugLevel
	}
	r.reported[cluster] = what
	return r.log.WithLevel(level).Str("cluster", cluster)
}

// pendingDeletion returns the deletion of the orphans if it exceeds the prune limit and is not approved.
func (r *Reconciler) pendingDeletion(ctx context.Context, done *target.Reconciliation, orphans []finding) (*prune.PendingDeletion, error) {
	if r.policy != OrphansDelete {
		return nil, nil
	}
	pending := r.limit.Check(fmt.Sprintf("target %s, cluster %s", done.Target, done.Cluster), keysOf(orphans), done.Entries)
	if pending == nil {
		return nil, nil
	}
	approved, err := r.deps.Records.Approved(ctx, pending.ID)
	if approved {
		return nil, nil
	}
	return pending, err
}

func keysOf(orphans []finding) []component.Key {
	keys := make([]component.Key, len(orphans))
	for i, f := range orphans {
		keys[i] = f.key
	}
	return keys
}
