package watcher

import (
	"context"
	"time"

	"odasync/internal/component"
)

// lateness says how long a comparison waits for scopes while others have ended their rounds.
type lateness struct {
	silence time.Duration // since anything was heard of the scope
	known   time.Duration // the same for a scope that the comparison before could not list either
	limit   time.Duration // in all, whatever is heard
}

// defaultLateness waits longer than the source pauses between two tries of a scope, which is 30 seconds at most.
func defaultLateness() lateness {
	return lateness{silence: 35 * time.Second, known: time.Second, limit: 5 * time.Minute}
}

// reading is what a term knows of a scope's rounds.
type reading struct {
	begun uint64 // the round that is open; 0 for none
	ended uint64 // the last one that ended
	heard time.Time
}

// Begin implements component.Observer.
func (p *publisher) Begin(scope component.Scope) uint64 {
	round := p.table.begin()
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.reading(scope)
	delete(p.open, r.begun)
	r.begun, p.open[round] = round, r
	return round
}

// reading returns what is known of the scope. The caller holds the lock.
func (p *publisher) reading(scope component.Scope) *reading {
	r := p.readings[scope.String()]
	if r == nil {
		r = new(reading)
		p.readings[scope.String()] = r
	}
	return r
}

// heard notes that a scope shows something, and says whether that belongs to an open round.
func (p *publisher) heard(round uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.open[round]
	if r != nil {
		r.heard = time.Now()
	}
	return r != nil
}

// closed notes that a scope's round has ended.
func (p *publisher) closed(round uint64, scope component.Scope, resourceVersion string) {
	p.mu.Lock()
	r := p.reading(scope)
	delete(p.open, round)
	r.begun, r.ended, p.resourceVersion = 0, round, resourceVersion
	p.mu.Unlock()
	p.rounds.Broadcast()
}

// waitingFor lists the scopes that have not ended a round that began after the mark.
func (p *publisher) waitingFor(mark uint64) (late []component.Scope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, scope := range p.source.Scopes() {
		if p.reading(scope).ended <= mark {
			late = append(late, scope)
		}
	}
	return late
}

// awaitRounds waits until every scope has ended a round that began after the mark. Once one has, the others are waited for no
// longer than lateness says.
func (p *publisher) awaitRounds(ctx context.Context, mark uint64) error {
	var since time.Time // one has ended
	for {
		rung := p.rounds.Wait()
		late := p.waitingFor(mark)
		if len(late) == 0 {
			return nil
		}
		var giveUp <-chan time.Time
		if len(late) < len(p.source.Scopes()) {
			if since.IsZero() {
				since = time.Now()
			}
			left := p.patience(late, since)
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
func (p *publisher) patience(late []component.Scope, since time.Time) (left time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, scope := range late {
		r, silence := p.reading(scope), p.late.silence
		for _, known := range p.unlisted {
			if known == scope.String() {
				silence = p.late.known
			}
		}
		heard := since
		if r.begun != 0 && r.heard.After(since) {
			heard = r.heard
		}
		left = max(left, time.Until(heard.Add(silence)))
	}
	return min(left, time.Until(since.Add(p.late.limit)))
}
