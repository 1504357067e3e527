package watcher

import "odasync/internal/component"

// presence is what the resyncs of a scope and the decisions about deletions made of a component.
type presence uint8

const (
	present  presence = iota
	absent            // missing after a resync, and not decided about yet
	pending           // absent, and its deletion waits for an approval
	deleting          // its deletion was allowed or reported
)

// nextGeneration returns the number of a resync that begins.
func (t *inventory) nextGeneration() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.generation++
	return uint64(t.generation)
}

// see records that the component exists. It returns the entry as it was before, and a ticket: of two changes of a component,
// the one with the higher ticket is newer.
func (t *inventory) see(n name) (before entry, ticket uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at(n)
	before = *e
	e.seenIn, e.presence = t.generation, present
	t.ticket++
	return before, t.ticket
}

// reportDeleted records a deletion that the source reported, as the presence absent or deleting. It returns what see returns.
func (t *inventory) reportDeleted(n name, now presence) (before entry, ticket uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[n]; e != nil {
		before = *e
		e.seenIn, e.presence = 0, now
		if now == absent && !e.exists {
			e.presence = present
		}
	}
	t.ticket++
	return before, t.ticket
}

// markDeleting records that the deletion of an absent component is allowed; false if it was seen in the meantime.
func (t *inventory) markDeleting(n name) (ticket uint64, marked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	if e == nil || e.presence == present {
		return 0, false
	}
	e.seenIn, e.presence = 0, deleting
	t.ticket++
	return t.ticket, true
}

// markAbsent marks and returns the components of the scope that the resync did not report, and that exist in the stream or
// are being published, which busy reports. Those that are unknown to the source, if it says so, are not absent.
func (t *inventory) markAbsent(generation uint64, scope component.Scope, unknown func(namespace, name string) bool, busy func(name) bool) (missing []name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n, e := range t.entries {
		switch {
		case !e.exists && e.seenIn == 0 || uint64(e.seenIn) >= generation || !scope.Contains(n.namespace):
		case !e.exists && !e.inDoubt && !busy(n):
			e.seenIn, e.presence = 0, present // never published, such as a malformed one: nothing to delete
		case e.presence != deleting && unknown != nil && unknown(n.namespace, n.name):
			e.presence = present
		default:
			e.presence = absent
			missing = append(missing, n)
		}
	}
	return missing
}

// tally returns the absent and pending components of the scopes, and counts those that exist in the stream or the cluster.
func (t *inventory) tally(listed []component.Scope) (missing []name, existing int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	within := t.within(listed)
	for n, e := range t.entries {
		switch {
		case !within[n.namespace]:
		case e.presence == absent || e.presence == pending:
			missing = append(missing, n)
			existing++
		case e.presence == present && (e.exists || e.seenIn > 0):
			existing++
		}
	}
	return missing, existing
}

// forgetAbsentOutside makes absent and pending components outside the scopes present again.
func (t *inventory) forgetAbsentOutside(listed []component.Scope) {
	t.mu.Lock()
	defer t.mu.Unlock()
	within := t.within(listed)
	for n, e := range t.entries {
		if !within[n.namespace] && (e.presence == absent || e.presence == pending) {
			e.presence = present
		}
	}
}

// within returns the namespaces that the scopes contain. The caller holds the lock.
func (t *inventory) within(scopes []component.Scope) map[string]bool {
	within := make(map[string]bool, len(t.namespaces))
	for namespace := range t.namespaces {
		for _, scope := range scopes {
			within[namespace] = within[namespace] || scope.Contains(namespace)
		}
	}
	return within
}

// markPending records that the deletion of absent components waits for an approval.
func (t *inventory) markPending(names []name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range names {
		if e := t.entries[n]; e != nil && e.presence == absent {
			e.presence = pending
		}
	}
}

// lastGeneration is the number of the last resync that has begun.
func (t *inventory) lastGeneration() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint64(t.generation)
}
