package syncer

import (
	"context"
	"errors"

	"odasync/internal/component"
	"odasync/internal/target"
)

// maxClaimed bounds how often Persist begins a comparison anew that others kept the claim from.
const maxClaimed = 3

// Persist is Mend until there is an outcome: a registry or a broker that is away is waited for. Its error is why the
// registry does not take the component, ErrClaimed where others kept the claim for long, or the context's.
func (a *Applier) ReconcileUntilDone(ctx context.Context, key component.Key) (Repair, error) {
	writes, claimed := 0, 0
	for number := 1; ; number++ {
		mended, err := a.Reconcile(ctx, key)
		writes += mended.Writes
		mended.Writes = writes
		if errors.Is(err, target.ErrClaimed) {
			claimed++
		}
		if err == nil || ctx.Err() != nil || claimed == maxClaimed || a.parked(ctx, key, err) {
			return mended, err
		}
		if err := waitFor(ctx, nil, backoff(number)); err != nil {
			return mended, err
		}
	}
}

// parked says whether a failed comparison was the last: then a dead letter stands for it.
func (a *Applier) parked(ctx context.Context, key component.Key, err error) bool {
	class := target.ClassOf(err)
	if class.Permanent() || !class.Particular() {
		return class.Permanent()
	}
	state, err := a.ports.States.Load(ctx, key)
	return err == nil && state.Outcome == target.OutcomeFailed && state.Intent == 0
}
