package watcher

import (
	"context"
	"slices"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/watcher/inventory"
)

// decide decides about all absent components at once, over all scopes that have ended a resync of a later generation. It
// enqueues the deletions that it allows. Other absent components, and those of a scope that was not listed, wait for the next
// decision, also of another term, since they are still absent. Only fullSync calls it.
func (p *publisher) decide(ctx context.Context, after uint64) error {
	select {
	case <-p.decisionDue: // this decision is the one that was requested
	default:
	}
	unlisted := p.unfinishedScopes(after)
	listed := slices.DeleteFunc(slices.Clone(p.watcher.source.Scopes()), func(s component.Scope) bool {
		return slices.ContainsFunc(unlisted, func(other component.Scope) bool { return other.String() == s.String() })
	})
	p.inventory.ForgetAbsentOutside(listed)
	missing, existing := p.inventory.Tally(listed)
	var allowed, undecided []inventory.Name // without limit, and subject to the prune limit
	for _, n := range missing {
		if p.watcher.confirmed.Number(n) != 0 {
			allowed = append(allowed, n)
		} else {
			undecided = append(undecided, n)
		}
	}
	pending := p.checkLimit(ctx, undecided, existing-len(allowed))
	p.recordDecision(listed, unlisted, pending, undecided)
	switch {
	case pending == nil:
		allowed = append(allowed, undecided...)
	case pending.ClusterChange != nil:
		return nil
	}
	for _, n := range allowed {
		if err := p.enqueueDeletion(ctx, n); err != nil {
			return err
		}
	}
	if len(allowed) > 0 {
		p.watcher.log.Info().Int("components", len(allowed)).Int("of", existing).Msg("deletions detected by resync")
	}
	return nil
}

// checkLimit returns what needs an approval first: the cluster, if another one was published under its name, or the deletions;
// nil if all deletions are allowed.
func (p *publisher) checkLimit(ctx context.Context, gone []inventory.Name, existing int) *prune.PendingDeletion {
	place := "cluster " + p.watcher.cluster
	if change := p.clusterChange(); change != nil {
		pending := prune.Changed(place, *change, p.keys(gone), existing)
		if !p.approved(ctx, pending) {
			return pending
		}
		p.mu.Lock()
		p.clusterUID = change.Is
		p.mu.Unlock()
	}
	pending := p.watcher.limit.Check(place, p.keys(gone), existing)
	if pending == nil || p.approved(ctx, pending) {
		return nil
	}
	return pending
}

// approved consumes an approval. While NATS is unavailable there is none.
func (p *publisher) approved(ctx context.Context, pending *prune.PendingDeletion) bool {
	approved, err := p.watcher.approvals.Consume(ctx, pending.ID)
	if err != nil {
		p.watcher.log.Warn().Err(err).Str("approval", pending.ID).Msg("read approval failed")
		return false
	}
	if approved {
		p.watcher.log.Info().Str("approval", pending.ID).Int("components", pending.Gone).Msg("approval used")
	}
	return approved
}

// recordDecision stores the result of a decision, and logs the pending deletions when they change.
func (p *publisher) recordDecision(listed, unlisted []component.Scope, pending *prune.PendingDeletion, gone []inventory.Name) {
	p.mu.Lock()
	before := p.pending
	p.pending, p.listed, p.unlisted = pending, listed, nil
	for _, scope := range unlisted {
		p.unlisted = append(p.unlisted, scope.String())
	}
	if pending != nil && before != nil && pending.ID == before.ID {
		pending.Time = before.Time
	}
	p.pendingChanged.Store(true) // components may have been seen in the meantime
	p.decisionMade.Store(true)
	logged := p.loggedApproval
	p.loggedApproval = ""
	if pending != nil {
		p.loggedApproval = pending.ID
	}
	p.mu.Unlock()
	if pending == nil {
		return
	}
	p.inventory.MarkPending(gone)
	if pending.ID == logged {
		return
	}
	line := p.watcher.log.Error().Str("approval", pending.ID).Int("components", pending.Gone).Int("of", pending.All).Strs("such_as", pending.Components)
	if change := pending.ClusterChange; change != nil {
		line.Str("was", change.Was).Str("is", change.Is).
			Str("remedy", "check the kubeconfig and CLUSTER_NAME; if this cluster replaces the other one, run ctl approve "+pending.ID).
			Msg("another cluster under this name, deletions pending approval")
		return
	}
	line.Str("remedy", "if the components are really deleted, run ctl approve "+pending.ID).Msg("deletion pending approval")
}

// pendingDeletion returns what waits for an approval; nil for nothing. Before the first decision of the term it is that of the
// last snapshot marker, afterwards without the components that were seen or reported as deleted since.
func (p *publisher) pendingDeletion() *prune.PendingDeletion {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending == nil || !p.pendingChanged.Swap(false) {
		return p.pending
	}
	names, existing := p.inventory.Tally(p.listed)
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

// clusterChange returns a value if the source is another cluster than the published one; nil if it is the same or one of them is
// unknown. The first known identity becomes that of the published cluster.
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

// enqueueDeletion enqueues the deletion of an absent component, unless it was seen in the meantime.
func (p *publisher) enqueueDeletion(ctx context.Context, n inventory.Name) error {
	number := p.watcher.confirmed.Number(n)
	if number == 0 {
		number = p.watcher.confirmed.Add(n, p.inventory.Get(n).UID)
	}
	ticket, marked := p.inventory.MarkDeleting(n)
	if !marked {
		p.watcher.confirmed.Published(n, number)
		return nil
	}
	return p.enqueue(ctx, n, change{Event: event.Tombstone(p.key(n), "", "", time.Now()), ticket: ticket, confirmation: number, inferred: true, bySync: true})
}

func (p *publisher) keys(names []inventory.Name) []component.Key {
	keys := make([]component.Key, len(names))
	for i, n := range names {
		keys[i] = p.key(n)
	}
	return keys
}
