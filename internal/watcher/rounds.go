package watcher

import (
	"context"
	"time"

	"odasync/internal/component"
)

// lateness says how long a comparison waits for scopes while others have ended their rounds.
type resyncLimits struct {
	silence  time.Duration // since anything was heard of the scope
	unlisted time.Duration // the same for a scope that the comparison before could not list either
	total    time.Duration // in all, whatever is heard
}

// defaultLateness waits longer than the source pauses between two tries of a scope, which is 30 seconds at most.
func defaultResyncLimits() resyncLimits {
	return resyncLimits{silence: 35 * time.Second, unlisted: time.Second, total: 5 * time.Minute}
}

// reading is what a term knows of a scope's rounds.
type resync struct {
	current  uint64 // the round that is open; 0 for none
	ended    uint64 // the last one that ended
	lastSeen time.Time
}

// Begin implements component.Observer.
func (p *publisher) Begin(scope component.Scope) uint64 {
	round := p.inventory.nextGeneration()
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.resync(scope)
	delete(p.current, r.current)
	r.current, p.current[round] = round, r
	return round
}

// reading returns what is known of the scope. The caller holds the lock.
func (p *publisher) resync(scope component.Scope) *resync {
	r := p.resyncs[scope.String()]
	if r == nil {
		r = new(resync)
		p.resyncs[scope.String()] = r
	}
	return r
}

// heard notes that a scope shows something, and says whether that belongs to an open round.
func (p *publisher) received(round uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.current[round]
	if r != nil {
		r.lastSeen = time.Now()
	}
	return r != nil
}

// closed notes that a scope's round has ended.
func (p *publisher) resyncEnded(round uint64, scope component.Scope, resourceVersion string) {
	p.mu.Lock()
	r := p.resync(scope)
	delete(p.current, round)
	r.current, r.ended, p.resourceVersion = 0, round, resourceVersion
	p.mu.Unlock()
	p.resynced.Broadcast()
}

// waitingFor lists the scopes that have not ended a round that began after the mark.
func (p *publisher) pendingScopes(mark uint64) (late []component.Scope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, scope := range p.watcher.source.Scopes() {
		if p.resync(scope).ended <= mark {
			late = append(late, scope)
		}
	}
	return late
}

// awaitRounds waits until every scope has ended a round that began after the mark. Once one has, the others are waited for no
// longer than lateness says.
func (p *publisher) awaitResyncs(ctx context.Context, mark uint64) error {
	var since time.Time // one has ended
	for {
		rung := p.resynced.Wait()
		late := p.pendingScopes(mark)
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
		case <-rung:
		case <-giveUp:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// patience is how much longer the late scopes are waited for: until none of them has been heard of for too long.
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
		heard := since
		if r.current != 0 && r.lastSeen.After(since) {
			heard = r.lastSeen
		}
		left = max(left, time.Until(heard.Add(silence)))
	}
	return min(left, time.Until(since.Add(p.watcher.resyncLimits.total)))
}
