package watcher

import (
	"context"
	"errors"
	"fmt"

	"odasync/internal/event"
	"odasync/internal/watcher/inventory"
)

// failing reports whether a failed publish waits for its retry.
func (p *publisher) failing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.failed) > 0 && p.publishing.Err() != nil
}

func (p *publisher) noteFailed(n inventory.Name, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.failed[n] = struct{}{}
	} else {
		delete(p.failed, n)
	}
}

// publish publishes a change, unless the stream has the same state. It returns whether it did.
func (p *publisher) publish(ctx context.Context, n inventory.Name, c *change) (sent bool, err error) {
	e := c.Event
	for {
		known := p.inventory.Get(n)
		if unchanged(known, e) || c.inferred && known.SeenIn > 0 {
			if e.Deleted() {
				p.watcher.confirmed.Published(n, c.confirmation)
			}
			p.suppress(n, known, c.source)
			return false, nil
		}
		if !p.watcher.fresh() {
			return false, errNotLeading
		}
		// A publish completes even if the term ends, so that its outcome is known.
		span, sequence, err := p.send(context.WithoutCancel(ctx), c, known.Sequence)
		if err == nil {
			p.inventory.Published(event.Head{Key: e.Key, Sequence: sequence, Deleted: e.Deleted(), Hash: e.Hash, UID: e.UID})
			p.inventory.SetSource(n, sequence, c.source)
			p.published(n, c)
			p.watcher.log.Debug().Ctx(span).Str("namespace", n.Namespace).Str("component", n.Name).Uint64("seq", sequence).Bool("deleted", e.Deleted()).Msg("published")
			return true, nil
		}
		if head, superseded := p.watcher.publishErrors.Superseded(err); superseded {
			if !p.watcher.fresh() {
				return false, fmt.Errorf("%w (%w)", errNotLeading, err)
			}
			// This process holds the lease: the message is a late publish of an earlier leader, or one of its own whose
			// answer was lost. The event follows it.
			if !known.InDoubt {
				p.watcher.metrics.conflicts.Inc()
				p.watcher.log.Warn().Ctx(span).Str("namespace", n.Namespace).Str("component", n.Name).Uint64("seq", head.Sequence).Msg("concurrent publish detected, adopting the newer message")
			}
			p.inventory.Adopt(head)
			continue
		}
		if errors.Is(err, p.watcher.publishErrors.TooLarge) {
			if p.noteTooLarge(n, e.Hash, err) {
				p.watcher.metrics.tooLarge.Inc()
				p.watcher.log.Error().Ctx(span).Err(err).Str("namespace", n.Namespace).Str("component", n.Name).Msg("component too large to publish")
			}
			return false, nil
		}
		p.inventory.MarkInDoubt(n)
		return false, err
	}
}

// suppress drops a change without a difference to the message of the entry.
func (p *publisher) suppress(n inventory.Name, known inventory.Entry, source uint64) {
	p.inventory.SetSource(n, known.Sequence, source)
	p.noteFits(n)
	p.watcher.metrics.suppressed.Inc()
}

// published records a change that is stored in the stream.
func (p *publisher) published(n inventory.Name, c *change) {
	p.watcher.metrics.publishedEvent(c.Event)
	p.noteFits(n)
	if c.Deleted() {
		p.watcher.confirmed.Published(n, c.confirmation)
	}
	switch {
	case !c.bySync:
	case c.Deleted():
		p.counts.tombstoned.Add(1)
	default:
		p.counts.published.Add(1)
	}
}
