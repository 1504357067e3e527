package refregistry

import (
	"context"
	"slices"
	"sync"
)

// memoryStore keeps everything in maps behind one lock: transactions last
// microseconds, since answers are encoded after the lock is released.
type memoryStore struct {
	mu     sync.RWMutex
	tables tables
}

func newMemoryStore(shuffled bool) *memoryStore {
	rank := ranking(shuffled)
	return &memoryStore{tables: tables{
		labels:     newMemoryTable[labelRow](rank),
		registries: newMemoryTable[registryRow](rank),
		components: newMemoryTable[componentRow](rank),
		apis:       newMemoryTable[apiRow](rank),
	}}
}

func (m *memoryStore) view(_ context.Context, fn func(*tables) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return fn(&m.tables)
}

func (m *memoryStore) update(_ context.Context, fn func(*tables) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fn(&m.tables)
}

// ranking lists rows by id, or, shuffled, in an order that looks random and yet
// stays the same while the set does.
func ranking(shuffled bool) func(id int64) uint64 {
	if shuffled {
		return scatter
	}
	return func(id int64) uint64 { return uint64(id) }
}

// scatter is the finalizer of splitmix64. It is a bijection, so no two ids
// share a rank.
func scatter(id int64) uint64 {
	x := uint64(id) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// memoryTable's id lists are kept sorted by rank. With ranks that grow with
// the ids an insertion is an append.
type memoryTable[R record[R]] struct {
	rank    func(int64) uint64
	last    int64
	rows    map[int64]R
	order   []int64
	byFirst map[string][]int64 // by the pair's first half
	byPair  map[pair][]int64
}

func newMemoryTable[R record[R]](rank func(int64) uint64) *memoryTable[R] {
	return &memoryTable[R]{rank: rank, rows: map[int64]R{}, byFirst: map[string][]int64{}, byPair: map[pair][]int64{}}
}

func (t *memoryTable[R]) insert(row R) (R, error) {
	t.last++
	row = row.withID(t.last)
	t.rows[t.last] = row
	t.order = t.include(t.order, t.last)
	t.link(row)
	return row, nil
}

func (t *memoryTable[R]) get(id int64) (R, error) {
	row, ok := t.rows[id]
	if !ok {
		return row, errNoRow
	}
	return row, nil
}

func (t *memoryTable[R]) find(p pair) (R, error) {
	ids := t.byPair[p]
	if len(ids) == 0 {
		var none R
		return none, errNoRow
	}
	return t.get(slices.Min(ids))
}

func (t *memoryTable[R]) replace(row R) error {
	old, err := t.get(row.rowID())
	if err != nil {
		return err
	}
	if old.pair() != row.pair() {
		t.unlink(old)
		t.link(row)
	}
	t.rows[row.rowID()] = row
	return nil
}

func (t *memoryTable[R]) remove(id int64) error {
	row, err := t.get(id)
	if err != nil {
		return err
	}
	delete(t.rows, id)
	t.order = t.exclude(t.order, id)
	t.unlink(row)
	return nil
}

func (t *memoryTable[R]) page(sel selection, skip, limit int) ([]R, error) {
	ids := t.order
	switch {
	case sel.second != "":
		ids = t.byPair[pair{sel.first, sel.second}]
	case sel.first != "":
		ids = t.byFirst[sel.first]
	}
	if sel.state == "" {
		// All ids are wanted, so the page is a slice, however far in.
		ids = ids[min(skip, len(ids)):]
		skip = 0
	}
	page := make([]R, 0, min(limit, len(ids)))
	for _, id := range ids {
		if len(page) == limit {
			break
		}
		row := t.rows[id]
		if sel.state != "" && row.state() != sel.state {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		page = append(page, row)
	}
	return page, nil
}

func (t *memoryTable[R]) count() (int, error) { return len(t.rows), nil }

func (t *memoryTable[R]) link(row R) {
	p, id := row.pair(), row.rowID()
	t.byFirst[p.first] = t.include(t.byFirst[p.first], id)
	t.byPair[p] = t.include(t.byPair[p], id)
}

func (t *memoryTable[R]) unlink(row R) {
	p, id := row.pair(), row.rowID()
	if t.byFirst[p.first] = t.exclude(t.byFirst[p.first], id); len(t.byFirst[p.first]) == 0 {
		delete(t.byFirst, p.first)
	}
	if t.byPair[p] = t.exclude(t.byPair[p], id); len(t.byPair[p]) == 0 {
		delete(t.byPair, p)
	}
}

func (t *memoryTable[R]) include(ids []int64, id int64) []int64 {
	at, _ := t.position(ids, id)
	return slices.Insert(ids, at, id)
}

func (t *memoryTable[R]) exclude(ids []int64, id int64) []int64 {
	at, found := t.position(ids, id)
	if !found {
		return ids
	}
	return slices.Delete(ids, at, at+1)
}

func (t *memoryTable[R]) position(ids []int64, id int64) (int, bool) {
	return slices.BinarySearchFunc(ids, t.rank(id), func(other int64, rank uint64) int {
		switch r := t.rank(other); {
		case r < rank:
			return -1
		case r > rank:
			return 1
		}
		return 0
	})
}
