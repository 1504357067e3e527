package coalesce

import (
	"context"
	"maps"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"odasync/internal/broadcast"
)

// Lanes is safe for concurrent use.
type Queue[K comparable, V any] struct {
	queue workqueue.TypedDelayingInterface[K]
	limit int
	older func(a, b V) bool

	mu      sync.Mutex
	waiting map[K]V
	busy    map[K]struct{}
	room    broadcast.Signal // rings when a waiting key is taken
	done    broadcast.Signal // rings when the work on a key ends, or it no longer waits
	closed  bool
}

// New returns lanes for at most limit waiting keys. older says whether a is older than b; without it the value that
// comes later is the newer one.
func New[K comparable, V any](limit int, older func(a, b V) bool) *Queue[K, V] {
	return &Queue[K, V]{
		queue:   workqueue.NewTypedDelayingQueue[K](),
		limit:   limit,
		older:   older,
		waiting: make(map[K]V),
		busy:    make(map[K]struct{}),
	}
}

// Put offers v for the key. Where a value waits already, the newer of the two stays and the other is returned as
// dropped. Put blocks while the lanes are full and the key is new; its only error is the context's. Closed lanes
// discard v.
func (l *Queue[K, V]) Add(ctx context.Context, key K, v V) (dropped V, was bool, err error) {
	for {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return dropped, false, nil
		}
		waits, was := l.waiting[key]
		if was && l.older != nil && l.older(v, waits) {
			l.mu.Unlock()
			return v, true, nil
		}
		if was || len(l.waiting) < l.limit {
			l.waiting[key] = v
			l.mu.Unlock()
			l.queue.Add(key)
			return waits, was, nil
		}
		room := l.room.Wait()
		l.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return dropped, false, ctx.Err()
		}
	}
}

// Again puts v back after the delay unless a newer value waits by then; it never blocks. The worker calls it before
// Done. Closed lanes discard v.
func (l *Queue[K, V]) Requeue(key K, v V, delay time.Duration) {
	l.mu.Lock()
	waits, was := l.waiting[key]
	if !l.closed && (!was || l.older != nil && l.older(waits, v)) {
		l.waiting[key] = v
	}
	l.mu.Unlock()
	l.queue.AddAfter(key, delay)
}

// Take waits for a key that is not being worked on and returns it with its value; false after Close. The worker
// calls Done with the key.
func (l *Queue[K, V]) Get() (key K, v V, ok bool) {
	for {
		key, closed := l.queue.Get()
		if closed {
			return key, v, false
		}
		l.mu.Lock()
		v, found := l.waiting[key]
		if found {
			delete(l.waiting, key)
			l.busy[key] = struct{}{}
			l.room.Broadcast()
		}
		l.mu.Unlock()
		if found {
			return key, v, true
		}
		l.queue.Done(key) // a second wake-up for a value that was already taken
	}
}

// Done ends the work on a key; a value that came meanwhile is next.
func (l *Queue[K, V]) Done(key K) {
	l.mu.Lock()
	delete(l.busy, key)
	l.mu.Unlock()
	l.done.Broadcast()
	l.queue.Done(key)
}

// Flush waits until everything that waits or is worked on now is done. What comes later does not count, but for a newer
// value of a key that is waited for. Its only error is the context's.
func (l *Queue[K, V]) Flush(ctx context.Context) error {
	l.mu.Lock()
	left := make(map[K]struct{}, len(l.waiting)+len(l.busy))
	for key := range l.waiting {
		left[key] = struct{}{}
	}
	maps.Copy(left, l.busy)
	l.mu.Unlock()
	for {
		rung := l.done.Wait()
		for key := range left {
			if l.Idle(key) {
				delete(left, key)
			}
		}
		if len(left) == 0 {
			return nil
		}
		select {
		case <-rung:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Idle says whether nothing of the key waits or is worked on.
func (l *Queue[K, V]) Idle(key K) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, waits := l.waiting[key]
	_, works := l.busy[key]
	return !waits && !works
}

// Len counts the waiting keys.
func (l *Queue[K, V]) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// Clear takes away what waits and returns it.
func (l *Queue[K, V]) Clear() map[K]V {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clear()
}

// clear wakes whoever waits to put or for the end of what waited. The caller holds the lock.
func (l *Queue[K, V]) clear() map[K]V {
	left := l.waiting
	l.waiting = make(map[K]V)
	l.room.Broadcast()
	l.done.Broadcast()
	return left
}

// Close wakes the workers and whoever waits to put; Take returns false. It returns what still waits.
func (l *Queue[K, V]) Close() map[K]V {
	l.queue.ShutDown()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.clear()
}
