package replay_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/replay"
	"odasync/internal/store"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

var everything = replay.Choice{All: true}

// TestReplay_HalfBuiltRegistry also applies a deletion, and leaves entries of another cluster alone.
func TestReplay_HalfBuiltRegistry(t *testing.T) {
	h := newHarness(t)
	for _, name := range []string{"one", "two", "three", "four"} {
		h.publish(t, "shop", name, "1")
	}
	for _, name := range []string{"one", "two", "four"} {
		h.replayed(t, replay.Choice{Name: name, Namespace: "shop"}, options{})
	}
	expectCounts(t, "an empty cluster", counts{}, h.replayed(t, everything, options{cluster: "another"}))
	h.publish(t, "shop", "one", "")
	expectCounts(t, "completed", counts{Applied: 4, Changed: 2, Unchanged: 2}, h.replayed(t, replay.Choice{FromSeq: 2, Namespace: "shop"}, options{}))
	h.expectEntries(t, "four 1", "three 1", "two 1")
	if apis := h.registry.Snapshot().APIs; len(apis) != 6 {
		t.Errorf("the registry has %d APIs: %v", len(apis), apis)
	}
}

// TestReplay_EveryEvent rebuilds the history with an interruption in the middle.
func TestReplay_EveryEvent(t *testing.T) {
	h := newHarness(t)
	const components, versions = 20, 6
	var want []string
	for version := 1; version <= versions; version++ {
		for n := range components {
			name := fmt.Sprintf("c-%03d", n)
			h.publish(t, "shop", name, strconv.Itoa(version))
			if version == 3 && n == 0 {
				h.publish(t, "shop", name, "")
			}
			if version == versions && n != 1 {
				want = append(want, name+" "+strconv.Itoa(version))
			}
		}
	}
	h.publish(t, "shop", "c-001", "")
	const events = components*versions + 2
	// Each component is created once and changed five times, four components at a time: the thirtieth change is in the middle
	// of some. From then on there is time to interrupt.
	var changes atomic.Int32
	h.registry.SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/components/") {
			changes.Add(1)
		}
		if changes.Load() < 30 {
			return nil
		}
		return &faults.Fault{Delay: 100 * time.Millisecond}
	})
	choice, o := replay.Choice{All: true, EveryEvent: true}, options{concurrency: 4}
	first := h.interrupted(t, choice, o, func() bool { return changes.Load() >= 30 })
	h.registry.SetFault(nil)
	o.resume = true
	second := h.replayed(t, choice, o)
	if first.Applied+second.Applied != events || second.Plan.Events != events || second.Plan.Done != first.Applied {
		t.Errorf("applied %d, then %d with a plan of %d of %d", first.Applied, second.Applied, second.Plan.Done, second.Plan.Events)
	}
	for name, got := range h.written(t) {
		testcheck.Equal(t, fmt.Sprintf("%s: the versions written", name), []int{1, 2, 3, 4, 5, 6}, got)
	}
	removed := map[string]int{}
	for _, write := range h.registry.History() {
		if write.Kind == refregistry.KindComponent && write.Method == http.MethodDelete {
			removed[write.Component]++
		}
	}
	testcheck.Equal(t, "deletions", map[string]int{"c-000": 1, "c-001": 1}, removed)
	h.expectEntries(t, want...)
}

// TestReplay_MalformedEvent fails for that message alone, and applies the valid ones around it.
func TestReplay_MalformedEvent(t *testing.T) {
	h := newHarness(t)
	h.publish(t, "shop", "catalog", "1")
	h.publish(t, "shop", "orders", "1")
	for _, name := range []string{"catalog", "orders"} {
		_, err := h.nats.NATS(t).Request(event.Subject(key("shop", name)), []byte("nonsense"), testwait.Limit)
		testcheck.NoError(t, err)
	}
	valid := event.Upserted(key("shop", "orders"), component.Observation{
		Component: &component.Component{Namespace: "shop", Name: "orders", Metadata: component.Metadata{Version: "2"}}, Seen: time.Now(),
	})
	_, err := h.log.Publish(t.Context(), valid, 4)
	testcheck.NoError(t, err)
	result := h.replayed(t, everything, options{})
	expectCounts(t, "newest", counts{Applied: 1, Changed: 1, Failed: 1}, result)
	if result.Plan.Malformed != 1 || result.Failures[0].Sequence != 3 || result.Failures[0].Name != "catalog" || !strings.Contains(result.Failures[0].Error, "malformed") {
		t.Errorf("result %+v", result)
	}
	expectCounts(t, "every event", counts{Applied: 3, Changed: 3, Failed: 2}, h.replayed(t, replay.Choice{All: true, EveryEvent: true}, options{}))
	h.expectEntries(t, "catalog 1", "orders 2")
}

// TestReplay_UnavailableRegistry gives up after its patience, and resumes later.
func TestReplay_UnavailableRegistry(t *testing.T) {
	for name, live := range map[string]bool{"without a target": false, "of a target": true} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.fill(t, 20)
			if live {
				h.startSyncer(t)
				h.awaitApplied(t, 20)
				h.deleteEntry(t, "c-007")
			}
			h.registry.SetFault(func(*http.Request) *faults.Fault {
				return &faults.Fault{Status: http.StatusServiceUnavailable, Body: `{"detail":"closed for today"}`}
			})
			first, err := h.run(t.Context(), t, everything, options{patience: 2 * time.Second})
			testcheck.ErrorContains(t, err, "nothing could be applied to "+h.url+" for 2s", "closed for today")
			if first.Applied != 0 || first.Complete {
				t.Errorf("applied %+v", first)
			}
			h.registry.SetFault(nil)
			second := h.replayed(t, everything, options{resume: true})
			if second.Applied != 20 || !second.Complete {
				t.Errorf("applied %+v", second)
			}
			testcheck.Equal(t, "components in the registry", 18, len(h.entries()))
		})
	}
}

// awaitApplied waits until the syncers have applied the newest state of so many components.
func (h *harness) awaitApplied(t *testing.T, want int) {
	t.Helper()
	testwait.NoError(t, "wait for the syncers", func() error {
		states, err := store.OpenStates(t.Context(), h.log, "default")
		if err != nil {
			return err
		}
		applied := 0
		var failed error
		err = h.log.Heads(t.Context(), "default", func(head event.Head) {
			state, err := states.Load(t.Context(), head.Key)
			if failed = err; err == nil && state.Sequence == head.Sequence {
				applied++
			}
		})
		if err == nil && failed == nil && applied != want {
			err = fmt.Errorf("%d components are applied, want %d", applied, want)
		}
		if err != nil {
			return err
		}
		return failed
	})
}

// TestReplay_ShortOutage continues by itself.
func TestReplay_ShortOutage(t *testing.T) {
	h := newHarness(t)
	h.fill(t, 40)
	until := time.Now().Add(1500 * time.Millisecond)
	h.registry.SetFault(func(r *http.Request) *faults.Fault {
		if h.created() > 10 && time.Now().Before(until) {
			return &faults.Fault{Reset: true, After: r.Method == http.MethodPost} // a lost response
		}
		return nil
	})
	result := h.replayed(t, everything, options{})
	if result.Applied != 40 || result.Seconds < 1 {
		t.Errorf("applied %+v", result)
	}
	snapshot := h.registry.Snapshot()
	if len(snapshot.Components) != 36 || len(snapshot.APIs) != 72 {
		t.Errorf("the registry has %d components and %d APIs", len(snapshot.Components), len(snapshot.APIs))
	}
}

// TestReplay_BesideSyncers replays everything again and again while two syncers apply changes.
func TestReplay_BesideSyncers(t *testing.T) {
	h := newHarness(t)
	const components, rounds, enough = 12, 15, 3
	publish := func(version int) {
		for n := range components {
			h.publish(t, "shop", fmt.Sprintf("c-%03d", n), strconv.Itoa(version))
		}
	}
	h.startSyncer(t)
	h.startSyncer(t)
	publish(1)
	h.awaitApplied(t, components)
	var replays atomic.Int32
	ended, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if result, err := h.run(t.Context(), t, everything, options{}); err != nil || result.Failed > 0 {
				t.Errorf("replay: %v, %+v", err, result)
				return
			}
			replays.Add(1)
		}
	}()
	versions := 1
	for versions < rounds || replays.Load() < enough && !t.Failed() {
		versions++
		publish(versions)
	}
	h.awaitApplied(t, components)
	close(stop)
	<-ended
	var want []string
	for n := range components {
		want = append(want, fmt.Sprintf("c-%03d %d", n, versions))
	}
	testwait.Empty(t, func() string { return cmp.Diff(want, h.entries()) })
	h.written(t)
}

// TestReplay_Requests bounds the requests of a rebuild and of a comparison, and logs their speed.
func TestReplay_Requests(t *testing.T) {
	h := newHarness(t)
	const components, deleted = 1000, 100
	for n := range components {
		name := fmt.Sprintf("c-%04d", n)
		h.publish(t, "shop", name, "1")
		if n < deleted {
			h.publish(t, "shop", name, "")
		}
	}
	run := func(what string, limit int) replay.Result {
		h.registry.ResetRequests()
		result := h.replayed(t, everything, options{})
		requests := 0
		for _, count := range h.registry.Requests() {
			requests += count
		}
		t.Logf("%s %d components (%d deletions) at %.0f/s with %d requests", what, components, deleted, result.Rate, requests)
		testcheck.AtMost(t, fmt.Sprintf("%s: requests", what), limit, requests)
		return result
	}
	run("rebuilt", 6*components) // a component, its two APIs, its version's labels, and a read of its APIs
	testcheck.Equal(t, "writes of the repeat", 0, run("compared", 2*components+100).Writes)
}
