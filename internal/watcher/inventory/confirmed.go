package inventory

import "sync"

// Confirmed are the deletions that the source reported or a decision allowed, until they are published. They outlive a
// term: a deletion that was reported while NATS was unavailable needs no approval afterwards.
type Confirmed struct {
	mu         sync.Mutex
	lastNumber uint64
	deletions  map[Name]deletion
}

type deletion struct {
	number uint64 // differs from that of an earlier deletion of the component
	uid    Digest // of the deleted component; zero if unknown
}

// Add confirms a deletion and returns its number.
func (d *Confirmed) Add(n Name, uid Digest) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deletions == nil {
		d.deletions = make(map[Name]deletion)
	}
	d.lastNumber++
	d.deletions[n] = deletion{d.lastNumber, uid}
	return d.lastNumber
}

// Number returns the number of the component's deletion; 0 for none.
func (d *Confirmed) Number(n Name) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.deletions[n].number
}

// Published removes a deletion that is stored in the stream.
func (d *Confirmed) Published(n Name, number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deletions[n].number == number {
		delete(d.deletions, n)
	}
}

// Cancel removes the deletion of a component that was seen again.
func (d *Confirmed) Cancel(n Name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.deletions, n)
}

// Len is the number of deletions that are not published yet.
func (d *Confirmed) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.deletions)
}

// Restrict removes, at the start of a term, the deletions that are published by now and those of components created again.
func (d *Confirmed) Restrict(t *Inventory) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, was := range d.deletions {
		if e := t.Get(n); !e.Exists || was.uid != (Digest{}) && e.UID != (Digest{}) && was.uid != e.UID {
			delete(d.deletions, n)
		}
	}
}
