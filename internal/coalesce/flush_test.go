package coalesce_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/coalesce"
)

// flushing begins a flush; the returned function says whether it is over.
func flushing(t *testing.T, l *coalesce.Queue[string, int]) (over func() bool) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- l.Flush(t.Context()) }()
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

func TestFlushOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](4, nil)
		if !flushing(t, l)() {
			t.Error("waits although nothing waits")
		}
		l.Close()
		if !flushing(t, l)() {
			t.Error("waits for closed lanes")
		}
	})
}

func TestFlush(t *testing.T) {
	type step struct {
		name string
		do   func(t *testing.T, l *coalesce.Queue[string, int])
		over bool
	}
	put := func(key string, value int) func(*testing.T, *coalesce.Queue[string, int]) {
		return func(t *testing.T, l *coalesce.Queue[string, int]) { put(t, l, key, value) }
	}
	take := func(t *testing.T, l *coalesce.Queue[string, int]) { take(t, l) }
	done := func(key string) func(*testing.T, *coalesce.Queue[string, int]) {
		return func(_ *testing.T, l *coalesce.Queue[string, int]) { l.Done(key) }
	}
	tests := map[string]struct {
		before []func(*testing.T, *coalesce.Queue[string, int])
		steps  []step
	}{
		"what waits is taken and done": {
			[]func(*testing.T, *coalesce.Queue[string, int]){put("a", 1)},
			[]step{{"taken", take, false}, {"done", done("a"), true}},
		},
		"what is worked on is done": {
			[]func(*testing.T, *coalesce.Queue[string, int]){put("a", 1), take},
			[]step{{"done", done("a"), true}},
		},
		"a key that comes later": {
			[]func(*testing.T, *coalesce.Queue[string, int]){put("a", 1), take},
			[]step{{"another comes", put("b", 1), false}, {"done", done("a"), true}},
		},
		"a newer value of a key that is worked on": {
			[]func(*testing.T, *coalesce.Queue[string, int]){put("a", 1), take},
			[]step{{"a newer one comes", put("a", 2), false}, {"done", done("a"), false}, {"taken", take, false}, {"done again", done("a"), true}},
		},
		"a value that comes again": {
			[]func(*testing.T, *coalesce.Queue[string, int]){put("a", 1), take},
			[]step{
				{"it failed", func(_ *testing.T, l *coalesce.Queue[string, int]) { l.Requeue("a", 1, time.Minute); l.Done("a") }, false},
				{"it comes again", func(t *testing.T, l *coalesce.Queue[string, int]) { time.Sleep(time.Minute); take(t, l) }, false},
				{"done", done("a"), true},
			},
		},
		"a value that waits to come again": {
			[]func(*testing.T, *coalesce.Queue[string, int]){
				put("a", 1), take, func(_ *testing.T, l *coalesce.Queue[string, int]) { l.Requeue("a", 1, time.Minute); l.Done("a") },
			},
			[]step{
				{"it comes", func(t *testing.T, l *coalesce.Queue[string, int]) { time.Sleep(time.Minute); take(t, l) }, false},
				{"done", done("a"), true},
			},
		},
		"several": {
			[]func(*testing.T, *coalesce.Queue[string, int]){put("a", 1), put("b", 1), take},
			[]step{{"one done", done("a"), false}, {"the other taken", take, false}, {"and done", done("b"), true}},
		},
		"what waits is taken away": {
			[]func(*testing.T, *coalesce.Queue[string, int]){put("a", 1)},
			[]step{{"cleared", func(_ *testing.T, l *coalesce.Queue[string, int]) { l.Clear() }, true}},
		},
		"what waits is taken away, what is worked on is not": {
			[]func(*testing.T, *coalesce.Queue[string, int]){put("a", 1), take, put("b", 1)},
			[]step{{"cleared", func(_ *testing.T, l *coalesce.Queue[string, int]) { l.Clear() }, false}, {"done", done("a"), true}},
		},
		"closed": {
			[]func(*testing.T, *coalesce.Queue[string, int]){put("a", 1)},
			[]step{{"closed", func(_ *testing.T, l *coalesce.Queue[string, int]) { l.Close() }, true}},
		},
		"closed during work": {
			[]func(*testing.T, *coalesce.Queue[string, int]){put("a", 1), take, put("a", 2)},
			[]step{{"closed", func(_ *testing.T, l *coalesce.Queue[string, int]) { l.Close() }, false}, {"done", done("a"), true}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := coalesce.New[string, int](4, nil)
				defer l.Close()
				for _, do := range test.before {
					do(t, l)
				}
				over := flushing(t, l)
				if over() {
					t.Fatal("over before anything was done")
				}
				for _, s := range test.steps {
					s.do(t, l)
					if got := over(); got != s.over {
						t.Fatalf("%s: over is %t", s.name, got)
					}
				}
			})
		})
	}
}

func TestFlushEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](1, nil)
		defer l.Close()
		put(t, l, "a", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := l.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush ends with %v, want the context's error", err)
		}
	})
}

func TestClearTakesAwayWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](2, nil)
		defer l.Close()
		put(t, l, "a", 1)
		take(t, l)
		put(t, l, "a", 2)
		put(t, l, "b", 1)
		blocked := make(chan error, 1)
		go func() {
			_, _, err := l.Add(t.Context(), "c", 1)
			blocked <- err
		}()
		synctest.Wait()
		if diff := cmp.Diff(map[string]int{"a": 2, "b": 1}, l.Clear()); diff != "" {
			t.Errorf("cleared (-want +got):\n%s", diff)
		}
		if err := <-blocked; err != nil { // there is room now
			t.Error(err)
		}
		if l.Idle("a") || !l.Idle("b") {
			t.Error("a is worked on and b is not")
		}
		l.Done("a")
		if got := take(t, l); got.Key != "c" {
			t.Errorf("took %v, want c", got)
		}
		l.Done("c")
		put(t, l, "b", 3) // the lanes go on
		if got := take(t, l); got != (taken{"b", 3}) {
			t.Errorf("took %v", got)
		}
		if left := l.Clear(); len(left) != 0 {
			t.Errorf("cleared twice: %v", left)
		}
	})
}

func TestClearTakesAwayWhatIsToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](2, nil)
		defer l.Close()
		put(t, l, "a", 1)
		take(t, l)
		l.Requeue("a", 1, time.Minute)
		l.Done("a")
		if diff := cmp.Diff(map[string]int{"a": 1}, l.Clear()); diff != "" {
			t.Errorf("cleared (-want +got):\n%s", diff)
		}
		time.Sleep(2 * time.Minute) // the delayed wake-up finds nothing
		put(t, l, "b", 1)
		if got := take(t, l); got.Key != "b" {
			t.Errorf("took %v, want b", got)
		}
	})
}
