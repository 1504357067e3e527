package refregistry

import (
	"slices"
	"sync"

	v1 "odasync/internal/refregistry/v1"
)

// store has everything of v1 in maps behind one lock: transactions take microseconds,
// since answers are encoded after the lock is released.
type store struct {
	mu sync.RWMutex
	v1 v1.Tables
}

func newStore(shuffled bool) *store {
	rank := ranking(shuffled)
	return &store{v1: v1.Tables{
		Labels:     newTable[v1.LabelRow](rank),
		Registries: newTable[v1.RegistryRow](rank),
		Components: newTable[v1.ComponentRow](rank),
		APIs:       newTable[v1.APIRow](rank),
	}}
}

// View implements v1.Store.
func (s *store) View(fn func(*v1.Tables)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	fn(&s.v1)
}

// Update implements v1.Store.
func (s *store) Update(fn func(*v1.Tables)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.v1)
}

// ranking orders rows by id, or, shuffled, in an order that looks random and is
// stable.
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

// table keeps its id lists sorted by rank. With ranks that grow with the ids an
// insertion is an append.
type table[R v1.Row[R]] struct {
	rank    func(int64) uint64
	last    int64
	rows    map[int64]R
	order   []int64
	byFirst map[string][]int64 // by the pair's first half
	byPair  map[v1.Pair][]int64
}

func newTable[R v1.Row[R]](rank func(int64) uint64) *table[R] {
	return &table[R]{rank: rank, rows: map[int64]R{}, byFirst: map[string][]int64{}, byPair: map[v1.Pair][]int64{}}
}

// Insert implements v1.Table.
func (t *table[R]) Insert(row R) R {
	t.last++
	row = row.WithID(t.last)
	t.rows[t.last] = row
	t.order = t.include(t.order, t.last)
	t.link(row)
	return row
}

// Get implements v1.Table.
func (t *table[R]) Get(id int64) (R, bool) {
	row, ok := t.rows[id]
	return row, ok
}

// Find implements v1.Table.
func (t *table[R]) Find(pair v1.Pair) (R, bool) {
	ids := t.byPair[pair]
	if len(ids) == 0 {
		var none R
		return none, false
	}
	return t.Get(slices.Min(ids))
}

// Replace implements v1.Table.
func (t *table[R]) Replace(row R) {
	old, ok := t.Get(row.RowID())
	if !ok {
		return
	}
	if old.Pair() != row.Pair() {
		t.unlink(old)
		t.link(row)
	}
	t.rows[row.RowID()] = row
}

// Remove implements v1.Table.
func (t *table[R]) Remove(id int64) {
	row, ok := t.Get(id)
	if !ok {
		return
	}
	delete(t.rows, id)
	t.order = t.exclude(t.order, id)
	t.unlink(row)
}

// Page implements v1.Table.
func (t *table[R]) Page(sel v1.Selection, skip, limit int) []R {
	ids := t.order
	switch {
	case sel.Second != "":
		ids = t.byPair[v1.Pair{First: sel.First, Second: sel.Second}]
	case sel.First != "":
		ids = t.byFirst[sel.First]
	}
	if sel.State == "" {
		// Every id is wanted, so that the page is a slice, however far in.
		ids = ids[min(skip, len(ids)):]
		skip = 0
	}
	page := make([]R, 0, min(limit, len(ids)))
	for _, id := range ids {
		if len(page) == limit {
			break
		}
		row := t.rows[id]
		if sel.State != "" && row.State() != sel.State {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		page = append(page, row)
	}
	return page
}

// Count implements v1.Table.
func (t *table[R]) Count() int { return len(t.rows) }

func (t *table[R]) link(row R) {
	pair, id := row.Pair(), row.RowID()
	t.byFirst[pair.First] = t.include(t.byFirst[pair.First], id)
	t.byPair[pair] = t.include(t.byPair[pair], id)
}

func (t *table[R]) unlink(row R) {
	pair, id := row.Pair(), row.RowID()
	if t.byFirst[pair.First] = t.exclude(t.byFirst[pair.First], id); len(t.byFirst[pair.First]) == 0 {
		delete(t.byFirst, pair.First)
	}
	if t.byPair[pair] = t.exclude(t.byPair[pair], id); len(t.byPair[pair]) == 0 {
		delete(t.byPair, pair)
	}
}

func (t *table[R]) include(ids []int64, id int64) []int64 {
	at, _ := t.position(ids, id)
	return slices.Insert(ids, at, id)
}

func (t *table[R]) exclude(ids []int64, id int64) []int64 {
	at, found := t.position(ids, id)
	if !found {
		return ids
	}
	return slices.Delete(ids, at, at+1)
}

func (t *table[R]) position(ids []int64, id int64) (int, bool) {
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
