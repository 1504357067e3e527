package syncer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestWrite_RetriesAtOnce(t *testing.T) {
	t.Parallel()
	class := func(c target.Class) error { return &target.Failure{Class: c, Request: "POST /components"} }
	tests := map[string]struct {
		failures []error // of the first calls
		want     []syncertest.Call
		attempts int // deliveries that it took; 0 where the message is dropped
	}{
		"when unavailable once": {
			[]error{class(target.ClassUnavailable)},
			[]syncertest.Call{{"a", "A", false}, {"a", "A", true}}, 1,
		},
		"when the error is unknown": {
			[]error{errors.New("connection reset")},
			[]syncertest.Call{{"a", "A", false}, {"a", "A", true}}, 1,
		},
		"when unavailable for all tries": {
			[]error{class(target.ClassUnavailable), class(target.ClassUnavailable), class(target.ClassUnavailable)},
			[]syncertest.Call{{"a", "A", false}, {"a", "A", true}, {"a", "A", true}, {"a", "A", true}}, 2,
		},
		"when rate limited": {
			[]error{class(target.ClassRateLimited)},
			[]syncertest.Call{{"a", "A", false}, {"a", "A", true}}, 2,
		},
		"when unavailable, then rejected": {
			[]error{class(target.ClassUnavailable), class(target.ClassInvalid)},
			[]syncertest.Call{{"a", "A", false}, {"a", "A", true}}, 1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := syncertest.NewParallel(t)
			var mu sync.Mutex
			left := test.failures
			b.Registry.During(func(context.Context, syncertest.Call) error {
				mu.Lock()
				defer mu.Unlock()
				if len(left) == 0 {
					return nil
				}
				err := left[0]
				left = left[1:]
				return err
			})
			b.Start(syncertest.Setup{Tries: 3, Pause: time.Millisecond})
			b.Apply("a", "A")
			testcheck.Equal(t, "calls", test.want, b.Registry.Calls())
			testcheck.Equal(t, "deliveries", test.attempts, b.State("a").Attempts)
			if second := b.Registry.Refs()[1]; second.ID != "id-a" {
				t.Errorf("the second call got the ref %+v", second)
			}
		})
	}
}

func TestWrite_StopEndsThePause(t *testing.T) {
	b := syncertest.NewParallel(t)
	called := make(chan struct{}, 10)
	b.Registry.During(func(context.Context, syncertest.Call) error {
		called <- struct{}{}
		return &target.Failure{Class: target.ClassUnavailable, Request: "POST /components"}
	})
	r := b.Start(syncertest.Setup{Tries: 3, Pause: time.Hour})
	b.Put("a", "A")
	<-called
	if err := r.End(); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	testcheck.Equal(t, "calls", 1, len(b.Registry.Calls()))
	b.Registry.During(syncertest.Failing(nil))
	b.Start(syncertest.Setup{})
	b.Idle()
	testcheck.Equal(t, "content of the registry", "A", b.Registry.Content("a"))
}
