package cli_test

import (
	"fmt"
	"net/http"
	"path/filepath"
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
)

// TestReplayBuildsAnotherRegistry compares what is built from the stream with the registry that syncers feed.
func TestReplayBuildsAnotherRegistry(t *testing.T) {
	p := newPipeline(t)
	p.refusing(t)
	const components, deleted = 200, 20
	p.fill(t, components)
	p.next(t, of("shop", "bad"), content("shop", "bad", "1"))
	p.next(t, of("shop", "c-000"), content("shop", "c-000", "2"))
	p.sync(t, p.url)
	p.settled(t, components-deleted+1)
	awaitLetters(t, "shop/bad")
	if shown := p.shown(); len(shown) != components-deleted {
		t.Fatalf("the live registry shows %d components", len(shown))
	}
	built, url := another(t, refregistry.Config{APIKey: "other-s3cr3t"})
	built.SetFault(func(r *http.Request) *faults.Fault {
		if got := r.Header.Get("Authorization"); got != "Bearer other-s3cr3t" {
			t.Errorf("a request with the credentials %q", got)
		}
		return nil
	})
	t.Setenv("COMPONENT_REGISTRY_API_KEY", "live-s3cr3t")
	key := filepath.Join(t.TempDir(), "key file")
	writeFile(t, key, "other-s3cr3t\n")
	before := p.brokerState(t)
	p.registry.ResetRequests()

	to := []string{"--all", "--to", url, "--to-api-key-file", key}
	replay, got := replayed(t, 0, to...)
	sameCounts(t, "built, with a component that this registry takes", counts{Applied: components + 1, Changed: components - deleted + 1, Unchanged: deleted}, replay)
	t.Logf("built %d components at %.0f/s", components, replay.Rate)
	if strings.Contains(got.stdout+got.stderr, "s3cr3t") {
		t.Errorf("shows a key: %s%s", got.stdout, got.stderr)
	}
	wrote := len(built.History())
	replay, _ = replayed(t, 0, to...)
	sameCounts(t, "a repeat", counts{Applied: components + 1, Unchanged: components + 1}, replay)
	if again := len(built.History()); again != wrote {
		t.Errorf("the repeat wrote %d times", again-wrote)
	}

	if diff := cmp.Diff(before, p.brokerState(t)); diff != "" {
		t.Errorf("sync state, claims, dead letters or the stream were written (-before +after):\n%s", diff)
	}
	if requests := p.registry.Requests(); len(requests) > 0 {
		t.Errorf("the live registry was asked: %v", requests)
	}

	// The live registry takes the one that it refused, and is then the same.
	p.registry.SetFault(nil)
	t.Setenv("COMPONENT_REGISTRY_API_KEY", "")
	replay, _ = replayed(t, 0, "bad")
	sameCounts(t, "the one that failed", counts{Applied: 1, Changed: 1}, replay)
	sameContent(t, p.registry, built)
}

// TestReplayCompletesAHalfBuiltRegistry also tells it of a deletion that came meanwhile, and leaves alone what is not the
// stream's.
func TestReplayCompletesAHalfBuiltRegistry(t *testing.T) {
	p := newPipeline(t)
	built, url := another(t, refregistry.Config{})
	for _, name := range []string{"one", "two", "three", "stray"} {
		p.next(t, of("shop", name), content("shop", name, "1"))
	}
	replayed(t, 0, "one", "--to", url)
	replayed(t, 0, "two", "--to", url)
	replayed(t, 0, "stray", "--to", url, "-n", "shop")
	t.Setenv("CLUSTER_NAME", "another") // whose stream knows nothing of them
	replay, _ := replayed(t, 0, "--all", "--to", url)
	sameCounts(t, "nothing chosen", counts{}, replay)
	t.Setenv("CLUSTER_NAME", "default")
	p.next(t, of("shop", "one"), nil)
	replay, _ = replayed(t, 0, "--from-seq", "2", "--to", url, "-n", "shop")
	sameCounts(t, "completed", counts{Applied: 4, Changed: 2, Unchanged: 2}, replay)
	var names []string
	for _, c := range built.Snapshot().Components {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"stray", "three", "two"}, names); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
	if apis := built.Snapshot().APIs; len(apis) != 6 {
		t.Errorf("the registry shows %d APIs: %v", len(apis), apis)
	}
}

// TestReplayOfEveryEvent rebuilds the history, and goes on in it after an interruption.
func TestReplayOfEveryEvent(t *testing.T) {
	p := newPipeline(t)
	const components, versions = 20, 6
	var shows []string
	for version := 1; version <= versions; version++ {
		for n := range components {
			name := fmt.Sprintf("c-%03d", n)
			p.next(t, of("shop", name), content("shop", name, strconv.Itoa(version)))
			if version == 3 && n == 0 {
				p.next(t, of("shop", name), nil)
			}
			if version == versions && n != 1 {
				shows = append(shows, name+" "+strconv.Itoa(version))
			}
		}
	}
	p.next(t, of("shop", "c-001"), nil)
	const events = components*versions + 2
	built, url := another(t, refregistry.Config{})
	// Each component is created once and changed five times, four components at a time: the thirtieth change is in the middle
	// of some. From then on there is time to interrupt.
	var changes atomic.Int32
	built.SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/components/") {
			changes.Add(1)
		}
		if changes.Load() < 30 {
			return nil
		}
		return &faults.Fault{Delay: 100 * time.Millisecond}
	})
	args := []string{"--all", "--every-event", "--to", url, "--concurrency", "4"}
	first, cut := interrupted(t, args, func() bool { return changes.Load() >= 30 })
	built.SetFault(nil)
	if first.Applied == 0 || first.Applied >= events || first.Complete {
		t.Fatalf("nothing was interrupted: %+v", first)
	}
	second, _ := replayed(t, 0, cut.goOn(t)...)
	if first.Applied+second.Applied != events || second.Plan.Events != events || second.Plan.Done != first.Applied {
		t.Errorf("applied %d, then %d with a plan of %d of %d", first.Applied, second.Applied, second.Plan.Done, second.Plan.Events)
	}

	var want []int
	for version := 1; version <= versions; version++ {
		want = append(want, version)
	}
	for name, got := range inOrder(t, built) {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the versions written (-want +got):\n%s", name, diff)
		}
	}
	removed := map[string]int{}
	for _, write := range built.History() {
		if write.Kind == refregistry.KindComponent && write.Method == http.MethodDelete {
			removed[write.Component]++
		}
	}
	if diff := cmp.Diff(map[string]int{"c-000": 1, "c-001": 1}, removed); diff != "" {
		t.Errorf("deletions (-want +got):\n%s", diff)
	}
	var shown []string
	for _, c := range built.Snapshot().Components {
		shown = append(shown, c.Name+" "+c.Labels["component-version"])
	}
	if diff := cmp.Diff(shows, shown); diff != "" {
		t.Errorf("at last the registry shows (-want +got):\n%s", diff)
	}
}

func TestReplayKeepsTheLiveKeyToItself(t *testing.T) {
	p := newPipeline(t)
	p.fill(t, 1)
	built, url := another(t, refregistry.Config{})
	built.SetFault(func(r *http.Request) *faults.Fault {
		if got := r.Header.Get("Authorization"); got != "" {
			t.Errorf("a request with the credentials %q", got)
		}
		return nil
	})
	t.Setenv("COMPONENT_REGISTRY_API_KEY", "live-s3cr3t")
	replay, _ := replayed(t, 0, "--all", "--to", url)
	sameCounts(t, "built", counts{Applied: 1, Changed: 1}, replay)
}

func TestReplayRefusesALiveRegistry(t *testing.T) {
	p := newPipeline(t)
	p.fill(t, 2)
	if _, err := p.log.EnsureConsumer(t.Context(), "second", "http://127.0.0.1:9/base"); err != nil {
		t.Fatal(err)
	}
	p.sync(t, p.url)
	p.settled(t, 2)
	port := p.url[strings.LastIndex(p.url, ":"):]
	before := len(p.registry.History())
	refused := map[string]struct {
		args  []string
		env   map[string]string
		words []string
	}{
		"fed by the target":         {[]string{"--to", p.url}, nil, []string{`--to is the live registry of target "default"`, "leave --to out"}},
		"with a slash":              {[]string{"--to", p.url + "/"}, nil, []string{`--to is the live registry of target "default"`}},
		"by another name":           {[]string{"--to", "HTTP://localhost" + port}, nil, []string{`--to is the live registry of target "default"`}},
		"fed by another target":     {[]string{"--to", "http://localhost:9/base/"}, nil, []string{`--to is the live registry of target "second"`, "SYNC_TARGET=second"}},
		"configured":                {[]string{"--to", "http://registry"}, map[string]string{"COMPONENT_REGISTRY_URL": "http://REGISTRY:80"}, []string{"--to is the live registry of COMPONENT_REGISTRY_URL"}},
		"a password":                {[]string{"--to", "http://ada:s3cr3t@registry"}, nil, []string{"--to has a user or a password in it", "--to-api-key-file"}},
		"no address":                {[]string{"--to", "registry"}, nil, []string{`--to is "registry": http:// or https://`}},
		"no key file":               {[]string{"--to", "http://registry", "--to-api-key-file", "missing"}, nil, []string{`read the file "missing" of --to-api-key-file`}},
		"another one as the target": {nil, map[string]string{"COMPONENT_REGISTRY_URL": "http://registry"}, []string{`target "default" feeds the registry at ` + p.url + ", not http://registry", "another SYNC_TARGET"}},
		"a target without syncers":  {nil, map[string]string{"SYNC_TARGET": "third"}, []string{`target "third" has no consumer yet: start a syncer`}},
	}
	for name, test := range refused {
		t.Run(name, func(t *testing.T) {
			for variable, value := range test.env {
				t.Setenv(variable, value)
			}
			got := ctl(t, append([]string{"replay", "--all"}, test.args...)...)
			got.expect(t, 2, test.words...)
			if got.stdout != "" || strings.Contains(got.stderr, "s3cr3t") {
				t.Errorf("stdout %s, stderr %s", got.stdout, got.stderr)
			}
		})
	}
	if wrote := len(p.registry.History()) - before; wrote != 0 {
		t.Errorf("%d writes to the live registry", wrote)
	}
}

// TestReplayOfWhatCannotBeRead fails for that message alone, and applies the readable ones around it.
func TestReplayOfWhatCannotBeRead(t *testing.T) {
	p := newPipeline(t)
	p.next(t, of("shop", "catalog"), content("shop", "catalog", "1"))
	p.next(t, of("shop", "orders"), content("shop", "orders", "1"))
	for _, name := range []string{"catalog", "orders"} {
		if err := p.nats.NATS(t).Publish(event.Subject(of("shop", name)), []byte("nonsense")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error {
		messages, err := p.log.Messages(t.Context())
		if err == nil && messages != 4 {
			err = fmt.Errorf("the stream has %d messages", messages)
		}
		return err
	})
	if _, err := p.log.Publish(t.Context(), event.Upserted(of("shop", "orders"), component.Observation{Component: content("shop", "orders", "2"), Seen: time.Now()}), 4); err != nil {
		t.Fatal(err)
	}
	built, url := another(t, refregistry.Config{})
	replay, got := replayed(t, 1, "--all", "--to", url)
	sameCounts(t, "newest", counts{Applied: 1, Changed: 1, Failed: 1}, replay)
	got.expect(t, 1, "shop/catalog: ", "unreadable")
	if replay.Plan.Malformed != 1 || replay.Failures[0].Sequence != 3 {
		t.Errorf("printed %+v", replay)
	}
	replay, _ = replayed(t, 1, "--all", "--to", url, "--every-event")
	sameCounts(t, "every event", counts{Applied: 3, Changed: 3, Failed: 2}, replay)
	var shown []string
	for _, c := range built.Snapshot().Components {
		shown = append(shown, c.Name+" "+c.Labels["component-version"])
	}
	if diff := cmp.Diff([]string{"catalog 1", "orders 2"}, shown); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
