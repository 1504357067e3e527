package syncer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// persist runs Persist for a component that no syncer feeds, against what the registry does.
func persist(t *testing.T, during func(number int) error) (*syncertest.Registry, target.Repair, error) {
	t.Helper()
	registry, number := syncertest.NewRegistry(), 0
	registry.During(func(context.Context, syncertest.Call) error { number++; return during(number) }) // one syncertest.Call at a time
	e := syncertest.Upserted("catalog", "1")
	e.Sequence = 7
	applier := syncer.NewApplier(syncer.InMemory(singleHead(e), registry, registry),
		syncer.Config{Target: syncertest.Target, Concurrency: 1, Tries: 2}, 10*time.Millisecond, syncer.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	ctx, stop := context.WithTimeout(t.Context(), syncertest.Patience)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- applier.Run(ctx) }()
	repair, err := applier.ReconcileUntilDone(ctx, e.Key)
	stop()
	if runErr := <-ended; runErr != nil {
		t.Error(runErr)
	}
	return registry, repair, err
}

func TestApplier_ReconcileUntilDoneRetries(t *testing.T) {
	t.Parallel()
	registry, repair, err := persist(t, func(number int) error {
		if number < 4 {
			return &target.Failure{Class: target.ClassUnavailable, Detail: "away"}
		}
		return nil
	})
	if err != nil || repair.Deleted || registry.Content("catalog") != "1" {
		t.Errorf("%+v, %v, shows %q", repair, err, registry.Content("catalog"))
	}
	for _, c := range registry.Calls("catalog") {
		if !c.InDoubt {
			t.Errorf("applied without reading first: %+v", c)
		}
	}
}

func TestApplier_ReconcileUntilDoneEndsWithAnOutcome(t *testing.T) {
	t.Parallel()
	for class, want := range map[target.Class]int{target.ClassInvalid: 1, target.ClassNameConflict: 1, target.ClassPoison: 5, target.ClassConflict: 5} {
		t.Run(string(class), func(t *testing.T) {
			t.Parallel()
			registry, _, err := persist(t, func(int) error { return &target.Failure{Class: class, Detail: "no"} })
			testcheck.Equal(t, "class", class, target.ClassOf(err))
			testcheck.Equal(t, "tries", want, len(registry.Calls("catalog")))
		})
	}
}

// A person who asks wants to know what the registry has now, and what was done about it.
func TestApplier_CompareReadsTheEntryNow(t *testing.T) {
	b := syncertest.NewParallel(t)
	applier := b.Start(syncertest.Setup{}).Syncer.Applier
	b.Apply("catalog", "A")
	tests := []struct {
		name    string
		prepare func()
		want    target.Repair
	}{
		{"when nothing differs", func() {}, target.Repair{}},
		{"when the entry differs", func() { b.Registry.Set("other", "catalog") }, target.Repair{Writes: 1}},
		{"when the entry is gone", func() { b.Registry.Set("", "catalog") }, target.Repair{Created: true, Writes: 1}},
		{"when the component is deleted", func() {
			b.Remove("catalog")
			b.Idle()
			b.Registry.Set("A", "catalog")
		}, target.Repair{Deleted: true, Writes: 1}},
	}
	for _, test := range tests {
		test.prepare()
		calls, backlog := len(b.Registry.Calls()), b.Backlog()
		got, err := applier.Compare(t.Context(), syncertest.Key("catalog"))
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v, want %+v", test.name, got, err, test.want)
		}
		if all := b.Registry.Calls(); len(all) != calls+1 || !all[calls].InDoubt {
			t.Errorf("%s: calls %+v, want one that reads first", test.name, all[calls:])
		}
		testcheck.Equal(t, test.name+": backlog", backlog, b.Backlog())
	}
}

func TestInMemory_StatesAreComparedAndSet(t *testing.T) {
	states := syncer.InMemory(nil, nil, nil).States
	first, err := states.Load(t.Context(), syncertest.Key("catalog"))
	if err != nil || first.Key != syncertest.Key("catalog") || first.Revision != 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	revision, err := states.Save(t.Context(), first)
	testcheck.NoError(t, err)
	if _, err := states.Save(t.Context(), first); !errors.Is(err, target.ErrConflict) {
		t.Errorf("an old revision: %v", err)
	}
	first.Revision = revision
	if _, err := states.Save(t.Context(), first); err != nil {
		t.Error(err)
	}
}
