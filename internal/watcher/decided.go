package watcher

import "sync"

// decided are the deletions that the cluster reported or that a decision allowed, until they stand in the log. They outlive
// a term: what was reported while NATS was away needs no approval afterwards.
type confirmedDeletions struct {
	mu         sync.Mutex
	lastNumber uint64
	deletions  map[name]deletion
}

type deletion struct {
	number uint64 // tells this one from an earlier one of the same component
	uid    digest // of what was deleted; zero where it is not known
}

// add returns the number of the deletion.
func (d *confirmedDeletions) add(n name, uid digest) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deletions == nil {
		d.deletions = make(map[name]deletion)
	}
	d.lastNumber++
	d.deletions[n] = deletion{d.lastNumber, uid}
	return d.lastNumber
}

// of returns the number of the component's deletion; 0 for none.
func (d *confirmedDeletions) number(n name) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.deletions[n].number
}

// done forgets a deletion that stands in the log.
func (d *confirmedDeletions) published(n name, number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deletions[n].number == number {
		delete(d.deletions, n)
	}
}

// void forgets the deletion of a component that was seen again.
func (d *confirmedDeletions) cancel(n name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.deletions, n)
}

// keep forgets, at the start of a term, what is deleted by now or was created again.
func (d *confirmedDeletions) restrict(t *inventory) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, was := range d.deletions {
		if e := t.get(n); !e.exists || was.uid != (digest{}) && e.uid != (digest{}) && was.uid != e.uid {
			delete(d.deletions, n)
		}
	}
}
