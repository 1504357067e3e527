package watcher

import (
	"context"
	"slices"
	"time"

	"odasync/internal/component"
)

// resyncLimits limit the time that a full sync waits for a scope after another one has ended its resync.
type resyncLimits struct {
	silence  time.Duration // without a report of the scope
	unlisted time.Duration // the same for a scope that the full sync before left out
	total    time.Duration // in all, even with reports
}

// defaultResyncLimits wait longer than the source pauses between two attempts, which is at most 30 seconds.
func defaultResyncLimits() resyncLimits {
	return resyncLimits{silence: 35 * time.Second, unlisted: time.Second, total: 5 * time.Minute}
}

// resync is the state of the resyncs of a scope within a term.
type resync struct {
	current  uint64 // generation of the resync that is under way; 0 for none
	ended    uint64 // generation of the resync that ended last
	lastSeen time.Time
	partial  bool // the source did not know everything at the end of the last one
}

// Begin implements component.Observer.
func (p *publisher) Begin(scope component.Scope) uint64 {
	generation := p.inventory.NextGeneration()
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.resync(scope)
	delete(p.current, r.current)
	r.current, p.current[generation] = generation, r
	return generation
}

// resync returns the state of the scope. The caller holds the lock.
func (p *publisher) resync(scope component.Scope) *resync {
	r := p.resyncs[scope.String()]
	if r == nil {
		r = new(resync)
		p.resyncs[scope.String()] = r
	}
	return r
}

// received records a report of a scope. It returns whether the report belongs to a resync.
func (p *publisher) received(generation uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.current[generation]
	if r != nil {
		r.lastSeen = time.Now()
	}
	return r != nil
}

// resyncEnded records the end of a resync.
func (p *publisher) resyncEnded(generation uint64, scope component.Scope, resourceVersion string) {
	p.mu.Lock()
	r := p.resync(scope)
	delete(p.current, generation)
	r.current, r.ended, p.resourceVersion = 0, generation, resourceVersion
	p.mu.Unlock()
	p.resynced.Broadcast()
}

// notePartial records whether the source knew everything of the scope at the end of a resync. It returns whether that changed.
func (p *publisher) notePartial(scope component.Scope, partial bool) (changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.resync(scope)
	changed = r.partial != partial
	r.partial = partial
	return changed
}

// incomplete returns the scopes that the last decision left out, and those of which the source does not know everything.
func (p *publisher) incomplete() (scopes []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	scopes = slices.Clone(p.unlisted)
	for _, scope := range p.watcher.source.Scopes() {
		if text := scope.String(); p.resync(scope).partial && !slices.Contains(scopes, text) {
			scopes = append(scopes, text)
		}
	}
	return scopes
}

// unfinishedScopes returns the scopes that have not ended a resync of a later generation.
func (p *publisher) unfinishedScopes(after uint64) (late []component.Scope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, scope := range p.watcher.source.Scopes() {
		if p.resync(scope).ended <= after {
			late = append(late, scope)
		}
	}
	return late
}

// awaitResyncs waits until every scope has ended a resync of a later generation. After the first one, it waits for the others
// within the resyncLimits.
func (p *publisher) awaitResyncs(ctx context.Context, after uint64) error {
	var since time.Time // of the first that has ended
	for {
		ended := p.resynced.Wait()
		late := p.unfinishedScopes(after)
		if len(late) == 0 {
			return nil
		}
		var giveUp <-chan time.Time
		if len(late) < len(p.watcher.source.Scopes()) {
			if since.IsZero() {
				since = time.Now()
			}
			left := p.timeLeft(late, since)
			if left <= 0 {
				return nil
			}
			giveUp = time.After(left)
		}
		select {
		case <-ended:
		case <-giveUp:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// timeLeft is how much longer to wait for the late scopes.
func (p *publisher) timeLeft(late []component.Scope, since time.Time) (left time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, scope := range late {
		r, silence := p.resync(scope), p.watcher.resyncLimits.silence
		for _, known := range p.unlisted {
			if known == scope.String() {
				silence = p.watcher.resyncLimits.unlisted
			}
		}
		last := since
		if r.current != 0 && r.lastSeen.After(since) {
			last = r.lastSeen
		}
		left = max(left, time.Until(last.Add(silence)))
	}
	return min(left, time.Until(since.Add(p.watcher.resyncLimits.total)))
}
