package coalesce_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"odasync/internal/testcheck"
)

// flushing begins a flush; over reports whether it has ended.
func flushing(t *testing.T, q *queue) (over func() bool) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- q.Flush(t.Context()) }()
	synctest.Wait()
	return func() bool {
		t.Helper()
		synctest.Wait()
		select {
		case err := <-ended:
			testcheck.ErrorIs(t, "flush", nil, err)
			return true
		default:
			return false
		}
	}
}

func TestQueue_FlushWhenEmpty(t *testing.T) {
	withQueue(t, 4, func(t *testing.T, q *queue) {
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
		do   func(t *testing.T, q *queue)
		over bool
	}
	add := func(key string, value int) func(*testing.T, *queue) {
		return func(t *testing.T, q *queue) { add(t, q, key, value) }
	}
	get := func(t *testing.T, q *queue) { get(t, q) }
	done := func(key string) func(*testing.T, *queue) {
		return func(_ *testing.T, q *queue) { q.Done(key) }
	}
	tests := map[string]struct {
		before []func(*testing.T, *queue)
		steps  []step
	}{
		"when a waiting key is taken and done": {
			[]func(*testing.T, *queue){add("a", 1)},
			[]step{{"taken", get, false}, {"done", done("a"), true}},
		},
		"when a busy key is done": {
			[]func(*testing.T, *queue){add("a", 1), get},
			[]step{{"done", done("a"), true}},
		},
		"when another key is added later": {
			[]func(*testing.T, *queue){add("a", 1), get},
			[]step{{"another comes", add("b", 1), false}, {"done", done("a"), true}},
		},
		"when a busy key gets a newer value": {
			[]func(*testing.T, *queue){add("a", 1), get},
			[]step{{"a newer one comes", add("a", 2), false}, {"done", done("a"), false}, {"taken", get, false}, {"done again", done("a"), true}},
		},
		"when a value is requeued": {
			[]func(*testing.T, *queue){add("a", 1), get},
			[]step{
				{"it failed", func(_ *testing.T, q *queue) { q.Requeue("a", 1, time.Minute); q.Done("a") }, false},
				{"it comes again", func(t *testing.T, q *queue) { time.Sleep(time.Minute); get(t, q) }, false},
				{"done", done("a"), true},
			},
		},
		"when a value was requeued before": {
			[]func(*testing.T, *queue){
				add("a", 1), get, func(_ *testing.T, q *queue) { q.Requeue("a", 1, time.Minute); q.Done("a") },
			},
			[]step{
				{"it comes", func(t *testing.T, q *queue) { time.Sleep(time.Minute); get(t, q) }, false},
				{"done", done("a"), true},
			},
		},
		"when there are several keys": {
			[]func(*testing.T, *queue){add("a", 1), add("b", 1), get},
			[]step{{"one done", done("a"), false}, {"the other taken", get, false}, {"and done", done("b"), true}},
		},
		"when waiting values are cleared": {
			[]func(*testing.T, *queue){add("a", 1)},
			[]step{{"cleared", func(_ *testing.T, q *queue) { q.Clear() }, true}},
		},
		"when waiting values are cleared during work": {
			[]func(*testing.T, *queue){add("a", 1), get, add("b", 1)},
			[]step{{"cleared", func(_ *testing.T, q *queue) { q.Clear() }, false}, {"done", done("a"), true}},
		},
		"when it is closed": {
			[]func(*testing.T, *queue){add("a", 1)},
			[]step{{"closed", func(_ *testing.T, q *queue) { q.Close() }, true}},
		},
		"when it is closed during work": {
			[]func(*testing.T, *queue){add("a", 1), get, add("a", 2)},
			[]step{{"closed", func(_ *testing.T, q *queue) { q.Close() }, false}, {"done", done("a"), true}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			withQueue(t, 4, func(t *testing.T, q *queue) {
				for _, do := range test.before {
					do(t, q)
				}
				over := flushing(t, q)
				if over() {
					t.Fatal("over before anything was done")
				}
				for _, s := range test.steps {
					s.do(t, q)
					testcheck.MustEqual(t, fmt.Sprintf("%s: over", s.name), s.over, over())
				}
			})
		})
	}
}

func TestQueue_FlushEndsWithItsContext(t *testing.T) {
	withQueue(t, 1, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		testcheck.ErrorIs(t, "end of flush", context.DeadlineExceeded, q.Flush(ctx))
	})
}

func TestQueue_ClearRemovesWaitingValues(t *testing.T) {
	withQueue(t, 2, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		get(t, q)
		add(t, q, "a", 2)
		add(t, q, "b", 1)
		blocked := adding(t, q, "c", 1)
		testcheck.Equal(t, "cleared", map[string]int{"a": 2, "b": 1}, q.Clear())
		testcheck.ErrorIs(t, "add", nil, <-blocked) // there is room now
		if q.Idle("a") || !q.Idle("b") {
			t.Error("a is worked on and b is not")
		}
		q.Done("a")
		testcheck.Equal(t, "key taken", "c", get(t, q).Key)
		q.Done("c")
		add(t, q, "b", 3) // the queue is still open
		testcheck.Equal(t, "taken", taken{"b", 3}, get(t, q))
		testcheck.Equal(t, "cleared twice", map[string]int{}, q.Clear())
	})
}

func TestQueue_ClearRemovesRequeuedValues(t *testing.T) {
	withQueue(t, 2, func(t *testing.T, q *queue) {
		add(t, q, "a", 1)
		get(t, q)
		q.Requeue("a", 1, time.Minute)
		q.Done("a")
		testcheck.Equal(t, "cleared", map[string]int{"a": 1}, q.Clear())
		time.Sleep(2 * time.Minute) // the delayed wake-up finds nothing
		add(t, q, "b", 1)
		testcheck.Equal(t, "key taken", "b", get(t, q).Key)
	})
}
