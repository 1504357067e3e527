package inventory

import "odasync/internal/component"

// Presence is what the resyncs of a scope and the decisions about deletions made of a component.
type Presence uint8

// The presences.
const (
	Present  Presence = iota
	Absent            // missing after a resync, and not decided about yet
	Pending           // absent, and its deletion waits for an approval
	Deleting          // its deletion was allowed or reported
)

// NextGeneration returns the number of a resync that begins.
func (t *Inventory) NextGeneration() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.generation++
	return uint64(t.generation)
}

// See records that the component exists. It returns the entry as it was before, and a ticket: of two changes of a component,
// the one with the higher ticket is newer.
func (t *Inventory) See(n Name) (before Entry, ticket uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.at(n)
	before = *e
	e.SeenIn, e.Presence = t.generation, Present
	t.ticket++
	return before, t.ticket
}

// SeeUnchanged is See where the last message has the state of the source and nothing is to be decided; otherwise it returns false.
func (t *Inventory) SeeUnchanged(n Name, source uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	if e == nil || source == 0 || e.Source != source || !e.Exists || e.InDoubt || e.Presence != Present {
		return false
	}
	e.SeenIn = t.generation
	return true
}

// ReportDeleted records a deletion that the source reported, as the presence absent or deleting. It returns what See returns.
func (t *Inventory) ReportDeleted(n Name, now Presence) (before Entry, ticket uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[n]; e != nil {
		before = *e
		e.SeenIn, e.Presence = 0, now
		if now == Absent && !e.Exists {
			e.Presence = Present
		}
	}
	t.ticket++
	return before, t.ticket
}

// MarkDeleting records that the deletion of an absent component is allowed; false if it was seen in the meantime.
func (t *Inventory) MarkDeleting(n Name) (ticket uint64, marked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[n]
	if e == nil || e.Presence == Present {
		return 0, false
	}
	e.SeenIn, e.Presence = 0, Deleting
	t.ticket++
	return t.ticket, true
}

// MarkAbsent marks and returns the components of the scope that the resync did not report, and that exist in the stream or
// are being published, which busy reports. Those that are unknown to the source, if it says so, are not absent.
func (t *Inventory) MarkAbsent(generation uint64, scope component.Scope, unknown func(namespace, name string) bool, busy func(Name) bool) (missing []Name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n, e := range t.entries {
		switch {
		case !e.Exists && e.SeenIn == 0 || uint64(e.SeenIn) >= generation || !scope.Contains(n.Namespace):
		case !e.Exists && !e.InDoubt && !busy(n):
			e.SeenIn, e.Presence = 0, Present // never published, such as a malformed one: nothing to delete
		case e.Presence != Deleting && unknown != nil && unknown(n.Namespace, n.Name):
			e.Presence = Present
		default:
			e.Presence = Absent
			missing = append(missing, n)
		}
	}
	return missing
}

// Tally returns the absent and pending components of the scopes, and counts those that exist in the stream or the cluster.
func (t *Inventory) Tally(listed []component.Scope) (missing []Name, existing int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	within := t.within(listed)
	for n, e := range t.entries {
		switch {
		case !within[n.Namespace]:
		case e.Presence == Absent || e.Presence == Pending:
			missing = append(missing, n)
			existing++
		case e.Presence == Present && (e.Exists || e.SeenIn > 0):
			existing++
		}
	}
	return missing, existing
}

// ForgetAbsentOutside makes absent and pending components outside the scopes present again.
func (t *Inventory) ForgetAbsentOutside(listed []component.Scope) {
	t.mu.Lock()
	defer t.mu.Unlock()
	within := t.within(listed)
	for n, e := range t.entries {
		if !within[n.Namespace] && (e.Presence == Absent || e.Presence == Pending) {
			e.Presence = Present
		}
	}
}

// within returns the namespaces that the scopes contain. The caller holds the lock.
func (t *Inventory) within(scopes []component.Scope) map[string]bool {
	within := make(map[string]bool, len(t.namespaces))
	for namespace := range t.namespaces {
		for _, scope := range scopes {
			within[namespace] = within[namespace] || scope.Contains(namespace)
		}
	}
	return within
}

// MarkPending records that the deletion of absent components waits for an approval.
func (t *Inventory) MarkPending(names []Name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range names {
		if e := t.entries[n]; e != nil && e.Presence == Absent {
			e.Presence = Pending
		}
	}
}

// LastGeneration is the number of the last resync that has begun.
func (t *Inventory) LastGeneration() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint64(t.generation)
}
