package syncer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

// oneHead is a stream that holds one event.
type oneHead struct {
	wholeStream
	event event.Event
}

func (h oneHead) Newest(context.Context, component.Key) (event.Event, bool, error) {
	return h.event, true, nil
}

// persist runs Persist for a component that no syncer feeds, against what the registry does.
func persist(t *testing.T, during func(number int) error) (*fakeRegistry, syncer.Repair, error) {
	t.Helper()
	registry, number := newFakeRegistry(), 0
	registry.script(func(context.Context, call) error { number++; return during(number) }) // one call at a time
	e := upserted("catalog", "1")
	e.Sequence = 7
	applier := syncer.NewApplier(syncer.InMemory(oneHead{event: e}, registry, registry),
		syncer.Config{Target: fed, Concurrency: 1, Tries: 2}, 10*time.Millisecond, syncer.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- applier.Run(ctx) }()
	mended, err := applier.ReconcileUntilDone(ctx, e.Key)
	stop()
	if runErr := <-ended; runErr != nil {
		t.Error(runErr)
	}
	return registry, mended, err
}

func TestPersistOutlastsWhatPasses(t *testing.T) {
	t.Parallel()
	registry, mended, err := persist(t, func(number int) error {
		if number < 4 {
			return &target.Failure{Class: target.ClassUnavailable, Detail: "away"}
		}
		return nil
	})
	if err != nil || mended.Deleted || registry.shows("catalog") != "1" {
		t.Errorf("%+v, %v, shows %q", mended, err, registry.shows("catalog"))
	}
	for _, c := range registry.got("catalog") {
		if !c.Doubt {
			t.Errorf("applied without reading first: %+v", c)
		}
	}
}

func TestPersistEndsWithAnOutcome(t *testing.T) {
	t.Parallel()
	for class, want := range map[target.Class]int{target.ClassInvalid: 1, target.ClassNameConflict: 1, target.ClassPoison: 5, target.ClassConflict: 5} {
		t.Run(string(class), func(t *testing.T) {
			t.Parallel()
			registry, _, err := persist(t, func(int) error { return &target.Failure{Class: class, Detail: "no"} })
			if target.ClassOf(err) != class {
				t.Errorf("ended with %v", err)
			}
			if diff := cmp.Diff(want, len(registry.got("catalog"))); diff != "" {
				t.Errorf("tries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnsharedStatesAreComparedAndSet(t *testing.T) {
	states := syncer.InMemory(nil, nil, nil).States
	first, err := states.Load(t.Context(), key("catalog"))
	if err != nil || first.Key != key("catalog") || first.Revision != 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	revision, err := states.Save(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := states.Save(t.Context(), first); !errors.Is(err, target.ErrConflict) {
		t.Errorf("an old revision: %v", err)
	}
	first.Revision = revision
	if _, err := states.Save(t.Context(), first); err != nil {
		t.Error(err)
	}
}
