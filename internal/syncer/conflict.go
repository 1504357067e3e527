package syncer

import (
	"errors"

	"odasync/internal/target"
)

// conclude turns a refused compare-and-set into a recorded conflict, and likewise a lost session whose outcome was not
// stored. After another error the state may have been stored, and with it the owner: the session ends, so that other
// replicas need not wait for it.
func (t *attempt) conclude(d disposition, err error) disposition {
	switch {
	case err == nil:
		return d
	case errors.Is(err, target.ErrConflict), target.Held(t.held) != nil && t.ctx.Err() == nil:
		t.recordConflict()
	default:
		t.session.Retire()
	}
	failed := t.a.brokerFailed(err, t.job.number)
	failed.writes = d.writes
	return failed
}

// recordConflict records in the state that another replica may have written the registry at the same time: the next attempt
// on the key compares it with the registry. It also makes the other replica's compare-and-set fail if that is still to come.
func (t *attempt) recordConflict() {
	t.a.metrics.conflicts.Inc()
	t.a.log.Warn().Ctx(t.ctx).Str("cluster", t.job.key.Cluster).Str("namespace", t.job.key.Namespace).Str("component", t.job.key.Name).
		Msg("another replica may have written the component, comparing it with the registry")
	for failures := 1; ; failures++ {
		state, err := t.a.deps.States.Load(t.ctx, t.job.key)
		if err == nil {
			if state.Owner == t.session.Name() {
				state.Owner = ""
			}
			if state.Intent == 0 {
				state.Intent = max(state.Sequence, 1)
			}
			_, err = t.a.deps.States.Save(t.ctx, state)
		}
		switch {
		case err == nil:
			t.conflict = true
			return
		case errors.Is(err, target.ErrConflict):
			failures = 0
			continue
		}
		t.a.broker.record(err)
		if retries.Sleep(t.ctx, failures) != nil {
			return
		}
	}
}
