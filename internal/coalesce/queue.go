package coalesce

import (
	"context"
	"maps"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"odasync/internal/broadcast"
)

// Queue is safe for concurrent use.
type Queue[K comparable, V any] struct {
	queue workqueue.TypedDelayingInterface[K]
	limit int
	older func(a, b V) bool

	mu      sync.Mutex
	waiting map[K]V
	busy    map[K]struct{}
	taken   broadcast.Signal // a waiting key was taken
	done    broadcast.Signal // the work on a key ended, or it no longer waits
	closed  bool
}

// New returns a queue of at most limit waiting keys. older reports whether a is older than b; without it the value that was
// added later is the newer one.
func New[K comparable, V any](limit int, older func(a, b V) bool) *Queue[K, V] {
	return &Queue[K, V]{
		queue:   workqueue.NewTypedDelayingQueue[K](),
		limit:   limit,
		older:   older,
		waiting: make(map[K]V),
		busy:    make(map[K]struct{}),
	}
}

// Add adds the value of the key. If a value waits already, the newer of the two stays; the other one is returned, and
// replaced is true. Add blocks while the queue is full and the key is new; its only error is the context's. A closed queue
// discards the value.
func (q *Queue[K, V]) Add(ctx context.Context, key K, value V) (dropped V, replaced bool, err error) {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return dropped, false, nil
		}
		present, found := q.waiting[key]
		if found && q.older != nil && q.older(value, present) {
			q.mu.Unlock()
			return value, true, nil
		}
		if found || len(q.waiting) < q.limit {
			q.waiting[key] = value
			q.mu.Unlock()
			q.queue.Add(key)
			return present, found, nil
		}
		taken := q.taken.Wait()
		q.mu.Unlock()
		select {
		case <-taken:
		case <-ctx.Done():
			return dropped, false, ctx.Err()
		}
	}
}

// Requeue adds the value after the delay unless a newer one waits by then; it never blocks. The worker calls it before Done.
// A closed queue discards the value.
func (q *Queue[K, V]) Requeue(key K, value V, delay time.Duration) {
	q.mu.Lock()
	present, found := q.waiting[key]
	if !q.closed && (!found || q.older != nil && q.older(present, value)) {
		q.waiting[key] = value
	}
	q.mu.Unlock()
	q.queue.AddAfter(key, delay)
}

// Get blocks until there is a key that no worker has, and returns it with its value; false after Close. The worker calls
// Done with the key.
func (q *Queue[K, V]) Get() (key K, value V, ok bool) {
	for {
		if key, ok = q.Next(); !ok {
			return key, value, false
		}
		if value, ok = q.Take(key); ok {
			return key, value, true
		}
		q.queue.Done(key) // a second wake-up for a value that was already taken
	}
}

// Next blocks until there is a key that no worker has, and reserves it; false after Close. Its value keeps waiting, so that a
// newer one can still replace it, until the worker calls Take. The worker calls Done with the key in any case.
func (q *Queue[K, V]) Next() (key K, ok bool) {
	key, closed := q.queue.Get()
	return key, !closed
}

// Take returns the value of a reserved key; false if it no longer waits.
func (q *Queue[K, V]) Take(key K) (value V, found bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	value, found = q.waiting[key]
	if found {
		delete(q.waiting, key)
		q.busy[key] = struct{}{}
		q.taken.Broadcast()
	}
	return value, found
}

// Done ends the work on a key. A value that was added meanwhile is next.
func (q *Queue[K, V]) Done(key K) {
	q.mu.Lock()
	delete(q.busy, key)
	q.mu.Unlock()
	q.done.Broadcast()
	q.queue.Done(key)
}

// Flush blocks until all keys that wait or are worked on now are done, including newer values of these keys. Its only error
// is the context's.
func (q *Queue[K, V]) Flush(ctx context.Context) error {
	q.mu.Lock()
	left := make(map[K]struct{}, len(q.waiting)+len(q.busy))
	for key := range q.waiting {
		left[key] = struct{}{}
	}
	maps.Copy(left, q.busy)
	q.mu.Unlock()
	for {
		done := q.done.Wait()
		maps.DeleteFunc(left, func(key K, _ struct{}) bool { return q.Idle(key) })
		if len(left) == 0 {
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Idle reports whether the key neither waits nor is worked on.
func (q *Queue[K, V]) Idle(key K) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, waits := q.waiting[key]
	_, busy := q.busy[key]
	return !waits && !busy
}

// Len counts the waiting keys.
func (q *Queue[K, V]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// Clear removes the waiting values and returns them.
func (q *Queue[K, V]) Clear() map[K]V {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.clear()
}

// clear also wakes blocked calls of Add and Flush. The caller holds the lock.
func (q *Queue[K, V]) clear() map[K]V {
	left := q.waiting
	q.waiting = make(map[K]V)
	q.taken.Broadcast()
	q.done.Broadcast()
	return left
}

// Close wakes the workers and blocked calls of Add; Get returns false from then on. It returns the waiting values.
func (q *Queue[K, V]) Close() map[K]V {
	q.queue.ShutDown()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	return q.clear()
}
