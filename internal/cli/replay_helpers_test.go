package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/cli"
	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/refregistry"
	"odasync/internal/replay"
	"odasync/internal/store"
)

func of(namespace, name string) component.Key {
	return component.Key{Cluster: "default", Namespace: namespace, Name: name}
}

// content is a component with two APIs, one of them ready.
func content(namespace, name, version string) *component.Component {
	return &component.Component{
		Namespace: namespace, Name: name, Metadata: component.Metadata{Version: version},
		ExposedAPIs: []component.ExposedAPI{
			{Segment: "core", Name: name + "-one", URL: "http://" + name + "/one", Ready: true},
			{Segment: "core", Name: name + "-two", URL: "http://" + name + "/two"},
		},
	}
}

// next publishes a newer state of the key; nil deletes it.
func (p *pipeline) next(t *testing.T, key component.Key, c *component.Component) event.Event {
	t.Helper()
	before, _, err := p.log.Newest(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c == nil {
		return p.append(t, event.Tombstone(key, "", "", time.Now()), before.Sequence)
	}
	return p.append(t, event.Upserted(key, component.Observation{Component: c, Seen: time.Now()}), before.Sequence)
}

// fill publishes shop/c-000 and so on in version 1; every tenth is deleted again.
func (p *pipeline) fill(t *testing.T, count int) {
	t.Helper()
	for n := range count {
		name := fmt.Sprintf("c-%03d", n)
		p.next(t, of("shop", name), content("shop", name, "1"))
		if n%10 == 9 {
			p.next(t, of("shop", name), nil)
		}
	}
}

// another is a registry that no target feeds.
func another(t *testing.T, cfg refregistry.Config) (*refregistry.Server, string) {
	t.Helper()
	cfg.RecordHistory = true
	registry := refregistry.New(cfg)
	server := httptest.NewServer(registry.Handler())
	t.Cleanup(server.Close)
	return registry, server.URL
}

// replayed runs ctl replay -o json and reads what it prints.
func replayed(t *testing.T, code int, args ...string) (replay.Result, result) {
	t.Helper()
	got := ctl(t, append([]string{"replay", "-o", "json"}, args...)...)
	got.expect(t, code)
	var replay replay.Result
	if err := json.Unmarshal([]byte(got.stdout), &replay); err != nil {
		t.Fatalf("no JSON: %v\n%s%s", err, got.stdout, got.stderr)
	}
	return replay, got
}

// counts are what most tests look at.
type counts struct{ Applied, Changed, Unchanged, Failed int }

func countsOf(r replay.Result) counts { return counts{r.Applied, r.Changed, r.Unchanged, r.Failed} }

func sameCounts(t *testing.T, what string, want counts, got replay.Result) {
	t.Helper()
	if diff := cmp.Diff(want, countsOf(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// sameContent compares what two registries show, without ids.
func sameContent(t *testing.T, want, got *refregistry.Server) {
	t.Helper()
	a, b := want.Snapshot(), got.Snapshot()
	ids := cmp.Options{cmpopts.IgnoreFields(refregistry.Component{}, "ID"), cmpopts.IgnoreFields(refregistry.API{}, "ID")}
	if diff := cmp.Diff(a.Components, b.Components, ids); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(a.APIs, b.APIs, ids); diff != "" {
		t.Errorf("APIs (-want +got):\n%s", diff)
	}
}

// brokerState is the last sequence of every stream: it grows with everything that anybody writes.
func (p *pipeline) brokerState(t *testing.T) map[string]uint64 {
	t.Helper()
	js, err := jetstream.New(p.nats.NATS(t))
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]uint64{}
	streams := js.ListStreams(t.Context())
	for info := range streams.Info() {
		last[info.Config.Name] = info.State.LastSeq
	}
	if err := streams.Err(); err != nil {
		t.Fatal(err)
	}
	if last["KV_"+store.StatesBucket] == 0 || last["KV_"+store.ClaimsBucket] == 0 {
		t.Fatalf("the broker holds %v: nothing to compare", last)
	}
	// The syncer renews its session all the time: of the claims only their number counts.
	claims, err := js.KeyValue(t.Context(), store.ClaimsBucket)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := claims.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last["KV_"+store.ClaimsBucket] = uint64(len(keys))
	return last
}

// settled waits until every component has an outcome.
func (p *pipeline) settled(t *testing.T, components int) {
	t.Helper()
	eventually(t, func() error {
		got := ctl(t, "list", "-o", "json")
		var items []cli.Item
		if err := json.Unmarshal([]byte(got.stdout), &items); err != nil {
			return fmt.Errorf("%w: %s", err, got.stderr)
		}
		if len(items) != components {
			return fmt.Errorf("ctl list shows %d components, want %d", len(items), components)
		}
		for _, i := range items {
			if i.Registry.Sequence < i.Sequence {
				return fmt.Errorf("%s is %s", i.Name, i.Registry.State)
			}
		}
		return nil
	})
}

// posted counts the components that were created in a registry.
func posted(registry *refregistry.Server) int {
	count := 0
	for _, write := range registry.History() {
		if write.Kind == refregistry.KindComponent && write.Method == http.MethodPost {
			count++
		}
	}
	return count
}

// journals lists the state files of replays.
func journals(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(os.Getenv("XDG_STATE_HOME"), "odasync", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// goOn returns the arguments of the command that a replay says it goes on with.
func (r result) goOn(t *testing.T) []string {
	t.Helper()
	for line := range strings.Lines(r.stderr) {
		if words := strings.Fields(line); len(words) > 2 && words[0] == "ctl" && words[1] == "replay" && words[len(words)-1] == "--resume" {
			return words[2:]
		}
	}
	t.Fatalf("no command to go on with in %s", r.stderr)
	return nil
}
