package coalesce_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"odasync/internal/coalesce"
	"odasync/internal/testcheck"
)

// Many workers, keys that change all the time and requeued values: no two workers have the same key, the values of a key
// never go back, and its last value is always handled.
func TestQueue_OneWorkerAKey(t *testing.T) {
	const keys, workers, rounds = 8, 6, 400
	q := coalesce.New[string](keys/2, func(a, b int) bool { return a < b })
	var workersOf [keys]atomic.Int32
	var newest [keys]atomic.Int64
	var done sync.WaitGroup // counts the last value of each key

	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for n := 0; ; n++ {
				name, value, ok := q.Get()
				if !ok {
					return
				}
				key, err := strconv.Atoi(name)
				if err != nil {
					t.Error(err)
				}
				testcheck.Equal(t, fmt.Sprintf("workers of key %d", key), 1, workersOf[key].Add(1))
				if before := newest[key].Swap(int64(value)); int64(value) < before {
					t.Errorf("key %d has %d after %d", key, value, before)
				}
				workersOf[key].Add(-1)
				if n%5 == 0 && value != rounds {
					q.Requeue(name, value, time.Duration(n%3)*time.Millisecond)
				} else if value == rounds {
					done.Done()
				}
				q.Done(name)
			}
		})
	}
	var putting sync.WaitGroup
	for key := range keys {
		done.Add(1)
		putting.Go(func() {
			for value := 1; value <= rounds; value++ {
				if _, _, err := q.Add(t.Context(), strconv.Itoa(key), value); err != nil {
					t.Error(err)
				}
			}
		})
	}
	putting.Wait()
	done.Wait()
	testcheck.Empty(t, "left", q.Close())
	working.Wait()
	for key := range keys {
		testcheck.Equal(t, fmt.Sprintf("the newest of key %d", key), rounds, newest[key].Load())
	}
}
