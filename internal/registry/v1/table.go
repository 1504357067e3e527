package v1

import (
	"context"
	"maps"
	"sync"
)

// table is what is known of one of the registry's collections: rows as the last load brought them, plus what this
// process has written since. The zero table is empty and not loaded.
type table[K, V comparable] struct {
	mu   sync.Mutex
	rows map[K]V
	// begun counts the loads that began; asOf is the number of the one that the rows come from, 0 for none.
	begun, asOf uint64
	// since holds what was changed while a load was under way: its pages may be older. Nil where there is no load.
	since  []change[K, V]
	flight flight[struct{}]
}

type change[K, V comparable] struct {
	key     K
	value   V
	dropped bool
}

func (t *table[K, V]) get(key K) (V, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	value, ok := t.rows[key]
	return value, ok
}

func (t *table[K, V]) put(key K, value V) { t.apply(change[K, V]{key: key, value: value}) }

func (t *table[K, V]) all() map[K]V {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.rows)
}

// drop forgets the key if it still has that value.
func (t *table[K, V]) drop(key K, value V) {
	t.apply(change[K, V]{key: key, value: value, dropped: true})
}

func (t *table[K, V]) apply(c change[K, V]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since != nil {
		t.since = append(t.since, c)
	}
	t.change(c)
}

func (t *table[K, V]) change(c change[K, V]) {
	if t.rows == nil {
		t.rows = map[K]V{}
	}
	if !c.dropped {
		t.rows[c.key] = c.value
	} else if t.rows[c.key] == c.value {
		delete(t.rows, c.key)
	}
}

// mark is the present moment, for reload: only a load that begins after it is newer.
func (t *table[K, V]) mark() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.begun
}

func (t *table[K, V]) newerThan(mark uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asOf > mark
}

// reload makes the rows come from a load that began after the mark. All who ask at about the same time share one load;
// mark 0 asks for any load at all. After a failed load the rows are as before.
func (t *table[K, V]) reload(ctx context.Context, mark uint64, load func() (map[K]V, error)) error {
	for !t.newerThan(mark) {
		err := t.flight.do(ctx, struct{}{}, func() error {
			if t.newerThan(mark) {
				return nil
			}
			number := t.beginLoad()
			rows, err := load()
			t.endLoad(number, rows, err)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *table[K, V]) beginLoad() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun++
	t.since = []change[K, V]{}
	return t.begun
}

func (t *table[K, V]) endLoad(number uint64, rows map[K]V, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	since := t.since
	t.since = nil
	if err != nil {
		return
	}
	t.rows, t.asOf = rows, number
	for _, c := range since {
		t.change(c)
	}
}
