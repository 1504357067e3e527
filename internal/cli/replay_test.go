package cli_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/cli"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/replay"
	"odasync/internal/store"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testwait"
)

// replayed runs ctl replay -o json.
func replayed(t *testing.T, code int, args ...string) (replay.Result, result) {
	t.Helper()
	got := ctl(t, append([]string{"replay", "--yes", "-o", "json"}, args...)...)
	got.expect(t, code)
	var done replay.Result
	got.decode(t, &done)
	return done, got
}

type counts struct{ Applied, Changed, Unchanged, Failed int }

func expectCounts(t *testing.T, what string, want counts, got replay.Result) {
	t.Helper()
	if diff := cmp.Diff(want, counts{got.Applied, got.Changed, got.Unchanged, got.Failed}); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// resumeArgs returns the arguments of the command that continues the replay.
func (r result) resumeArgs(t *testing.T) []string {
	t.Helper()
	for line := range strings.Lines(r.stderr) {
		if command, found := strings.CutPrefix(strings.TrimSpace(line), "ctl replay "); found && strings.HasSuffix(command, " --resume") {
			return strings.Fields(command)
		}
	}
	t.Fatalf("no command to continue with in %s", r.stderr)
	return nil
}

// expectJournals counts the files in ctl's state directory.
func expectJournals(t *testing.T, want int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(os.Getenv("XDG_STATE_HOME"), "odasync", "*"))
	must(t, err)
	if len(files) != want {
		t.Errorf("journals %q, want %d", files, want)
	}
}

// awaitDeadLetters waits until ctl dlq list has exactly these components.
func awaitDeadLetters(t *testing.T, want ...string) {
	t.Helper()
	testwait.Empty(t, func() string {
		return cmp.Diff(want, strings.Fields(ctl(t, "dlq", "list", "-o", "name").stdout), cmpopts.EquateEmpty())
	})
}

// brokerState is the last sequence of every stream, which grows with every write.
func (p *pipeline) brokerState(t *testing.T) map[string]uint64 {
	t.Helper()
	js := streamtest.JetStream(t, p.nats)
	last := map[string]uint64{}
	streams := js.ListStreams(t.Context())
	for info := range streams.Info() {
		last[info.Config.Name] = info.State.LastSeq
	}
	must(t, streams.Err())
	if last["KV_"+store.StatesBucket] == 0 || last["KV_"+store.ClaimsBucket] == 0 {
		t.Fatalf("the broker holds %v: nothing to compare", last)
	}
	// The syncer renews its session all the time: only the number of claims counts.
	last["KV_"+store.ClaimsBucket] = p.claims(t, js)
	return last
}

func (p *pipeline) claims(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	bucket, err := js.KeyValue(t.Context(), store.ClaimsBucket)
	must(t, err)
	keys, err := bucket.Keys(t.Context())
	must(t, err)
	return uint64(len(keys))
}

func TestReplay_DryRun(t *testing.T) {
	p := newPipeline(t)
	p.fill(t, 10)
	p.startSyncer(t, p.url, registry.APIAuto)
	p.awaitOutcomes(t, 9)
	before := p.brokerState(t)
	p.registry.ResetRequests()
	got := ctl(t, "replay", "--all", "--dry-run")
	got.expect(t, 0)
	if !strings.Contains(strings.Join(strings.Fields(got.stdout), " "), " LAST "+p.url+" 10 9 1 0 10 0 1 (") {
		t.Errorf("printed\n%s", got.stdout)
	}
	if diff := cmp.Diff(before, p.brokerState(t)); diff != "" {
		t.Errorf("writes to the broker (-before +after):\n%s", diff)
	}
	if requests := p.registry.Requests(); len(requests) > 0 {
		t.Errorf("requests to the registry: %v", requests)
	}
	expectJournals(t, 0)
}

func TestReplay_LiveRegistry(t *testing.T) {
	p := newPipeline(t)
	accept := p.reject()
	p.fill(t, 20)
	p.publish(t, content("shop", "bad", "1"))
	p.startSyncer(t, p.url, registry.APIAuto)
	p.awaitOutcomes(t, 19)
	awaitDeadLetters(t, "shop/bad")

	result, got := replayed(t, 1, "--all")
	expectCounts(t, "one is rejected", counts{Applied: 20, Unchanged: 20, Failed: 1}, result)
	expectShape(t, "replay", got.stdout)
	got.expect(t, 1, "shop/bad: ", "the name offends the registry", "the registry rejected 1 states")
	if result.Writes != 0 || !result.Complete || result.Plan.Target != "default" || result.Plan.Registry != p.url {
		t.Errorf("printed %+v", result)
	}
	accept()
	result, _ = replayed(t, 0, got.resumeArgs(t)...)
	expectCounts(t, "the rejected one again", counts{Applied: 1, Changed: 1}, result)
	awaitDeadLetters(t)
	expectJournals(t, 0)

	p.deleteEntry(t, "c-003")
	p.deleteEntry(t, "c-004")
	result, _ = replayed(t, 0, "c-004", "-n", "shop")
	expectCounts(t, "one of two", counts{Applied: 1, Changed: 1}, result)
	result, _ = replayed(t, 0, "--all", "--concurrency", "3")
	expectCounts(t, "the other", counts{Applied: 21, Changed: 1, Unchanged: 20}, result)
	result, _ = replayed(t, 0, "--all")
	expectCounts(t, "a repeat", counts{Applied: 21, Unchanged: 21}, result)
	if entries := p.entries(); result.Writes != 0 || len(entries) != 19 {
		t.Errorf("%d writes, entries %q", result.Writes, entries)
	}
}

// TestReplay_OtherRegistry compares a registry that is built from the stream with the one that syncers feed.
func TestReplay_OtherRegistry(t *testing.T) {
	p := newPipeline(t)
	p.reject()
	const components, deleted = 200, 20
	p.fill(t, components)
	p.publish(t, content("shop", "bad", "1"))
	p.publish(t, content("shop", "c-000", "2"))
	p.startSyncer(t, p.url, registry.APIAuto)
	p.awaitOutcomes(t, components-deleted+1)
	awaitDeadLetters(t, "shop/bad")
	if entries := p.entries(); len(entries) != components-deleted {
		t.Fatalf("the live registry has %d components", len(entries))
	}
	t.Setenv("COMPONENT_REGISTRY_API_KEY", "live-s3cr3t")
	built, url := newRegistry(t, refregistry.Config{APIKey: "other-s3cr3t"})
	expectKey(t, built, "Bearer other-s3cr3t")
	file := filepath.Join(t.TempDir(), "key file")
	writeFile(t, file, "other-s3cr3t\n")
	before := p.brokerState(t)
	p.registry.ResetRequests()

	to := []string{"--all", "--to", url, "--to-api-key-file", file}
	result, got := replayed(t, 0, to...)
	expectCounts(t, "built, with the component that only the live registry rejects", counts{Applied: components + 1, Changed: components - deleted + 1, Unchanged: deleted}, result)
	t.Logf("built %d components at %.0f/s", components, result.Rate)
	if strings.Contains(got.stdout+got.stderr, "s3cr3t") {
		t.Errorf("prints a key: %s%s", got.stdout, got.stderr)
	}
	wrote := len(built.History())
	result, _ = replayed(t, 0, to...)
	expectCounts(t, "a repeat", counts{Applied: components + 1, Unchanged: components + 1}, result)
	if again := len(built.History()); again != wrote {
		t.Errorf("the repeat wrote %d times", again-wrote)
	}
	if diff := cmp.Diff(before, p.brokerState(t)); diff != "" {
		t.Errorf("writes to stream, sync state, claims or dead letters (-before +after):\n%s", diff)
	}
	if requests := p.registry.Requests(); len(requests) > 0 {
		t.Errorf("requests to the live registry: %v", requests)
	}

	// A registry without a key does not get the live one's.
	open, openURL := newRegistry(t, refregistry.Config{})
	expectKey(t, open, "")
	result, _ = replayed(t, 0, "c-000", "--to", openURL)
	expectCounts(t, "without a key", counts{Applied: 1, Changed: 1}, result)

	// The live registry accepts the rejected component, and is then the same.
	p.registry.SetFault(nil)
	t.Setenv("COMPONENT_REGISTRY_API_KEY", "")
	result, _ = replayed(t, 0, "bad")
	expectCounts(t, "the rejected one", counts{Applied: 1, Changed: 1}, result)
	ids := cmp.Options{cmpopts.IgnoreFields(refregistry.Component{}, "ID"), cmpopts.IgnoreFields(refregistry.API{}, "ID")}
	live, other := p.registry.Snapshot(), built.Snapshot()
	if diff := cmp.Diff(live.Components, other.Components, ids) + cmp.Diff(live.APIs, other.APIs, ids); diff != "" {
		t.Errorf("(-live +built):\n%s", diff)
	}
}

// expectKey checks the credentials of every request but the two that recognise the registry.
func expectKey(t *testing.T, registry *refregistry.Server, want string) {
	registry.SetFault(func(r *http.Request) *faults.Fault {
		recognising := r.RequestURI == "/health" || r.RequestURI == "/labels/"
		if got := r.Header.Get("Authorization"); got != want && !(recognising && got == "") {
			t.Errorf("a request with the credentials %q, want %q", got, want)
		}
		return nil
	})
}

func TestReplay_Interrupted(t *testing.T) {
	p := newPipeline(t)
	const components = 100
	p.fill(t, components)
	built, url := newRegistry(t, refregistry.Config{})
	built.SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == http.MethodGet {
			return nil
		}
		return &faults.Fault{Delay: 2 * time.Millisecond}
	})
	args := []string{"replay", "-o", "json", "--since", "1h", "--to", url, "--concurrency", "2", "--yes"}
	got := start(t, args...).stopWhen(t, func() bool { return len(built.Snapshot().Components) > components/4 })
	got.expect(t, 130, "interrupted: ", " of 100 states are applied; continue with\n  ctl replay --since 1h --to "+url+" --concurrency 2 --yes --resume")
	var first, second replay.Result
	got.decode(t, &first)
	if first.Complete || first.Applied < components/4 || first.Applied >= components {
		t.Fatalf("not interrupted in the middle: %+v", first)
	}
	expectJournals(t, 1)
	var plan replay.Plan
	dry := ctl(t, append([]string{"replay", "--dry-run", "-o", "json"}, got.resumeArgs(t)...)...)
	if dry.decode(t, &plan); plan.Done != first.Applied || plan.Events != components {
		t.Errorf("the plan of the rest is %+v after %d", plan, first.Applied)
	}
	second, _ = replayed(t, 0, got.resumeArgs(t)...)
	if first.Applied+second.Applied != components || !second.Complete {
		t.Errorf("applied %d and then %d of %d", first.Applied, second.Applied, components)
	}
	expectJournals(t, 0)
}

// TestReplay_UnavailableRegistry says how to continue.
func TestReplay_UnavailableRegistry(t *testing.T) {
	p := newPipeline(t)
	p.fill(t, 20)
	other, url := newRegistry(t, refregistry.Config{})
	other.SetFault(func(*http.Request) *faults.Fault {
		return &faults.Fault{Status: http.StatusServiceUnavailable, Body: `{"detail":"closed for today"}`}
	})
	t.Setenv("COMPONENT_REGISTRY_RETRY_DELAY", "100ms")
	args := []string{"--all", "--timeout", "2s", "--to", url}
	_, got := replayed(t, 2, args...)
	got.expect(t, 2, "nothing could be applied to "+url+" for 2s", "closed for today", "0 of 20 states are applied; continue with")
	other.SetFault(nil)
	result, restarted := replayed(t, 0, args...)
	restarted.expect(t, 0, "starting over", "--resume")
	expectCounts(t, "started over", counts{Applied: 20, Changed: 18, Unchanged: 2}, result)
}

func TestShellQuote(t *testing.T) {
	for word, want := range map[string]string{
		"catalog": "catalog", "http://a:8000/base": "http://a:8000/base", "": "''", "key file": "'key file'",
		"it's": `'it'\''s'`, "$HOME": "'$HOME'", "2026-01-02T15:04:05+02:00": "2026-01-02T15:04:05+02:00",
	} {
		if got := cli.ShellQuote(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
