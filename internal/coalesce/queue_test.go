package coalesce_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"odasync/internal/coalesce"
	"odasync/internal/testcheck"
)

func TestQueue_KeepsTheOrderOfFirstArrivals(t *testing.T) {
	withQueue(t, 4, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		add(t, q, "b", 2)
		add(t, q, "a", 3)
		add(t, q, "c", 4)
		var got []taken
		for range 3 {
			got = append(got, get(t, q))
		}
		testcheck.Equal(t, "order", []taken{{"a", 3}, {"b", 2}, {"c", 4}}, got)
	})
}

func TestQueue_NewerValueStays(t *testing.T) {
	smaller := func(a, b int) bool { return a < b }
	tests := map[string]struct {
		older         func(a, b int) bool
		first, second int
		dropped, stay int
	}{
		"when later is newer":      {nil, 5, 4, 5, 4},
		"when the second is newer": {smaller, 4, 5, 4, 5},
		"when the second is older": {smaller, 5, 4, 4, 5},
		"when both are equal":      {func(a, b int) bool { return a/10 < b/10 }, 51, 52, 51, 52},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := coalesce.New[string](1, test.older)
				defer q.Close()
				if _, was := add(t, q, "a", test.first); was {
					t.Error("the first value found another one waiting")
				}
				if dropped, was := add(t, q, "a", test.second); !was || dropped != test.dropped {
					t.Errorf("dropped %d (%t), want %d", dropped, was, test.dropped)
				}
				testcheck.Equal(t, "took", test.stay, get(t, q).Value)
			})
		})
	}
}

func TestQueue_AddBlocksWhileFull(t *testing.T) {
	withQueue(t, 2, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		add(t, q, "b", 2)
		done := adding(t, q, "c", 3)
		select {
		case err := <-done:
			t.Fatalf("a third key found room for two: %v", err)
		default:
		}
		if dropped, was := add(t, q, "b", 4); !was || dropped != 2 { // blocks for ever if it waits too
			t.Errorf("dropped %d (%t), want 2", dropped, was)
		}
		testcheck.Equal(t, "key taken", "a", get(t, q).Key)
		testcheck.ErrorIs(t, "add", nil, <-done) // a taken key leaves room, even before it is done
		testcheck.Equal(t, "number waiting, b and c", 2, q.Len())
	})
}

func TestQueue_AddEndsWithItsContext(t *testing.T) {
	withQueue(t, 1, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, was, err := q.Add(ctx, "b", 2); was || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("add ends with %v (%t), want the context's error", err, was)
		}
		testcheck.Equal(t, "left", map[string]int{"a": 1}, q.Close())
	})
}

func TestQueue_ValueAddedDuringWorkIsNext(t *testing.T) {
	withQueue(t, 4, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		get(t, q)
		add(t, q, "a", 2)
		next := make(chan taken, 1)
		go func() {
			key, value, _ := q.Get()
			next <- taken{key, value}
		}()
		synctest.Wait()
		select {
		case got := <-next:
			t.Fatalf("took %v while the key is being worked on", got)
		default:
		}
		q.Done("a")
		if got := <-next; got.Value != 2 {
			t.Errorf("took %v, want 2", got)
		}
	})
}

func TestQueue_Requeue(t *testing.T) {
	withQueue(t, 1, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		get(t, q)
		add(t, q, "b", 2)
		q.Requeue("a", 1, time.Minute) // although the queue is full
		q.Done("a")
		if got := get(t, q); got.Key != "b" {
			t.Fatalf("took %v, want b", got)
		}
		q.Done("b")
		began := time.Now()
		key, value, _ := q.Get()
		testcheck.Equal(t, "taken", taken{"a", 1}, taken{key, value})
		testcheck.AtLeast(t, "waited", time.Minute, time.Since(began))
	})
}

func TestQueue_NewerValueDoesNotWaitForARequeuedOne(t *testing.T) {
	tests := map[string]func(q *queue) error{
		"when it is added first": func(q *queue) error {
			_, _, err := q.Add(context.Background(), "a", 2)
			q.Requeue("a", 1, time.Minute)
			return err
		},
		"when it is requeued first": func(q *queue) error {
			q.Requeue("a", 1, time.Minute)
			_, _, err := q.Add(context.Background(), "a", 2)
			return err
		},
	}
	for name, both := range tests {
		t.Run(name, func(t *testing.T) {
			withQueue(t, 1, func(t *testing.T, q *queue) {
				add(t, q, "a", 1)
				get(t, q)
				testcheck.NoError(t, both(q))
				q.Done("a")
				began := time.Now()
				if got := get(t, q); got.Value != 2 || time.Since(began) > 0 {
					t.Errorf("took %v after %s, want 2 at once", got, time.Since(began))
				}
				q.Done("a")
				time.Sleep(2 * time.Minute) // the delayed wake-up finds nothing
				synctest.Wait()
				if !q.Idle("a") || q.Len() != 0 {
					t.Error("the older value is still there")
				}
				testcheck.Equal(t, "left", map[string]int{}, q.Close())
			})
		})
	}
}

func TestQueue_RequeueKeepsTheNewerValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := coalesce.New[string](2, func(a, b int) bool { return a < b })
		defer q.Close()
		add(t, q, "a", 5)
		get(t, q)
		add(t, q, "a", 4) // a late one, older than what is being worked on
		q.Requeue("a", 5, 0)
		q.Done("a")
		testcheck.Equal(t, "the newer value", 5, get(t, q).Value)
	})
}

func TestQueue_Idle(t *testing.T) {
	withQueue(t, 2, func(t *testing.T, q *queue) {
		steps := []struct {
			name string
			do   func()
			idle bool
		}{
			{"new", func() {}, true},
			{"waiting", func() { add(t, q, "a", 1) }, false},
			{"being worked on", func() { get(t, q) }, false},
			{"to come again", func() { q.Requeue("a", 1, time.Minute) }, false},
			{"done and to come again", func() { q.Done("a") }, false},
			{"taken again", func() { time.Sleep(time.Minute); get(t, q) }, false},
			{"done", func() { q.Done("a") }, true},
			{"another key", func() { add(t, q, "b", 1) }, true},
		}
		for _, step := range steps {
			step.do()
			testcheck.Equal(t, fmt.Sprintf("%s: idle", step.name), step.idle, q.Idle("a"))
		}
	})
}

func TestQueue_CloseWakesWorkersAndReturnsWaitingValues(t *testing.T) {
	withQueue(t, 4, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		get(t, q)
		add(t, q, "a", 2) // waits for the worker
		ended := make(chan bool, 2)
		for range 2 {
			go func() {
				_, _, ok := q.Get()
				ended <- ok
			}()
		}
		synctest.Wait()
		testcheck.Equal(t, "left", map[string]int{"a": 2}, q.Close())
		q.Requeue("a", 1, time.Second)
		q.Done("a")
		for range 2 {
			if <-ended {
				t.Error("a worker took something after Close")
			}
		}
		if _, _, ok := q.Get(); ok {
			t.Error("something was taken after Close")
		}
	})
}

func TestQueue_CloseWakesAddAndDiscards(t *testing.T) {
	withQueue(t, 1, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		done := adding(t, q, "b", 2)
		testcheck.Equal(t, "left", map[string]int{"a": 1}, q.Close())
		testcheck.ErrorIs(t, "add", nil, <-done)
		if _, was := add(t, q, "b", 3); was || q.Len() != 0 {
			t.Error("a closed queue kept a value")
		}
		testcheck.Equal(t, "left by the second Close", map[string]int{}, q.Close())
	})
}

func TestQueue_ReservedValueWaitsUntilItIsTaken(t *testing.T) {
	withQueue(t, 4, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		key, ok := q.Next()
		if key != "a" || !ok {
			t.Fatalf("reserved %q, %t", key, ok)
		}
		if dropped, replaced, err := q.Add(t.Context(), "a", 2); dropped != 1 || !replaced || err != nil {
			t.Errorf("replaced %d, %t, %v", dropped, replaced, err)
		}
		if value, found := q.Take("a"); value != 2 || !found {
			t.Errorf("took %d, %t", value, found)
		}
		if value, found := q.Take("a"); found {
			t.Errorf("took %d again", value)
		}
		q.Done("a")
		add(t, q, "a", 3)
		if key, ok = q.Next(); key != "a" || !ok {
			t.Fatalf("reserved %q, %t", key, ok)
		}
		q.Clear()
		if value, found := q.Take("a"); found {
			t.Errorf("took %d, which was cleared", value)
		}
		add(t, q, "a", 4) // goes to the next worker
		q.Done("a")
		testcheck.Equal(t, "taken", taken{"a", 4}, get(t, q))
	})
}
