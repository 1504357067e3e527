package replay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/sethvargo/go-envconfig"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/daemon"
	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/ops"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	v1 "odasync/internal/registry/v1"
	"odasync/internal/replay"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/syncer"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { streamtest.VerifyTestMain(m) }

// harness is a stream, and a registry to replay it to.
type harness struct {
	nats      *streamtest.Server
	conn      *natsconn.Conn
	log       *stream.Log
	registry  *refregistry.Server
	url       string // of the registry
	dir       string // of the journals
	live      bool   // the registry is fed by syncers
	variables map[string]string
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{nats: streamtest.Start(t), registry: refregistry.New(refregistry.Config{RecordHistory: true}), dir: t.TempDir()}
	h.conn = h.nats.Conn(t)
	h.log = streamtest.EnsureLog(t, h.conn)
	server := httptest.NewServer(h.registry.Handler())
	t.Cleanup(server.Close)
	h.url = server.URL
	h.variables = map[string]string{
		"NATS_URL": h.nats.URL(), "COMPONENT_REGISTRY_URL": h.url, "COMPONENT_REGISTRY_RETRY_ATTEMPTS": "1",
		"COMPONENT_REGISTRY_RETRY_DELAY": "100ms", "SYNC_INTERVAL": "10",
	}
	return h
}

func (h *harness) load(t *testing.T, sections ...config.Section) {
	t.Helper()
	testcheck.NoError(t, config.Load(t.Context(), envconfig.MapLookuper(h.variables), sections...))
}

// startSyncer runs a syncer of the registry until the test ends.
func (h *harness) startSyncer(t *testing.T) {
	t.Helper()
	var cfg daemon.SyncerConfig
	h.load(t, cfg.Sections()...)
	env, _, err := daemon.NewEnv(daemon.EnvConfig{Ops: ops.Config{LogLevel: "ERROR", LogFormat: "json"}}, "test", io.Discard)
	testcheck.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Sync(ctx, &cfg, env) }()
	t.Cleanup(func() { stop(); <-ended })
	h.live = true
}

func key(namespace, name string) component.Key {
	return component.Key{Cluster: "default", Namespace: namespace, Name: name}
}

// publish publishes a newer state of the component, with two APIs; without a version it is deleted.
func (h *harness) publish(t *testing.T, namespace, name, version string) event.Event {
	t.Helper()
	k := key(namespace, name)
	before, _, err := h.log.Newest(t.Context(), k)
	testcheck.NoError(t, err)
	e := event.Tombstone(k, "", "", time.Now())
	if version != "" {
		e = event.Upserted(k, component.Observation{Seen: time.Now(), Component: &component.Component{
			Namespace: namespace, Name: name, Metadata: component.Metadata{Version: version},
			ExposedAPIs: []component.ExposedAPI{
				{Segment: "core", Name: name + "-one", URL: "http://" + name + "/one", Ready: true},
				{Segment: "core", Name: name + "-two", URL: "http://" + name + "/two"},
			},
		}})
	}
	e.Sequence = streamtest.Publish(t, h.log, e, before.Sequence)
	return e
}

// fill publishes shop/c-000 and so on in version 1, and deletes every tenth again.
func (h *harness) fill(t *testing.T, count int) {
	t.Helper()
	for n := range count {
		name := fmt.Sprintf("c-%03d", n)
		h.publish(t, "shop", name, "1")
		if n%10 == 9 {
			h.publish(t, "shop", name, "")
		}
	}
}

// options are those of one run.
type options struct {
	cluster     string // empty for default
	resume      bool
	concurrency int           // 0 for 16
	patience    time.Duration // 0 for a minute
}

// replay returns the replay of a choice to the harness's registry.
func (h *harness) replay(t *testing.T, choice replay.Choice, o options) (*replay.Replay, replay.Config) {
	t.Helper()
	var fed syncer.Config
	var cfg registry.Config
	h.load(t, &fed, &cfg)
	fed.Concurrency = max(o.concurrency, 1)
	if o.concurrency == 0 {
		fed.Concurrency = 16
	}
	adapter := v1.New(cfg, v1.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	t.Cleanup(adapter.Close)
	d := replay.Destination{Address: cfg.Address(), Dependencies: syncer.InMemory(h.log, adapter, adapter)}
	if h.live {
		sessions, err := store.OpenSessions(t.Context(), h.conn, "default")
		testcheck.NoError(t, err)
		t.Cleanup(func() { testcheck.NoError(t, sessions.Close(context.Background())) })
		d.Target, d.Dependencies.Sessions = "default", sessions
		d.Dependencies.States, err = store.OpenStates(t.Context(), h.log, "default")
		testcheck.NoError(t, err)
		d.Dependencies.DeadLetters, err = store.OpenDeadLetters(t.Context(), h.conn, "default")
		testcheck.NoError(t, err)
	}
	if o.cluster == "" {
		o.cluster = "default"
	}
	if o.patience == 0 {
		o.patience = time.Minute
	}
	return &replay.Replay{Source: h.log, Cluster: o.cluster, Destination: d, Choice: choice, Command: "ctl replay"},
		replay.Config{Syncer: fed, Patience: o.patience, Progress: func(int, int) {}}
}

// run plans and runs a replay, as ctl does.
func (h *harness) run(ctx context.Context, t *testing.T, choice replay.Choice, o options) (replay.Result, error) {
	t.Helper()
	r, cfg := h.replay(t, choice, o)
	journal, err := r.OpenJournal(h.dir, o.resume)
	if err != nil {
		return replay.Result{}, err
	}
	defer journal.Close()
	plan, err := r.Plan(ctx, journal)
	testcheck.NoError(t, err)
	testcheck.NoError(t, journal.Begin(plan))
	result, err := r.Run(ctx, plan, journal, cfg)
	if err == nil && result.Failed == 0 {
		testcheck.NoError(t, journal.Remove())
	}
	return result, err
}

// replayed is run without an error.
func (h *harness) replayed(t *testing.T, choice replay.Choice, o options) replay.Result {
	t.Helper()
	result, err := h.run(t.Context(), t, choice, o)
	testcheck.NoError(t, err)
	return result
}

// interrupted runs a replay and ends its context once the condition holds.
func (h *harness) interrupted(t *testing.T, choice replay.Choice, o options, when func() bool) replay.Result {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for !when() && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		stop()
	}()
	result, err := h.run(ctx, t, choice, o)
	if err == nil || err.Error() != "interrupted" || result.Complete || result.Applied == 0 {
		t.Fatalf("not interrupted in the middle: %v, %+v", err, result)
	}
	return result
}

// slow delays every write, so that a run can be interrupted in the middle.
func (h *harness) slow() {
	h.registry.SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == http.MethodGet {
			return nil
		}
		return &faults.Fault{Delay: 2 * time.Millisecond}
	})
}

type counts struct{ Applied, Changed, Unchanged, Failed int }

func expectCounts(t *testing.T, what string, want counts, got replay.Result) {
	t.Helper()
	testcheck.Equal(t, what, want, counts{got.Applied, got.Changed, got.Unchanged, got.Failed})
}

// entries lists the components of the registry, as name and version.
func (h *harness) entries() []string {
	var all []string
	for _, c := range h.registry.Snapshot().Components {
		all = append(all, c.Name+" "+c.Labels["component-version"])
	}
	return all
}

// deleteEntry deletes a component's entry from the registry, as another client.
func (h *harness) deleteEntry(t *testing.T, name string) {
	t.Helper()
	for _, c := range h.registry.Snapshot().Components {
		if c.Name != name {
			continue
		}
		request := testcheck.Must(http.NewRequestWithContext(t.Context(), http.MethodDelete, fmt.Sprint(h.url, "/components/", c.ID), nil))
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		testcheck.NoError(t, err)
		testcheck.NoError(t, response.Body.Close())
		if response.StatusCode != http.StatusNoContent {
			t.Fatalf("delete %s: %s", name, response.Status)
		}
	}
}

func (h *harness) expectEntries(t *testing.T, want ...string) {
	t.Helper()
	testcheck.Equal(t, "registry", want, h.entries(), cmpopts.EquateEmpty())
}

// created counts the components that were created in the registry.
func (h *harness) created() int {
	count := 0
	for _, write := range h.registry.History() {
		if write.Kind == refregistry.KindComponent && write.Method == http.MethodPost {
			count++
		}
	}
	return count
}

func (h *harness) expectNoJournals(t *testing.T) {
	t.Helper()
	testcheck.Empty(t, "journals", h.journals(t))
}

func (h *harness) journals(t *testing.T) []string {
	t.Helper()
	files := testcheck.Must(filepath.Glob(filepath.Join(h.dir, "*")))
	return files
}

// written returns the versions of each component in the order in which they were written, and fails where an older version
// follows a newer one.
func (h *harness) written(t *testing.T) map[string][]int {
	t.Helper()
	versions := map[int64]int{} // by the id of the label that carries it
	for _, label := range h.registry.Snapshot().Labels {
		if label.Key == "component-version" {
			versions[label.ID], _ = strconv.Atoi(label.Value) // no version of these tests is 0
		}
	}
	written := map[string][]int{}
	for _, write := range h.registry.History() {
		var body struct {
			Labels []int64 `json:"label_ids"`
		}
		if write.Kind != refregistry.KindComponent || len(write.Body) == 0 {
			continue
		}
		testcheck.NoError(t, json.Unmarshal(write.Body, &body))
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
		t.Error("the registry's history has no versions")
	}
	return written
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	testcheck.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}
