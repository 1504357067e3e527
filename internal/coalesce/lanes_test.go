package coalesce_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"odasync/internal/coalesce"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type taken struct {
	Key   string
	Value int
}

func put(t *testing.T, l *coalesce.Queue[string, int], key string, value int) (dropped int, was bool) {
	t.Helper()
	dropped, was, err := l.Add(t.Context(), key, value)
	if err != nil {
		t.Fatalf("put %s=%d: %v", key, value, err)
	}
	return dropped, was
}

// take fails the test where nothing is there to be taken, instead of waiting for it.
func take(t *testing.T, l *coalesce.Queue[string, int]) taken {
	t.Helper()
	synctest.Wait()
	if l.Len() == 0 {
		t.Fatal("nothing waits")
	}
	key, value, ok := l.Get()
	if !ok {
		t.Fatal("the lanes are closed")
	}
	return taken{key, value}
}

func TestOrderIsThatOfTheFirstArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](4, nil)
		defer l.Close()
		put(t, l, "a", 1)
		put(t, l, "b", 2)
		put(t, l, "a", 3)
		put(t, l, "c", 4)
		var got []taken
		for range 3 {
			got = append(got, take(t, l))
		}
		if diff := cmp.Diff([]taken{{"a", 3}, {"b", 2}, {"c", 4}}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestOfTwoWaitingValuesTheNewerStays(t *testing.T) {
	smaller := func(a, b int) bool { return a < b }
	tests := map[string]struct {
		older         func(a, b int) bool
		first, second int
		dropped, stay int
	}{
		"later is newer":               {nil, 5, 4, 5, 4},
		"newer replaces older":         {smaller, 4, 5, 4, 5},
		"older does not replace newer": {smaller, 5, 4, 4, 5},
		"equal: later replaces":        {func(a, b int) bool { return a/10 < b/10 }, 51, 52, 51, 52},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := coalesce.New[string](1, test.older)
				defer l.Close()
				if _, was := put(t, l, "a", test.first); was {
					t.Error("the first value found another one waiting")
				}
				if dropped, was := put(t, l, "a", test.second); !was || dropped != test.dropped {
					t.Errorf("dropped %d (%t), want %d", dropped, was, test.dropped)
				}
				if got := take(t, l); got.Value != test.stay {
					t.Errorf("took %d, want %d", got.Value, test.stay)
				}
			})
		})
	}
}

func TestPutWaitsWhileFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](2, nil)
		defer l.Close()
		put(t, l, "a", 1)
		put(t, l, "b", 2)
		done := make(chan error, 1)
		go func() {
			_, _, err := l.Add(t.Context(), "c", 3)
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("a third key found room for two: %v", err)
		default:
		}
		if dropped, was := put(t, l, "b", 4); !was || dropped != 2 { // blocks for ever if it waits too
			t.Errorf("dropped %d (%t), want 2", dropped, was)
		}
		if got := take(t, l); got.Key != "a" {
			t.Errorf("took %v, want a", got)
		}
		if err := <-done; err != nil { // a taken key leaves room, even before it is done
			t.Error(err)
		}
		if l.Len() != 2 {
			t.Errorf("%d wait, want b and c", l.Len())
		}
	})
}

func TestPutEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](1, nil)
		put(t, l, "a", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, was, err := l.Add(ctx, "b", 2); was || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("put ends with %v (%t), want the context's error", err, was)
		}
		if diff := cmp.Diff(map[string]int{"a": 1}, l.Close()); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
}

func TestAValueThatComesDuringWorkIsNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](4, nil)
		defer l.Close()
		put(t, l, "a", 1)
		take(t, l)
		put(t, l, "a", 2)
		next := make(chan taken, 1)
		go func() {
			key, value, _ := l.Get()
			next <- taken{key, value}
		}()
		synctest.Wait()
		select {
		case got := <-next:
			t.Fatalf("took %v while the key is being worked on", got)
		default:
		}
		l.Done("a")
		if got := <-next; got.Value != 2 {
			t.Errorf("took %v, want 2", got)
		}
	})
}

func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](1, nil)
		defer l.Close()
		put(t, l, "a", 1)
		take(t, l)
		put(t, l, "b", 2)
		l.Requeue("a", 1, time.Minute) // although the lanes are full
		l.Done("a")
		if got := take(t, l); got.Key != "b" {
			t.Fatalf("took %v, want b", got)
		}
		l.Done("b")
		began := time.Now()
		key, value, _ := l.Get()
		if diff := cmp.Diff(taken{"a", 1}, taken{key, value}); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if waited := time.Since(began); waited < time.Minute {
			t.Errorf("came again after %s, want 1m", waited)
		}
	})
}

func TestANewerValueDoesNotWaitForTheOneThatComesAgain(t *testing.T) {
	tests := map[string]func(l *coalesce.Queue[string, int]) error{
		"put before again": func(l *coalesce.Queue[string, int]) error {
			_, _, err := l.Add(context.Background(), "a", 2)
			l.Requeue("a", 1, time.Minute)
			return err
		},
		"put after again": func(l *coalesce.Queue[string, int]) error {
			l.Requeue("a", 1, time.Minute)
			_, _, err := l.Add(context.Background(), "a", 2)
			return err
		},
	}
	for name, both := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := coalesce.New[string, int](1, nil)
				put(t, l, "a", 1)
				take(t, l)
				if err := both(l); err != nil {
					t.Fatal(err)
				}
				l.Done("a")
				began := time.Now()
				if got := take(t, l); got.Value != 2 || time.Since(began) > 0 {
					t.Errorf("took %v after %s, want 2 at once", got, time.Since(began))
				}
				l.Done("a")
				time.Sleep(2 * time.Minute) // the delayed wake-up finds nothing
				synctest.Wait()
				if !l.Idle("a") || l.Len() != 0 {
					t.Error("the older value is still there")
				}
				if left := l.Close(); len(left) != 0 {
					t.Errorf("left: %v", left)
				}
			})
		})
	}
}

func TestAgainKeepsTheNewerByItsOwnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string](2, func(a, b int) bool { return a < b })
		defer l.Close()
		put(t, l, "a", 5)
		take(t, l)
		put(t, l, "a", 4) // a late one, older than what is being worked on
		l.Requeue("a", 5, 0)
		l.Done("a")
		if got := take(t, l); got.Value != 5 {
			t.Errorf("took %d, want the newer 5", got.Value)
		}
	})
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](2, nil)
		defer l.Close()
		steps := []struct {
			name string
			do   func()
			idle bool
		}{
			{"new", func() {}, true},
			{"waiting", func() { put(t, l, "a", 1) }, false},
			{"being worked on", func() { take(t, l) }, false},
			{"to come again", func() { l.Requeue("a", 1, time.Minute) }, false},
			{"done and to come again", func() { l.Done("a") }, false},
			{"taken again", func() { time.Sleep(time.Minute); take(t, l) }, false},
			{"done", func() { l.Done("a") }, true},
			{"another key", func() { put(t, l, "b", 1) }, true},
		}
		for _, step := range steps {
			step.do()
			if got := l.Idle("a"); got != step.idle {
				t.Errorf("%s: idle is %t", step.name, got)
			}
		}
	})
}

func TestCloseWakesWorkersAndReturnsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](4, nil)
		put(t, l, "a", 1)
		take(t, l)
		put(t, l, "a", 2) // waits for the worker
		ended := make(chan bool, 2)
		for range 2 {
			go func() {
				_, _, ok := l.Get()
				ended <- ok
			}()
		}
		synctest.Wait()
		if diff := cmp.Diff(map[string]int{"a": 2}, l.Close()); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		l.Requeue("a", 1, time.Second)
		l.Done("a")
		for range 2 {
			if <-ended {
				t.Error("a worker took something after Close")
			}
		}
		if _, _, ok := l.Get(); ok {
			t.Error("something was taken after Close")
		}
	})
}

func TestCloseWakesPutAndDiscards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := coalesce.New[string, int](1, nil)
		put(t, l, "a", 1)
		done := make(chan error, 1)
		go func() {
			_, _, err := l.Add(t.Context(), "b", 2)
			done <- err
		}()
		synctest.Wait()
		if diff := cmp.Diff(map[string]int{"a": 1}, l.Close()); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, was := put(t, l, "b", 3); was || l.Len() != 0 {
			t.Error("closed lanes kept a value")
		}
		if left := l.Close(); len(left) != 0 {
			t.Errorf("left by the second Close: %v", left)
		}
	})
}
