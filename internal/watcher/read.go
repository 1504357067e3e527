package watcher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/watcher/inventory"
)

// Errors of Read and FullSync.
var (
	ErrNotSynced = errors.New("the watcher is not up to date with the cluster yet: retry in a moment")
	ErrUnknown   = errors.New("no such component in the cluster, and none was published")
)

// readLimits limit how long Read waits for the stream to have what the source has.
type readLimits struct {
	patience time.Duration // until a resync is requested, and until the component is read again
	total    time.Duration
	poll     time.Duration
}

func defaultReadLimits() readLimits {
	return readLimits{patience: time.Second, total: 30 * time.Second, poll: 20 * time.Millisecond}
}

// Published is what the stream has of a component.
type Published struct {
	// Sequence is that of its last message.
	Sequence uint64
	// Deleted means that this message is a tombstone.
	Deleted bool
	// Changed means that the message was published during the call.
	Changed bool
}

// Read reads one component from the source now, and returns once the stream has what was read. It publishes nothing itself: a
// read beside the watch may be older than what the watch has delivered meanwhile. If the stream has another content, the watch
// is about to deliver a change, or has missed one; then a resync finds it. It returns ErrNotSynced unless this process leads,
// and ErrUnknown for a component that neither the source nor the stream has.
func (w *Watcher) Read(ctx context.Context, namespace, component string) (Published, error) {
	p := w.term.Load()
	if p == nil || !w.Synced() {
		return Published{}, ErrNotSynced
	}
	n := inventory.Name{Namespace: namespace, Name: component}
	ctx, cancel := context.WithTimeout(ctx, w.readLimits.total)
	defer cancel()
	before := p.inventory.Get(n)
	for refreshed := false; ; {
		wanted, err := p.readSource(ctx, n, before)
		if err != nil {
			return Published{}, p.readError(n, err)
		}
		found, err := p.awaitPublished(ctx, n, wanted)
		if found || err != nil {
			now := p.inventory.Get(n)
			return Published{Sequence: now.Sequence, Deleted: !now.Exists, Changed: now.Sequence != before.Sequence}, p.readError(n, err)
		}
		if !refreshed {
			w.source.Refresh()
			refreshed = true
		}
	}
}

func (p *publisher) readError(n inventory.Name, err error) error {
	if err == nil {
		return nil
	}
	if cause := p.publishing.Err(); cause != nil && errors.Is(err, context.DeadlineExceeded) {
		err = cause
	}
	return fmt.Errorf("read %s/%s: %w", n.Namespace, n.Name, err)
}

// readSource returns the event that the source's present state of a component amounts to.
func (p *publisher) readSource(ctx context.Context, n inventory.Name, before inventory.Entry) (event.Event, error) {
	scopes := p.watcher.source.Scopes()
	if !slices.ContainsFunc(scopes, func(s component.Scope) bool { return s.Contains(n.Namespace) }) {
		return event.Event{}, errors.New("the watcher does not watch this namespace: see KUBERNETES_NAMESPACE")
	}
	seen, found, err := p.watcher.source.Read(ctx, n.Namespace, n.Name)
	switch {
	case err != nil:
		return event.Event{}, err
	case !found && before.Sequence == 0:
		return event.Event{}, ErrUnknown
	case !found:
		return event.Tombstone(p.key(n), "", "", time.Now()), nil
	case seen.Err != nil:
		return event.Event{}, fmt.Errorf("%w: correct the component; its last readable state remains", seen.Err)
	}
	return event.Upserted(p.key(n), seen), nil
}

// awaitPublished waits until the stream has the state of the event; false after the patience. Its error is why that will not
// happen.
func (p *publisher) awaitPublished(ctx context.Context, n inventory.Name, wanted event.Event) (bool, error) {
	limits := p.watcher.readLimits
	patience := time.NewTimer(limits.patience)
	defer patience.Stop()
	poll := time.NewTicker(limits.poll)
	defer poll.Stop()
	for {
		known := p.inventory.Get(n)
		switch {
		case unchanged(known, wanted):
			return true, nil
		case known.Presence == inventory.Pending && wanted.Deleted():
			if waits := p.pendingDeletion(); waits != nil {
				return false, waits
			}
		case p.isTooLarge(n, wanted.Hash):
			return false, p.watcher.publishErrors.TooLarge
		}
		select {
		case <-poll.C:
		case <-patience.C:
			return false, nil
		case <-p.ended:
			return false, ErrNotSynced
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

func (p *publisher) isTooLarge(n inventory.Name, hash string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, found := p.unpublished.tooLarge[n]
	return found && known.hash == hash
}
