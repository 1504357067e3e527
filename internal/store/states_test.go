package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func statesOf(t testing.TB, log *stream.Log, target string) *store.States {
	t.Helper()
	states := must(store.EnsureStates(within(t), log, target))
	return states
}

// startStates runs a server for a test that is parallel to others, and returns the states of the default target.
func startStates(t *testing.T) (*streamtest.Server, *store.States) {
	t.Helper()
	s, log := startLog(t)
	return s, statesOf(t, log, "default")
}

func load(t *testing.T, states *store.States, key component.Key) target.State {
	t.Helper()
	state, err := states.Load(within(t), key)
	testcheck.NoError(t, err)
	return state
}

// applied is an entry with every field set.
func applied(key component.Key) target.State {
	return target.State{
		Key: key, Sequence: 41, Outcome: target.OutcomeApplied, Hash: "h", Intent: 42,
		Ref: target.Ref{Registry: "self", Name: "a", ID: "17"}, Error: "e", Attempts: 3, Updated: seen,
		Recent: []target.Attempt{{Sequence: 42, Time: seen, Seconds: 0.5, Requests: 3, Writes: 2, Class: target.ClassInvalid, Status: 422, Compared: true}},
	}
}

func TestStates_LoadNothing(t *testing.T) {
	_, states := startStates(t)
	testcheck.Equal(t, "state", target.State{Key: keyOf("a")}, load(t, states, keyOf("a")))
}

func TestStates_SaveIsACompareAndSet(t *testing.T) {
	s := streamtest.StartParallel(t)
	one, two := statesOf(t, ensureLog(t, s.Conn(t)), "default"), statesOf(t, ensureLog(t, s.Conn(t)), "default")
	want := applied(keyOf("a.b"))
	revision, err := one.Save(within(t), want)
	testcheck.NoError(t, err)
	want.Revision = revision
	testcheck.Equal(t, "saved and loaded", want, load(t, two, want.Key))
	if _, err := two.Save(within(t), applied(want.Key)); !errors.Is(err, target.ErrConflict) {
		t.Errorf("saved as new: %v, want ErrConflict", err)
	}
	next := want
	next.Sequence, next.Intent = 43, 0
	if next.Revision, err = two.Save(within(t), next); err != nil {
		t.Fatal(err)
	}
	_, err = one.Save(within(t), want)
	testcheck.ErrorIs(t, "saved over a newer revision", target.ErrConflict, err)
	says(t, err, "test/components/a.b")
	testcheck.Equal(t, "the newer revision", next, load(t, one, want.Key))
	testcheck.Equal(t, "another component", target.State{Key: keyOf("b")}, load(t, one, keyOf("b")))
}

func TestStates_OneWriterWins(t *testing.T) {
	_, states := startStates(t)
	revision := uint64(0)
	for range 20 {
		errs := make([]error, 4)
		revisions := make([]uint64, len(errs))
		var group errgroup.Group
		for i := range errs {
			group.Go(func() error {
				revisions[i], errs[i] = states.Save(within(t), target.State{Key: keyOf("a"), Sequence: uint64(i + 1), Revision: revision})
				return nil
			})
		}
		_ = group.Wait()
		winners := 0
		for i, err := range errs {
			if err == nil {
				winners++
				revision = revisions[i]
			} else if !errors.Is(err, target.ErrConflict) {
				t.Fatal(err)
			}
		}
		if winners != 1 {
			t.Fatalf("%d writers won: %v", winners, errs)
		}
	}
}

func TestStates_TargetsAreSeparate(t *testing.T) {
	_, log := startLog(t)
	targets := []string{"a", "a.b", "b", "*", "a.test"}
	for i, name := range targets {
		state := applied(keyOf("c"))
		state.Sequence = uint64(i + 1)
		if _, err := statesOf(t, log, name).Save(within(t), state); err != nil {
			t.Fatalf("target %s: %v", name, err)
		}
	}
	for i, name := range targets {
		got := make(map[component.Key]uint64)
		testcheck.NoError(t, statesOf(t, log, name).All(within(t), keyOf("").Cluster, func(s target.State) { got[s.Key] = s.Sequence }))
		testcheck.Equal(t, fmt.Sprintf("target %s", name), map[component.Key]uint64{keyOf("c"): uint64(i + 1)}, got)
	}
}

func TestStates_MalformedEntryIsInDoubt(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"no JSON": "{", "another type": `{"sequence":"x"}`, "null": "null", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			s, states := startStates(t)
			bucket := must(js(t, s).KeyValue(within(t), store.StatesBucket))
			revision := must(bucket.Put(within(t), "default.test.components.a", []byte(value)))
			want := target.State{Key: keyOf("a"), Intent: 1, Revision: revision}
			testcheck.Equal(t, "state", want, load(t, states, keyOf("a")))
			want.Sequence, want.Intent = 7, 0
			if _, err := states.Save(within(t), want); err != nil {
				t.Errorf("saved over it: %v", err)
			}
		})
	}
}

func TestStates_OfAnotherStream(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	log := ensureLog(t, conn)
	saved := applied(keyOf("a"))
	saved.Intent = 0
	must(statesOf(t, log, "default").Save(within(t), saved))
	s.Restart(t) // the same stream
	waitConnected(t, conn)
	if got := load(t, statesOf(t, ensureLog(t, conn), "default"), saved.Key); got.Sequence != 41 || got.Intent != 0 {
		t.Errorf("after a restart: %+v", got)
	}
	changed := ensureLog(t, s.Conn(t, func(c *natsconn.Config) { c.History = 3 })) // the same stream
	if got := load(t, statesOf(t, changed, "default"), saved.Key); got.Sequence != 41 || got.Intent != 0 {
		t.Errorf("after a change of settings: %+v", got)
	}

	testcheck.NoError(t, js(t, s).DeleteStream(within(t), stream.StreamName))
	states := statesOf(t, ensureLog(t, conn), "default")
	want := saved
	want.Sequence, want.Intent, want.Recent = 0, 1, nil
	got := load(t, states, saved.Key)
	want.Revision = got.Revision
	testcheck.Equal(t, "state", want, got)
	got.Sequence, got.Intent = 1, 0
	must(states.Save(within(t), got))
	if got := load(t, states, saved.Key); got.Sequence != 1 || got.Intent != 0 {
		t.Errorf("saved for the new stream: %+v", got)
	}
}

func TestStates_All(t *testing.T) {
	s, states := startStates(t)
	want := make(map[component.Key]target.State)
	collect := func() map[component.Key]target.State {
		got := make(map[component.Key]target.State)
		testcheck.NoError(t, states.All(within(t), keyOf("").Cluster, func(s target.State) { got[s.Key] = s }))
		return got
	}
	testcheck.Equal(t, "none", want, collect())
	for i := range 300 {
		state := applied(keyOf(fmt.Sprintf("c.%d", i)))
		var err error
		if state.Revision, err = states.Save(within(t), state); err != nil {
			t.Fatal(err)
		}
		want[state.Key] = state
	}
	bucket := must(js(t, s).KeyValue(within(t), store.StatesBucket))
	must(bucket.Put(within(t), "default.not-a-key", []byte("{}")))
	testcheck.NoError(t, bucket.Delete(within(t), "default.test.components.c=2E7"))
	delete(want, keyOf("c.7"))
	testcheck.Equal(t, "states", want, collect())
}

func TestStates_WithoutServer(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	states := statesOf(t, ensureLog(t, conn), "default")
	s.Shutdown()
	eventually(t, "the lost connection shows", func() bool { return !conn.NATS().IsConnected() })
	began := time.Now()
	if _, err := states.Load(within(t), keyOf("a")); err == nil {
		t.Error("load: no error")
	}
	if _, err := states.Save(within(t), applied(keyOf("a"))); err == nil || errors.Is(err, target.ErrConflict) {
		t.Errorf("save: %v, want another error than ErrConflict", err)
	}
	testcheck.AtMost(t, "time of the errors", 10*time.Second, time.Since(began))
}

// A reconcile of one cluster reads that cluster's states only.
func TestStates_AllReadsOneCluster(t *testing.T) {
	_, states := startStates(t)
	for _, cluster := range []string{"east", "east.2", "west"} {
		must(states.Save(within(t), applied(component.Key{Cluster: cluster, Namespace: "ns", Name: "c"})))
	}
	var got []string
	testcheck.NoError(t, states.All(within(t), "east", func(s target.State) { got = append(got, s.Key.String()) }))
	testcheck.Equal(t, "keys", []string{"east/ns/c"}, got)
}

func TestStates_DeleteIsACompareAndSet(t *testing.T) {
	_, states := startStates(t)
	state := applied(keyOf("a"))
	var err error
	if state.Revision, err = states.Save(within(t), state); err != nil {
		t.Fatal(err)
	}
	older := state
	if state.Revision, err = states.Save(within(t), state); err != nil {
		t.Fatal(err)
	}
	testcheck.ErrorIs(t, "deleting a changed entry", target.ErrConflict, states.Delete(within(t), older))
	testcheck.NoError(t, states.Delete(within(t), state))
	if got := load(t, states, state.Key); got.Revision != 0 {
		t.Errorf("it is still there: %+v", got)
	}
	if _, err := states.Save(within(t), applied(keyOf("a"))); err != nil { // a component of that name comes again
		t.Errorf("saving it anew: %v", err)
	}
}
