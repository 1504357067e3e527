package coalesce_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"odasync/internal/coalesce"
)

// TestOneKeyOneWorker has many workers, keys that change all the time and work that comes again: a key is never with
// two workers, what a key shows never goes back, and its last value is always worked on.
func TestOneKeyOneWorker(t *testing.T) {
	const keys, workers, rounds = 8, 6, 400
	l := coalesce.New[string](keys/2, func(a, b int) bool { return a < b })
	var with [keys]atomic.Int32
	var newest [keys]atomic.Int64
	var done sync.WaitGroup // counts the last value of each key

	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for n := 0; ; n++ {
				name, value, ok := l.Get()
				if !ok {
					return
				}
				key, err := strconv.Atoi(name)
				if err != nil {
					t.Error(err)
				}
				if others := with[key].Add(1); others != 1 {
					t.Errorf("key %d is with %d workers", key, others)
				}
				if before := newest[key].Swap(int64(value)); int64(value) < before {
					t.Errorf("key %d shows %d after %d", key, value, before)
				}
				with[key].Add(-1)
				if n%5 == 0 && value != rounds {
					l.Requeue(name, value, time.Duration(n%3)*time.Millisecond)
				} else if value == rounds {
					done.Done()
				}
				l.Done(name)
			}
		})
	}
	var putting sync.WaitGroup
	for key := range keys {
		done.Add(1)
		putting.Go(func() {
			for value := 1; value <= rounds; value++ {
				if _, _, err := l.Add(t.Context(), strconv.Itoa(key), value); err != nil {
					t.Error(err)
				}
			}
		})
	}
	putting.Wait()
	done.Wait()
	if left := l.Close(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	working.Wait()
	for key := range keys {
		if got := newest[key].Load(); got != rounds {
			t.Errorf("key %d ended with %d, want %d", key, got, rounds)
		}
	}
}
