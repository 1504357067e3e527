package v1

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/singleflight"

	"odasync/internal/fingerprint"
	"odasync/internal/registry"
)

// cache holds the ids of one collection of the registry by the fingerprint of what identifies a row: the rows of the
// newest complete reading, and what this process has written since that reading began. The methods are safe for
// concurrent use; only refresh waits for the registry.
//
// # Errors
//
// A cached id may be wrong at any time. Other replicas, other programs and people write to the registry, and a registry
// that lost its database assigns its ids anew: an id may then lead to nothing or to another row, and rows exist that
// the cache lacks. Therefore no caller writes to an id before it has read the row behind it and recognised it. A row that
// the cache lacks is created without a search where the registry rejects a second one: labels, components and registry
// entries. APIs, of which it accepts any number, are created unread only for a component that this process has just
// created and of whose name a steady list had none.
//
// # Correction
//
// A caller notices a wrong entry by the registry's answer: a status 404 or 409, a row with another name, or a registry
// entry that was created at another time. It then calls refresh with the time of its own start, on the cache's clock, and
// starts over. A reading that began later is new enough, also if another caller asked for it: callers that meet the same
// change at the same time cause one reading.
//
// # Waiting
//
// One reading of a collection runs at a time and serves all callers that wait, see [flights.do].
type cache struct {
	name    string
	clock   *atomic.Uint64
	flights *flights

	mu  sync.Mutex
	ids map[fingerprint.Print]int64
	// read is when the reading began that the ids come from; 0 before the first.
	read uint64
	// steady is false where the reading may have missed rows.
	steady bool
	// writes are repeated on top of a reading in progress, whose pages may be older. Nil while there is none.
	writes []func(map[fingerprint.Print]int64)
}

func (c *cache) get(key fingerprint.Print) (id int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok = c.ids[key]
	return id, ok
}

// mayHave is false only where the registry certainly has no such row.
func (c *cache) mayHave(key fingerprint.Print) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.ids[key]
	return ok || !c.steady
}

func (c *cache) all() map[fingerprint.Print]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.ids)
}

// put notes a row that the registry was seen to have.
func (c *cache) put(key fingerprint.Print, id int64) {
	c.write(func(ids map[fingerprint.Print]int64) { ids[key] = id })
}

// drop forgets a row that was deleted, unless the key has another id by now.
func (c *cache) drop(key fingerprint.Print, id int64) {
	c.write(func(ids map[fingerprint.Print]int64) {
		if ids[key] == id {
			delete(ids, key)
		}
	})
}

func (c *cache) write(change func(map[fingerprint.Print]int64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil {
		c.ids = map[fingerprint.Print]int64{}
	}
	change(c.ids)
	if c.writes != nil {
		c.writes = append(c.writes, change)
	}
}

// newerThan reports whether the ids come from a reading that began after the given time.
func (c *cache) newerThan(time uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read > time
}

// refresh makes the ids come from a reading that began after the given time; time 0 accepts any reading. A failed reading
// leaves the ids as they are.
func (c *cache) refresh(ctx context.Context, after uint64, read reading) error {
	for !c.newerThan(after) {
		err := c.flights.do(ctx, c.name, func() error {
			if c.newerThan(after) {
				return nil
			}
			began := c.begin()
			ids, steady, err := read()
			c.end(began, ids, steady, err)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// reading reads a collection. Rows may be missing where it is not steady.
type reading func() (ids map[fingerprint.Print]int64, steady bool, err error)

func (c *cache) begin() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = []func(map[fingerprint.Print]int64){}
	return c.clock.Add(1)
}

func (c *cache) end(began uint64, ids map[fingerprint.Print]int64, steady bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	writes := c.writes
	c.writes = nil
	if err != nil {
		return
	}
	c.ids, c.steady, c.read = ids, steady, began
	for _, change := range writes {
		change(ids)
	}
}

// flights lets one of several concurrent callers do the work that all of them need.
type flights struct{ group singleflight.Group }

// do runs the work for the key, or waits for the same work of another caller and returns its error. A caller whose context
// ends stops waiting.
//
// Work belongs to the caller that began it: it runs with that caller's context and has ended when do returns to that
// caller. When the work ends with that context, one of the waiting callers begins its own.
func (f *flights) do(ctx context.Context, key string, work func() error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var begun atomic.Bool
		result := f.group.DoChan(key, func() (any, error) {
			if begun.Swap(true) {
				return nil, context.Canceled // the caller left before its work began
			}
			return nil, work()
		})
		select {
		case r := <-result:
			if begun.Load() || !registry.ContextEnded(r.Err) {
				return r.Err
			}
		case <-ctx.Done():
			if begun.Swap(true) {
				return (<-result).Err
			}
			return ctx.Err()
		}
	}
}
