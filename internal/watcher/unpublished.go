package watcher

import (
	"cmp"
	"slices"
	"strings"

	"odasync/internal/component"
	"odasync/internal/watcher/inventory"
)

// unpublished remembers which components cannot be published, and why. The caller holds the lock of its publisher.
type unpublished struct {
	malformed map[inventory.Name]string
	tooLarge  map[inventory.Name]oversize
}

// oversize is an event that is too large.
type oversize struct{ hash, message string }

// maxMessage bounds the message about one component, in bytes.
const maxMessage = 300

// noteRead records whether the component could be read.
func (p *publisher) noteRead(n inventory.Name, problem error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if problem == nil {
		delete(p.unpublished.malformed, n)
	} else {
		p.unpublished.malformed[n] = shorten(problem)
	}
}

// noteTooLarge records an event that is too large. It returns whether that is new.
func (p *publisher) noteTooLarge(n inventory.Name, hash string, problem error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.unpublished.tooLarge[n].hash == hash
	p.unpublished.tooLarge[n] = oversize{hash, shorten(problem)}
	return !known
}

// noteFits records that the newest event of the component is in the stream.
func (p *publisher) noteFits(n inventory.Name) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.unpublished.tooLarge, n)
}

// forgetUnseen forgets the components of the scope that the resync did not report. Those that were never published are absent
// from every other record.
func (p *publisher) forgetUnseen(generation uint64, scope component.Scope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	unseen := func(n inventory.Name) bool {
		return scope.Contains(n.Namespace) && uint64(p.inventory.Get(n).SeenIn) < generation
	}
	for n := range p.unpublished.malformed {
		if unseen(n) {
			delete(p.unpublished.malformed, n)
		}
	}
	for n := range p.unpublished.tooLarge {
		if unseen(n) {
			delete(p.unpublished.tooLarge, n)
		}
	}
}

// Unpublished returns the components behind the given one whose state in the cluster is not in the stream, at most limit of
// them, sorted by namespace and name; none while not leading. more means that there are others behind them.
func (w *Watcher) Unpublished(after component.Key, limit int) (page []component.Unpublished, more bool) {
	p := w.term.Load()
	if p == nil {
		return nil, false
	}
	all := p.unpublishedBehind(inventory.Name{Namespace: after.Namespace, Name: after.Name})
	if len(all) > limit {
		return all[:limit], true
	}
	return all, false
}

func (p *publisher) unpublishedBehind(after inventory.Name) []component.Unpublished {
	all := []component.Unpublished{}
	add := func(n inventory.Name, reason component.Unpublishable, message string) {
		if cmp.Or(cmp.Compare(n.Namespace, after.Namespace), cmp.Compare(n.Name, after.Name)) > 0 {
			all = append(all, component.Unpublished{Namespace: n.Namespace, Name: n.Name, Reason: reason, Message: message})
		}
	}
	waits := p.pendingDeletion()
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, message := range p.unpublished.malformed {
		add(n, component.Malformed, message)
	}
	for n, event := range p.unpublished.tooLarge {
		if _, malformed := p.unpublished.malformed[n]; !malformed {
			add(n, component.TooLarge, event.message)
		}
	}
	if waits != nil {
		missing, _ := p.inventory.Tally(p.listed)
		for _, n := range missing {
			add(n, component.PendingApproval, "its deletion waits for approval "+waits.ID)
		}
	}
	slices.SortFunc(all, func(a, b component.Unpublished) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.CompactFunc(all, func(a, b component.Unpublished) bool { return a.Namespace == b.Namespace && a.Name == b.Name })
}

// shorten returns a copy of the message in at most maxMessage bytes.
func shorten(problem error) string {
	text := problem.Error()
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return strings.Clone(text)
}
