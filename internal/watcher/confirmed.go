package watcher

import "sync"

// confirmedDeletions are the deletions that the source reported or a decision allowed, until they are published. They outlive
// a term: a deletion that was reported while NATS was unavailable needs no approval afterwards.
type confirmedDeletions struct {
	mu         sync.Mutex
	lastNumber uint64
	deletions  map[name]deletion
}

type deletion struct {
	number uint64 // differs from that of an earlier deletion of the component
	uid    digest // of the deleted component; zero if unknown
}

// add confirms a deletion and returns its number.
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

// number returns the number of the component's deletion; 0 for none.
func (d *confirmedDeletions) number(n name) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.deletions[n].number
}

// published removes a deletion that is stored in the stream.
func (d *confirmedDeletions) published(n name, number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deletions[n].number == number {
		delete(d.deletions, n)
	}
}

// cancel removes the deletion of a component that was seen again.
func (d *confirmedDeletions) cancel(n name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.deletions, n)
}

// restrict removes, at the start of a term, the deletions that are published by now and those of components created again.
func (d *confirmedDeletions) restrict(t *inventory) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, was := range d.deletions {
		if e := t.get(n); !e.exists || was.uid != (digest{}) && e.uid != (digest{}) && was.uid != e.uid {
			delete(d.deletions, n)
		}
	}
}
