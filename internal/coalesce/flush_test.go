package coalesce_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"odasync/internal/coalesce"
	"odasync/internal/testcheck"
)

// flushing begins a flush; over reports whether it has ended.
func flushing(t *testing.T, q *coalesce.Queue[string, int]) (over func() bool) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- q.Flush(t.Context()) }()
	synctest.Wait()
	return func() bool {
		t.Helper()
		synctest.Wait()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("flush: %v", err)
			}
			return true
		default:
			return false
		}
	}
}

func TestQueue_FlushWhenEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := coalesce.New[string, int](4, nil)
		if !flushing(t, q)() {
			t.Error("waits although nothing waits")
		}
		q.Close()
		if !flushing(t, q)() {
			t.Error("waits for a closed queue")
		}
	})
}

func TestQueue_Flush(t *testing.T) {
	type step struct {
		name string
		do   func(t *testing.T, q *coalesce.Queue[string, int])
		over bool
	}
	add := func(key string, value int) func(*testing.T, *coalesce.Queue[string, int]) {
		return func(t *testing.T, q *coalesce.Queue[string, int]) { add(t, q, key, value) }
	}
	get := func(t *testing.T, q *coalesce.Queue[string, int]) { get(t, q) }
	done := func(key string) func(*testing.T, *coalesce.Queue[string, int]) {
		return func(_ *testing.T, q *coalesce.Queue[string, int]) { q.Done(key) }
	}
	tests := map[string]struct {
		before []func(*testing.T, *coalesce.Queue[string, int])
		steps  []step
	}{
		"when a waiting key is taken and done": {
			[]func(*testing.T, *coalesce.Queue[string, int]){add("a", 1)},
			[]step{{"taken", get, false}, {"done", done("a"), true}},
		},
		"when a busy key is done": {
			[]func(*testing.T, *coalesce.Queue[string, int]){add("a", 1), get},
			[]step{{"done", done("a"), true}},
		},
		"when another key is added later": {
			[]func(*testing.T, *coalesce.Queue[string, int]){add("a", 1), get},
			[]step{{"another comes", add("b", 1), false}, {"done", done("a"), true}},
		},
		"when a busy key gets a newer value": {
			[]func(*testing.T, *coalesce.Queue[string, int]){add("a", 1), get},
			[]step{{"a newer one comes", add("a", 2), false}, {"done", done("a"), false}, {"taken", get, false}, {"done again", done("a"), true}},
		},
		"when a value is requeued": {
			[]func(*testing.T, *coalesce.Queue[string, int]){add("a", 1), get},
			[]step{
				{"it failed", func(_ *testing.T, q *coalesce.Queue[string, int]) { q.Requeue("a", 1, time.Minute); q.Done("a") }, false},
				{"it comes again", func(t *testing.T, q *coalesce.Queue[string, int]) { time.Sleep(time.Minute); get(t, q) }, false},
				{"done", done("a"), true},
			},
		},
		"when a value was requeued before": {
			[]func(*testing.T, *coalesce.Queue[string, int]){
				add("a", 1), get, func(_ *testing.T, q *coalesce.Queue[string, int]) { q.Requeue("a", 1, time.Minute); q.Done("a") },
			},
			[]step{
				{"it comes", func(t *testing.T, q *coalesce.Queue[string, int]) { time.Sleep(time.Minute); get(t, q) }, false},
				{"done", done("a"), true},
			},
		},
		"when there are several keys": {
			[]func(*testing.T, *coalesce.Queue[string, int]){add("a", 1), add("b", 1), get},
			[]step{{"one done", done("a"), false}, {"the other taken", get, false}, {"and done", done("b"), true}},
		},
		"when waiting values are cleared": {
			[]func(*testing.T, *coalesce.Queue[string, int]){add("a", 1)},
			[]step{{"cleared", func(_ *testing.T, q *coalesce.Queue[string, int]) { q.Clear() }, true}},
		},
		"when waiting values are cleared during work": {
			[]func(*testing.T, *coalesce.Queue[string, int]){add("a", 1), get, add("b", 1)},
			[]step{{"cleared", func(_ *testing.T, q *coalesce.Queue[string, int]) { q.Clear() }, false}, {"done", done("a"), true}},
		},
		"when it is closed": {
			[]func(*testing.T, *coalesce.Queue[string, int]){add("a", 1)},
			[]step{{"closed", func(_ *testing.T, q *coalesce.Queue[string, int]) { q.Close() }, true}},
		},
		"when it is closed during work": {
			[]func(*testing.T, *coalesce.Queue[string, int]){add("a", 1), get, add("a", 2)},
			[]step{{"closed", func(_ *testing.T, q *coalesce.Queue[string, int]) { q.Close() }, false}, {"done", done("a"), true}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := coalesce.New[string, int](4, nil)
				defer q.Close()
				for _, do := range test.before {
					do(t, q)
				}
				over := flushing(t, q)
				if over() {
					t.Fatal("over before anything was done")
				}
				for _, s := range test.steps {
					s.do(t, q)
					if got := over(); got != s.over {
						t.Fatalf("%s: over is %t", s.name, got)
					}
				}
			})
		})
	}
}

func TestQueue_FlushEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := coalesce.New[string, int](1, nil)
		defer q.Close()
		add(t, q, "a", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := q.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush ends with %v, want the context's error", err)
		}
	})
}

func TestQueue_ClearRemovesWaitingValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := coalesce.New[string, int](2, nil)
		defer q.Close()
		add(t, q, "a", 1)
		get(t, q)
		add(t, q, "a", 2)
		add(t, q, "b", 1)
		blocked := make(chan error, 1)
		go func() {
			_, _, err := q.Add(t.Context(), "c", 1)
			blocked <- err
		}()
		synctest.Wait()
		testcheck.Equal(t, "cleared", map[string]int{"a": 2, "b": 1}, q.Clear())
		if err := <-blocked; err != nil { // there is room now
			t.Error(err)
		}
		if q.Idle("a") || !q.Idle("b") {
			t.Error("a is worked on and b is not")
		}
		q.Done("a")
		if got := get(t, q); got.Key != "c" {
			t.Errorf("took %v, want c", got)
		}
		q.Done("c")
		add(t, q, "b", 3) // the queue is still open
		if got := get(t, q); got != (taken{"b", 3}) {
			t.Errorf("took %v", got)
		}
		if left := q.Clear(); len(left) != 0 {
			t.Errorf("cleared twice: %v", left)
		}
	})
}

func TestQueue_ClearRemovesRequeuedValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := coalesce.New[string, int](2, nil)
		defer q.Close()
		add(t, q, "a", 1)
		get(t, q)
		q.Requeue("a", 1, time.Minute)
		q.Done("a")
		testcheck.Equal(t, "cleared", map[string]int{"a": 1}, q.Clear())
		time.Sleep(2 * time.Minute) // the delayed wake-up finds nothing
		add(t, q, "b", 1)
		if got := get(t, q); got.Key != "b" {
			t.Errorf("took %v, want b", got)
		}
	})
}
