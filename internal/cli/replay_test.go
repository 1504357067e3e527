package cli_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/refregistry"
	"odasync/internal/replay"
)

func TestReplayPlansWhatIsChosen(t *testing.T) {
	p := newPipeline(t)
	_, url := another(t, refregistry.Config{})
	p.next(t, of("shop", "catalog"), content("shop", "catalog", "1"))   // 1
	p.next(t, of("other", "catalog"), content("other", "catalog", "1")) // 2
	p.next(t, of("shop", "orders"), content("shop", "orders", "1"))     // 3
	p.next(t, of("shop", "gone"), content("shop", "gone", "1"))         // 4
	p.next(t, of("shop", "gone"), nil)                                  // 5
	p.next(t, of("shop", "catalog"), content("shop", "catalog", "2"))   // 6
	time.Sleep(1100 * time.Millisecond)                                 // times on a command line have whole seconds
	now := time.Now().Truncate(time.Second).UTC().Format(time.RFC3339)
	p.next(t, of("other", "ledger"), content("other", "ledger", "1")) // 7
	tests := map[string]struct {
		args                       []string
		upserts, deletions, events int
		first, last                uint64
	}{
		"all":                    {[]string{"--all"}, 4, 1, 5, 2, 7},
		"a name":                 {[]string{"orders"}, 1, 0, 1, 3, 3},
		"a name and a namespace": {[]string{"catalog", "-n", "shop"}, 1, 0, 1, 6, 6},
		"a deleted one":          {[]string{"gone"}, 0, 1, 1, 5, 5},
		"a namespace":            {[]string{"-n", "shop"}, 2, 1, 3, 3, 6},
		"all of a namespace":     {[]string{"--all", "-n", "other"}, 2, 0, 2, 2, 7},
		"since an hour ago":      {[]string{"--since", "1h"}, 4, 1, 5, 2, 7},
		"since a time":           {[]string{"--since", now}, 1, 0, 1, 7, 7},
		"from a sequence":        {[]string{"--from-seq", "5"}, 2, 1, 3, 5, 7},
		"narrowed":               {[]string{"--from-seq", "5", "-n", "shop"}, 1, 1, 2, 5, 6},
		"narrowed by the time":   {[]string{"--since", now, "--from-seq", "5"}, 1, 0, 1, 7, 7},
		"nothing":                {[]string{"-n", "nowhere"}, 0, 0, 0, 0, 0},
		"a name, but too old":    {[]string{"orders", "--from-seq", "5"}, 0, 0, 0, 0, 0},
		"every event":            {[]string{"--all", "--every-event"}, 4, 1, 7, 1, 7},
		"every event of some":    {[]string{"--from-seq", "5", "--every-event"}, 2, 1, 5, 1, 7},
		"every event of a name":  {[]string{"gone", "--every-event"}, 0, 1, 2, 4, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ctl(t, append([]string{"replay", "--to", url, "--dry-run", "-o", "json"}, test.args...)...)
			got.expect(t, 0)
			var plan replay.Plan
			if err := json.Unmarshal([]byte(got.stdout), &plan); err != nil {
				t.Fatal(err)
			}
			want := replay.Plan{
				Cluster: "default", Registry: url, EveryEvent: strings.Contains(name, "every event"), Components: test.upserts + test.deletions,
				Upserts: test.upserts, Deletions: test.deletions, Events: test.events,
			}
			if test.first != 0 {
				sameShape(t, "replay plan", got.stdout)
				want.First, want.Last = &replay.Position{Sequence: test.first, Seen: plan.First.Seen}, &replay.Position{Sequence: test.last, Seen: plan.Last.Seen}
				if age := time.Since(plan.First.Seen); age < 0 || age > time.Hour || plan.Last.Seen.Before(plan.First.Seen) {
					t.Errorf("seen %s and %s", plan.First.Seen, plan.Last.Seen)
				}
			}
			if diff := cmp.Diff(want, plan); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if files := journals(t); len(files) > 0 {
		t.Errorf("dry runs left %q", files)
	}
}

func TestReplayDryRunTouchesNothing(t *testing.T) {
	p := newPipeline(t)
	p.fill(t, 10)
	p.sync(t, p.url)
	p.settled(t, 9)
	before := p.brokerState(t)
	p.registry.ResetRequests()
	got := ctl(t, "replay", "--all", "--dry-run")
	got.expect(t, 0)
	if lines := strings.Split(got.stdout, "\n"); len(lines) != 3 || strings.Join(strings.Fields(lines[0]), " ") != "REGISTRY COMPONENTS UPSERTS DELETIONS UNREADABLE EVENTS DONE FIRST LAST" ||
		!strings.HasPrefix(strings.Join(strings.Fields(lines[1]), " "), p.url+" 10 9 1 0 10 0 1 (") {
		t.Errorf("printed\n%s", got.stdout)
	}
	if diff := cmp.Diff(before, p.brokerState(t)); diff != "" {
		t.Errorf("a dry run wrote to the broker (-before +after):\n%s", diff)
	}
	if requests := p.registry.Requests(); len(requests) > 0 {
		t.Errorf("a dry run asked the registry: %v", requests)
	}
}

func TestReplayMendsTheLiveRegistry(t *testing.T) {
	p := newPipeline(t)
	accept := p.refusing(t)
	p.fill(t, 20)
	p.next(t, of("shop", "bad"), content("shop", "bad", "1"))
	p.sync(t, p.url)
	p.settled(t, 19)
	awaitLetters(t, "shop/bad")

	replay, got := replayed(t, 1, "--all")
	sameCounts(t, "what is right but for one", counts{Applied: 20, Unchanged: 20, Failed: 1}, replay)
	sameShape(t, "replay", got.stdout)
	got.expect(t, 1, "shop/bad: ", "the name offends the registry", "the registry did not take 1")
	if replay.Writes != 0 || !replay.Complete || replay.Plan.Target != "default" || replay.Plan.Registry != p.url {
		t.Errorf("printed %+v", replay)
	}

	accept()
	replay, _ = replayed(t, 0, got.goOn(t)...)
	sameCounts(t, "the failed one again", counts{Applied: 1, Changed: 1}, replay)
	if left := letters(t); len(left) > 0 {
		t.Errorf("dead letters after the cure: %q", left)
	}
	if files := journals(t); len(files) > 0 {
		t.Errorf("a replay that is done left %q", files)
	}

	p.remove(t, "c-003")
	p.remove(t, "c-004")
	replay, _ = replayed(t, 0, "c-004", "-n", "shop")
	sameCounts(t, "one of two", counts{Applied: 1, Changed: 1}, replay)
	replay, _ = replayed(t, 0, "--all", "--concurrency", "3")
	sameCounts(t, "the other", counts{Applied: 21, Changed: 1, Unchanged: 20}, replay)
	replay, _ = replayed(t, 0, "--all")
	sameCounts(t, "nothing", counts{Applied: 21, Unchanged: 21}, replay)
	if replay.Writes != 0 {
		t.Errorf("a repeat wrote %d times", replay.Writes)
	}
	if shown := p.shown(); len(shown) != 19 {
		t.Errorf("the registry shows %d components: %q", len(shown), shown)
	}
}

// TestReplayBesideChanges replays everything again and again while components change and two syncers apply that.
func TestReplayBesideChanges(t *testing.T) {
	p := newPipeline(t)
	const components, rounds, enough = 12, 15, 3
	p.sync(t, p.url)
	p.sync(t, p.url)
	publish := func(version int) {
		for n := range components {
			name := fmt.Sprintf("c-%03d", n)
			p.next(t, of("shop", name), content("shop", name, strconv.Itoa(version)))
		}
	}
	publish(1)
	p.settled(t, components)
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
			if got := ctl(t, "replay", "--all"); got.code != 0 {
				t.Errorf("replay: exit code %d: %s", got.code, got.stderr)
			}
			replays.Add(1)
		}
	}()
	versions := 1
	for versions < rounds || replays.Load() < enough && !t.Failed() {
		versions++
		publish(versions)
	}
	p.settled(t, components)
	close(stop)
	<-ended
	var want []string
	for n := range components {
		want = append(want, fmt.Sprintf("c-%03d %d", n, versions))
	}
	p.awaitShown(t, want...)
	inOrder(t, p.registry)
}

// inOrder fails where a version was written after a newer one of the same component, and returns the versions written.
func inOrder(t *testing.T, registry *refregistry.Server) map[string][]int {
	t.Helper()
	versions := map[int64]int{} // by the id of the label that carries it
	for _, label := range registry.Snapshot().Labels {
		if label.Key == "component-version" {
			versions[label.ID], _ = strconv.Atoi(label.Value) // 0 is no version of these tests
		}
	}
	written := map[string][]int{}
	for _, write := range registry.History() {
		var body struct {
			Labels []int64 `json:"label_ids"`
		}
		if write.Kind != refregistry.KindComponent || len(write.Body) == 0 {
			continue
		}
		if err := json.Unmarshal(write.Body, &body); err != nil {
			t.Fatal(err)
		}
		for _, id := range body.Labels {
			version := versions[id]
			if version == 0 {
				continue
			}
			before := written[write.Component]
			if len(before) > 0 && version < before[len(before)-1] {
				t.Errorf("%s: version %d was written after version %d", write.Component, version, before[len(before)-1])
			}
			written[write.Component] = append(before, version)
		}
	}
	if len(written) == 0 {
		t.Error("the registry's history shows no versions: nothing was checked")
	}
	return written
}
