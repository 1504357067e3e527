package watcher

import (
	"context"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/watcher/inventory"
)

// Observe implements component.Observer.
func (p *publisher) Observe(ctx context.Context, generation uint64, seen component.Observation) error {
	n := inventory.Name{Namespace: seen.Namespace, Name: seen.Name}
	bySync := p.received(generation)
	p.noteRead(n, seen.Err)
	if seen.Deleted {
		return p.deleted(ctx, n, seen)
	}
	// Idle comes before the inventory: the published state of an idle component does not change, since only this goroutine
	// enqueues it, and a decision, which the inventory shows.
	idle := p.queue.Idle(n)
	known, ticket := p.inventory.See(n)
	p.watcher.confirmed.Cancel(n)
	if known.Presence != inventory.Present {
		p.pendingChanged.Store(true)
	}
	if seen.Err != nil {
		return nil // it exists, and its last readable state remains; the source has logged the problem
	}
	e := event.Upserted(p.key(n), seen)
	if idle && known.Presence != inventory.Deleting && unchanged(known, e) {
		p.suppress(n, known, seen.Source)
		return nil
	}
	return p.enqueue(ctx, n, change{Event: e, ticket: ticket, source: seen.Source, bySync: bySync})
}

// Unchanged implements component.Observer.
func (p *publisher) Unchanged(generation uint64, namespace, name string, source uint64) bool {
	n := inventory.Name{Namespace: namespace, Name: name}
	// Idle comes before the inventory, as in Observe.
	if !p.queue.Idle(n) || !p.inventory.SeeUnchanged(n, source) {
		return false
	}
	p.received(generation)
	p.noteRead(n, nil)
	p.watcher.confirmed.Cancel(n)
	p.noteFits(n)
	p.watcher.metrics.suppressed.Inc()
	return true
}

// deleted enqueues a deletion that the source reports, without approval. If the source is another cluster than the published
// one, the component is absent instead, and decided about once the cluster is accepted.
func (p *publisher) deleted(ctx context.Context, n inventory.Name, seen component.Observation) error {
	number := p.watcher.confirmed.Add(n, inventory.DigestOf(seen.UID))
	presence, otherCluster := inventory.Deleting, p.clusterChange() != nil
	if otherCluster {
		presence = inventory.Absent
	}
	known, ticket := p.inventory.ReportDeleted(n, presence)
	if known.Presence != inventory.Present {
		p.pendingChanged.Store(true)
	}
	if otherCluster {
		p.requestDecision()
		return nil
	}
	return p.enqueue(ctx, n, change{Event: event.Tombstone(p.key(n), seen.UID, seen.ResourceVersion, seen.Seen), ticket: ticket, confirmation: number})
}

// requestDecision requests a decision about the absent components.
func (p *publisher) requestDecision() {
	select {
	case p.decisionDue <- struct{}{}:
	default:
	}
}

// End implements component.Observer. Components that the resync did not report are absent, unless they are unknown; only a decision
// deletes them, except for those that were reported as deleted in an earlier term.
func (p *publisher) End(ctx context.Context, generation uint64, scope component.Scope, ended component.Resync) error {
	otherCluster, undecided := p.clusterChange() != nil, p.pendingDeletion() != nil
	for _, n := range p.inventory.MarkAbsent(generation, scope, ended.Unknown, func(n inventory.Name) bool { return !p.queue.Idle(n) }) {
		if otherCluster || p.watcher.confirmed.Number(n) == 0 {
			undecided = true
			continue
		}
		if err := p.enqueueDeletion(ctx, n); err != nil {
			return err
		}
	}
	if p.notePartial(scope, ended.Unknown != nil) || undecided {
		p.requestDecision()
	}
	p.forgetUnseen(generation, scope)
	p.resyncEnded(generation, scope, ended.ResourceVersion)
	return nil
}

func (p *publisher) enqueue(ctx context.Context, n inventory.Name, c change) error {
	_, collapsed, err := p.queue.Add(ctx, n, c)
	if collapsed {
		p.watcher.metrics.collapsed.Inc()
	}
	return err
}

// unchanged reports whether the event has the published state.
func unchanged(known inventory.Entry, e event.Event) bool {
	if known.InDoubt {
		return false
	}
	if e.Deleted() {
		return !known.Exists
	}
	return known.Exists && known.Hash == inventory.DigestOf(e.Hash) && known.UID == inventory.DigestOf(e.UID)
}
