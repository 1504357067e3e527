package cache

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
)

// Cache holds what is known of one collection, by the key of a row: the rows of the newest complete reading, and what this
// process has written since that reading began. The methods are safe for concurrent use; only Refresh waits for the registry.
type Cache[K, V comparable] struct {
	name    string
	clock   *atomic.Uint64
	flights *Flights

	mu   sync.Mutex
	rows map[K]V
	// read is when the reading began that the rows come from; 0 before the first.
	read uint64
	// steady is false where the reading may have missed rows.
	steady bool
	// writes are repeated on top of a reading in progress, whose pages may be older. Nil while there is none.
	writes []func(map[K]V)
}

// New returns a cache that was never read. The clock orders the readings of all caches that share it: its time is the number
// of readings that have begun. The name is that of the collection among those that share the flights.
func New[K, V comparable](name string, clock *atomic.Uint64, flights *Flights) *Cache[K, V] {
	return &Cache[K, V]{name: name, clock: clock, flights: flights}
}

// Get returns what is known of a row.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok = c.rows[key]
	return value, ok
}

// MayHave is false only where the registry certainly has no such row.
func (c *Cache[K, V]) MayHave(key K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.rows[key]
	return ok || !c.steady
}

// All returns a copy of the rows.
func (c *Cache[K, V]) All() map[K]V {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.rows)
}

// View passes the rows to look, which must not keep them, if they come from a reading that began after the given time.
func (c *Cache[K, V]) View(after uint64, look func(rows map[K]V)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read <= after {
		return false
	}
	look(c.rows)
	return true
}

// Put notes a row that the registry was seen to have.
func (c *Cache[K, V]) Put(key K, value V) {
	c.write(func(rows map[K]V) { rows[key] = value })
}

// Drop forgets a row that was deleted, unless the key has another value by now.
func (c *Cache[K, V]) Drop(key K, value V) {
	c.write(func(rows map[K]V) {
		if rows[key] == value {
			delete(rows, key)
		}
	})
}

// Delete forgets a row whatever its value is.
func (c *Cache[K, V]) Delete(key K) {
	c.write(func(rows map[K]V) { delete(rows, key) })
}

// write changes the rows, where there are any to be kept right.
func (c *Cache[K, V]) write(change func(map[K]V)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read > 0 {
		change(c.rows)
	}
	if c.writes != nil {
		c.writes = append(c.writes, change)
	}
}

// NewerThan reports whether the rows come from a reading that began after the given time.
func (c *Cache[K, V]) NewerThan(time uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read > time
}

// Refresh makes the rows come from a reading that began after the given time; time 0 accepts any reading. One reading of a
// collection runs at a time and serves all callers that wait. A failed reading leaves the rows as they are.
func (c *Cache[K, V]) Refresh(ctx context.Context, after uint64, read Reading[K, V]) error {
	for !c.NewerThan(after) {
		err := c.flights.Do(ctx, c.name, func() error {
			if c.NewerThan(after) {
				return nil
			}
			began := c.begin()
			rows, steady, err := read()
			c.end(began, rows, steady, err)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Reading reads a collection. Rows may be missing where it is not steady.
type Reading[K, V comparable] func() (rows map[K]V, steady bool, err error)

func (c *Cache[K, V]) begin() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = []func(map[K]V){}
	return c.clock.Add(1)
}

func (c *Cache[K, V]) end(began uint64, rows map[K]V, steady bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	writes := c.writes
	c.writes = nil
	if err != nil {
		return
	}
	if rows == nil {
		rows = map[K]V{}
	}
	c.rows, c.steady, c.read = rows, steady, began
	for _, change := range writes {
		change(rows)
	}
}

// Clear forgets the rows of readings that began at the given time or before.
func (c *Cache[K, V]) Clear(until uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read <= until {
		c.rows, c.steady, c.read = nil, false, 0
	}
}
