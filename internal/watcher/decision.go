package watcher

import (
	"context"
	"slices"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/prune"
)

// decide makes the one decision about everything that is absent, over all scopes that have ended a round since the mark. What
// it allows is offered for publishing. What it does not allow, or cannot know in a scope that was not listed, stays as it is
// until the next decision: none of it is lost with a term, since it is absent still. Only fullSync calls it.
func (p *publisher) decide(ctx context.Context, mark uint64) error {
	select {
	case <-p.decisionDue: // answered by this
	default:
	}
	unlisted := p.pendingScopes(mark)
	listed := slices.DeleteFunc(slices.Clone(p.watcher.source.Scopes()), func(s component.Scope) bool {
		return slices.ContainsFunc(unlisted, func(other component.Scope) bool { return other.String() == s.String() })
	})
	p.inventory.forgetAbsentOutside(listed)
	missing, existing := p.inventory.tally(listed)
	var going, asked []name // for certain, and subject to the limit
	for _, n := range missing {
		if p.watcher.confirmed.number(n) != 0 {
			going = append(going, n)
		} else {
			asked = append(asked, n)
		}
	}
	waits := p.checkLimit(ctx, asked, existing-len(going))
	p.recordDecision(listed, unlisted, waits, asked)
	switch {
	case waits == nil:
		going = append(going, asked...)
	case waits.ClusterChange != nil:
		return nil
	}
	for _, n := range going {
		if err := p.enqueueDeletion(ctx, n); err != nil {
			return err
		}
	}
	if len(going) > 0 {
		p.watcher.log.Info().Int("components", len(going)).Int("of", existing).Msg("deletions detected by resync")
	}
	return nil
}

// judge returns what has to be approved first: this cluster, where another one stands in the log under its name, or the
// deletions; nil where everything may go.
func (p *publisher) checkLimit(ctx context.Context, gone []name, existing int) *prune.PendingDeletion {
	place := "cluster " + p.watcher.cluster
	if change := p.clusterChange(); change != nil {
		waits := prune.Changed(place, *change, p.keys(gone), existing)
		if !p.approved(ctx, waits) {
			return waits
		}
		p.mu.Lock()
		p.clusterUID = change.Is
		p.mu.Unlock()
	}
	waits := p.watcher.limit.Check(place, p.keys(gone), existing)
	if waits == nil || p.approved(ctx, waits) {
		return nil
	}
	return waits
}

// approved uses up the approval. Whether there is one is not known while NATS is away: then there is none.
func (p *publisher) approved(ctx context.Context, waits *prune.PendingDeletion) bool {
	approved, err := p.watcher.approvals.Consume(ctx, waits.ID)
	if err != nil {
		p.watcher.log.Warn().Err(err).Str("approval", waits.ID).Msg("cannot ask for the approval of deletions")
		return false
	}
	if approved {
		p.watcher.log.Info().Str("approval", waits.ID).Int("components", waits.Gone).Msg("approval used")
	}
	return approved
}

// hold notes the outcome of a decision, and logs what waits when that changes.
func (p *publisher) recordDecision(listed, unlisted []component.Scope, waits *prune.PendingDeletion, gone []name) {
	p.mu.Lock()
	before := p.pending
	p.pending, p.listed, p.unlisted = waits, listed, nil
	for _, scope := range unlisted {
		p.unlisted = append(p.unlisted, scope.String())
	}
	again := waits != nil && before != nil && waits.ID == before.ID
	if again {
		waits.Time = before.Time
	}
	p.pendingChanged.Store(true) // some may have been seen meanwhile
	p.decisionMade.Store(true)
	told := p.loggedApproval
	p.loggedApproval = ""
	if waits != nil {
		p.loggedApproval = waits.ID
	}
	p.mu.Unlock()
	if waits == nil {
		return
	}
	p.inventory.markPending(gone)
	if waits.ID == told {
		return
	}
	line := p.watcher.log.Error().Str("approval", waits.ID).Int("components", waits.Gone).Int("of", waits.All).Strs("such_as", waits.Components)
	if change := waits.ClusterChange; change != nil {
		line.Str("was", change.Was).Str("is", change.Is).
			Str("remedy", "check the kubeconfig and CLUSTER_NAME; if this cluster takes the place of the other, run ctl reconcile --approve "+waits.ID).
			Msg("another cluster under this name, deletions pending approval")
		return
	}
	line.Str("remedy", "if they are really gone, run ctl reconcile --approve "+waits.ID).Msg("deletion pending approval")
}

// pendingDeletion is what waits for an approval; nil for nothing. Before the first decision of the term it is what the last
// marker says, and afterwards without what has come again or was reported as deleted since.
func (p *publisher) pendingDeletion() *prune.PendingDeletion {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending == nil || !p.pendingChanged.Swap(false) {
		return p.pending
	}
	names, existing := p.inventory.tally(p.listed)
	since, change := p.pending.Time, p.pending.ClusterChange
	switch {
	case change != nil:
		p.pending = prune.Changed(p.pending.Place, *change, p.keys(names), existing)
	case len(names) == 0:
		p.pending = nil
		return nil
	default:
		p.pending = prune.Pending(p.pending.Place, p.keys(names), existing)
	}
	p.pending.Time = since
	return p.pending
}

// clusterChange tells that the source shows another cluster than the one that is published; nil where it does not, or where
// one of both is not known. The first one that is known is taken at its word.
func (p *publisher) clusterChange() *prune.ClusterChange {
	is := p.watcher.source.Identity()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clusterUID == "" {
		p.clusterUID = is
	}
	if is == "" || is == p.clusterUID {
		return nil
	}
	return &prune.ClusterChange{Was: p.clusterUID, Is: is}
}

// letGo offers the deletion of an absent component, unless it was seen meanwhile.
func (p *publisher) enqueueDeletion(ctx context.Context, n name) error {
	number := p.watcher.confirmed.number(n)
	if number == 0 {
		number = p.watcher.confirmed.add(n, p.inventory.get(n).uid)
	}
	ticket, dropped := p.inventory.markDeleting(n)
	if !dropped {
		p.watcher.confirmed.published(n, number)
		return nil
	}
	return p.enqueue(ctx, n, change{Event: event.Tombstone(p.key(n), "", "", time.Now()), ticket: ticket, confirmation: number, inferred: true, bySync: true})
}

func (p *publisher) keys(names []name) []component.Key {
	keys := make([]component.Key, len(names))
	for i, n := range names {
		keys[i] = p.key(n)
	}
	return keys
}
