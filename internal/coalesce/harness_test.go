package coalesce_test

import (
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"odasync/internal/coalesce"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type queue = coalesce.Queue[string, int]

// withQueue runs a test in a bubble of its own, with a queue of which the later value is the newer one, closed at the end.
func withQueue(t *testing.T, size int, test func(t *testing.T, q *queue)) {
	synctest.Test(t, func(t *testing.T) {
		q := coalesce.New[string, int](size, nil)
		defer q.Close()
		test(t, q)
	})
}

type taken struct {
	Key   string
	Value int
}

func add(t *testing.T, q *queue, key string, value int) (dropped int, was bool) {
	t.Helper()
	dropped, was, err := q.Add(t.Context(), key, value)
	if err != nil {
		t.Fatalf("add %s=%d: %v", key, value, err)
	}
	return dropped, was
}

// adding adds a value beside the test, and waits until that is done or blocked.
func adding(t *testing.T, q *queue, key string, value int) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, _, err := q.Add(t.Context(), key, value)
		done <- err
	}()
	synctest.Wait()
	return done
}

// get fails the test if the queue is empty, instead of blocking.
func get(t *testing.T, q *queue) taken {
	t.Helper()
	synctest.Wait()
	if q.Len() == 0 {
		t.Fatal("nothing waits")
	}
	key, value, ok := q.Get()
	if !ok {
		t.Fatal("the queue is closed")
	}
	return taken{key, value}
}
