package watcher

import "sync"

// decided are the deletions that the cluster reported or that a decision allowed, until they stand in the log. They outlive
// a term: what was reported while NATS was away needs no approval afterwards.
type decided struct {
	mu        sync.Mutex
	number    uint64
	deletions map[name]deletion
}

type deletion struct {
	number uint64 // tells this one from an earlier one of the same component
	uid    digest // of what was deleted; zero where it is not known
}

// add returns the number of the deletion.
func (d *decided) add(n name, uid digest) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deletions == nil {
		d.deletions = make(map[name]deletion)
	}
	d.number++
	d.deletions[n] = deletion{d.number, uid}
	return d.number
}

// of returns the number of the component's deletion; 0 for none.
func (d *decided) of(n name) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.deletions[n].number
}

// done forgets a deletion that stands in the log.
func (d *decided) done(n name, number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deletions[n].number == number {
		delete(d.deletions, n)
	}
}

// void forgets the deletion of a component that was seen again.
func (d *decided) void(n name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.deletions, n)
}

// keep forgets, at the start of a term, what is deleted by now or was created again.
func (d *decided) keep(t *table) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, was := range d.deletions {
		if e := t.get(n); !e.exists || was.uid != (digest{}) && e.uid != (digest{}) && was.uid != e.uid {
			delete(d.deletions, n)
		}
	}
}
