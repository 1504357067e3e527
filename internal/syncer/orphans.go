package syncer

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/prune"
	"odasync/internal/target"
)

// removeOrphans deletes what the policy and the guard allow. Each is checked with the stream's head once more, under its
// claim.
func (r *Reconciler) removeOrphans(ctx context.Context, done *target.Reconciliation, c comparison) (err error) {
	orphans := c.orphans
	for _, f := range c.unlisted {
		note(done, f, "kept until its namespace can be listed again")
	}
	if len(orphans) > 0 && !c.complete {
		for _, f := range orphans {
			note(done, f, "kept until a full sync of the cluster has ended")
		}
		r.tellOf(done.Cluster, fmt.Sprint("early ", len(orphans)), zerolog.WarnLevel).Int("orphans", len(orphans)).
			Msg("the stream has not been compared with the cluster yet: entries that it does not want stay until then; ctl sync --all does it now")
		return nil
	}
	if done.PendingDeletion, err = r.refusal(ctx, done, orphans); err != nil {
		return err
	}
	switch {
	case done.PendingDeletion != nil:
		for _, f := range orphans {
			note(done, f, "refused")
		}
		r.tellOf(done.Cluster, done.PendingDeletion.ID, zerolog.ErrorLevel).Str("approval", done.PendingDeletion.ID).Int("components", done.PendingDeletion.Gone).Int("of", done.PendingDeletion.All).
			Strs("such_as", done.PendingDeletion.Components).
			Msg("deletions refused: too many entries are not wanted by the stream; if they are to go, run ctl reconcile --approve with the approval's id")
		return nil
	case r.policy != OrphansDelete:
		for _, f := range orphans {
			note(done, f, "kept")
		}
		if r.policy == OrphansReport && len(orphans) > 0 {
			r.tellOf(done.Cluster, fmt.Sprint("report ", len(orphans)), zerolog.WarnLevel).Int("orphans", len(orphans)).
				Msg("the registry shows components that the stream does not want: they stay, as ORPHAN_POLICY says")
		}
		return nil
	}
	r.mu.Lock()
	delete(r.told, done.Cluster)
	r.mu.Unlock()
	return r.mend(ctx, done, orphans)
}

// tellOf begins a line about orphans that stay; at level Debug where they are those that were told of before.
func (r *Reconciler) tellOf(cluster, what string, level zerolog.Level) *zerolog.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told[cluster] == what {
		level = zerolog.DebugLevel
	}
	r.told[cluster] = what
	return r.applier.log.WithLevel(level).Str("cluster", cluster)
}

// refusal says whether the orphans are too many to be deleted without a question.
func (r *Reconciler) refusal(ctx context.Context, done *target.Reconciliation, orphans []found) (*prune.PendingDeletion, error) {
	if r.policy != OrphansDelete {
		return nil, nil
	}
	keys := make([]component.Key, len(orphans))
	for i, f := range orphans {
		keys[i] = f.key
	}
	refusal := r.guard.Check(fmt.Sprintf("target %s, cluster %s", done.Target, done.Cluster), keys, done.Entries)
	if refusal == nil {
		return nil, nil
	}
	approved, err := r.ports.Records.Approved(ctx, refusal.ID)
	if approved {
		return nil, nil
	}
	return refusal, err
}
