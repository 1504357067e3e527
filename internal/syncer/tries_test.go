package syncer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/target"
)

func TestRegistryThatDoesNotAnswerIsTriedAgainAtOnce(t *testing.T) {
	t.Parallel()
	class := func(c target.Class) error { return &target.Failure{Class: c, Request: "POST /components"} }
	tests := map[string]struct {
		failures []error // of the first calls
		want     []call
		attempts int // deliveries that it took; 0 where the message is dropped
	}{
		"down once": {
			[]error{class(target.ClassUnavailable)},
			[]call{{"a", "A", false}, {"a", "A", true}}, 1,
		},
		"an unknown error": {
			[]error{errors.New("connection reset")},
			[]call{{"a", "A", false}, {"a", "A", true}}, 1,
		},
		"down for all tries": {
			[]error{class(target.ClassUnavailable), class(target.ClassUnavailable), class(target.ClassUnavailable)},
			[]call{{"a", "A", false}, {"a", "A", true}, {"a", "A", true}, {"a", "A", true}}, 2,
		},
		"busy goes back at once": {
			[]error{class(target.ClassRateLimited)},
			[]call{{"a", "A", false}, {"a", "A", true}}, 2,
		},
		"down, then rejected": {
			[]error{class(target.ClassUnavailable), class(target.ClassInvalid)},
			[]call{{"a", "A", false}, {"a", "A", true}}, 1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			var mu sync.Mutex
			left := test.failures
			b.registry.script(func(context.Context, call) error {
				mu.Lock()
				defer mu.Unlock()
				if len(left) == 0 {
					return nil
				}
				err := left[0]
				left = left[1:]
				return err
			})
			b.start(setup{tries: 3, pause: time.Millisecond})
			b.put("a", "A")
			b.idle()
			if diff := cmp.Diff(test.want, b.registry.got()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if got := b.state("a").Attempts; got != test.attempts {
				t.Errorf("%d deliveries, want %d", got, test.attempts)
			}
			b.registry.mu.Lock()
			defer b.registry.mu.Unlock()
			if second := b.registry.records[1]; second.ID != "id-a" {
				t.Errorf("the second call was told %+v of the first", second)
			}
		})
	}
}

func TestStopEndsThePauseBetweenTries(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	called := make(chan struct{}, 10)
	b.registry.script(func(context.Context, call) error {
		called <- struct{}{}
		return &target.Failure{Class: target.ClassUnavailable, Request: "POST /components"}
	})
	r := b.start(setup{tries: 3, pause: time.Hour})
	b.put("a", "A")
	<-called
	if err := r.end(); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	if got := len(b.registry.got()); got != 1 {
		t.Errorf("%d calls", got)
	}
	b.registry.script(func(context.Context, call) error { return nil })
	b.start(setup{})
	b.idle()
	if got := b.registry.shows("a"); got != "A" {
		t.Errorf("the registry shows %q", got)
	}
}
