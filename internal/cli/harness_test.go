package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sethvargo/go-envconfig"

	"odasync/internal/cli"
	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/daemon"
	"odasync/internal/event"
	"odasync/internal/logtest"
	"odasync/internal/ops"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testwait"
)

func TestMain(m *testing.M) {
	if os.Getenv(asCtl) != "" { // the test of a terminal runs this program
		os.Exit(cli.Main(os.Args))
	}
	streamtest.VerifyTestMain(m)
}

// result is the outcome of a command.
type result struct {
	code           int
	stdout, stderr string
}

func ctl(t *testing.T, args ...string) result {
	t.Helper()
	return start(t, args...).wait(t)
}

// expect checks the exit code and the texts on stderr.
func (r result) expect(t *testing.T, code int, texts ...string) {
	t.Helper()
	var problems []string
	if r.code != code {
		problems = append(problems, fmt.Sprintf("exit code %d, want %d", r.code, code))
	}
	for _, text := range texts {
		if !strings.Contains(r.stderr, text) {
			problems = append(problems, fmt.Sprintf("stderr lacks %q", text))
		}
	}
	if len(problems) > 0 {
		t.Errorf("%s\nstdout:\n%s\nstderr:\n%s", strings.Join(problems, "\n"), r.stdout, r.stderr)
	}
}

// decode reads the JSON on stdout.
func (r result) decode(t *testing.T, value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), value); err != nil {
		t.Fatalf("no JSON: %v\n%s%s", err, r.stdout, r.stderr)
	}
}

// running is a command that has been started.
type running struct {
	cancel         context.CancelFunc // as Ctrl-C
	ended          chan int
	stdout, stderr logtest.Buffer
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, ended: make(chan int, 1)}
	go func() { r.ended <- cli.Execute(ctx, append([]string{"ctl"}, args...), &r.stdout, &r.stderr) }()
	t.Cleanup(cancel)
	return r
}

func (r *running) wait(t *testing.T) result {
	t.Helper()
	select {
	case code := <-r.ended:
		return result{code, r.stdout.String(), r.stderr.String()}
	case <-time.After(2 * testwait.Limit):
		t.Fatalf("does not end:\n%s", r.stderr.String())
		return result{}
	}
}

// stopWhen interrupts the command once its output or anything else is as expected.
func (r *running) stopWhen(t *testing.T, ready func() bool) result {
	t.Helper()
	testwait.NoError(t, "wait for the command", func() error {
		if !ready() {
			return fmt.Errorf("stdout: %s\nstderr: %s", r.stdout.String(), r.stderr.String())
		}
		return nil
	})
	r.cancel()
	return r.wait(t)
}

// variables are the names of every variable of odasync.
func variables() []string {
	sections := append(new(daemon.WatcherConfig).Sections(), new(daemon.SyncerConfig).Sections()...)
	var names []string
	for _, v := range config.Variables(append(sections, new(daemon.EnvConfig).Sections()...)...) {
		names = append(names, v.Name, v.Name+config.FileSuffix)
	}
	return names
}

// environment makes the given variables the only ones of odasync, in an empty working directory.
func environment(t *testing.T, env map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range variables() {
		t.Setenv(name, "") // restores the value afterwards
		must(t, os.Unsetenv(name))
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "no-kubeconfig"))
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("ODASYNC_CONTEXT", "") // restores the value afterwards
	must(t, os.Unsetenv("ODASYNC_CONTEXT"))
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// pipeline is a broker with the stream and the sync state, and a registry. Watchers and syncers are started as needed.
type pipeline struct {
	nats     *streamtest.Server
	log      *stream.Log
	states   *store.States
	registry *refregistry.Server
	url      string // of the registry
}

// newPipeline also configures ctl for the pipeline.
func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	p := &pipeline{nats: streamtest.Start(t)}
	conn := p.nats.Conn(t)
	p.log = streamtest.EnsureLog(t, conn)
	var err error
	p.states, err = store.EnsureStates(t.Context(), p.log, "default")
	must(t, err)
	p.registry, p.url = newRegistry(t, refregistry.Config{})
	environment(t, map[string]string{"NATS_URL": p.nats.URL(), "COMPONENT_REGISTRY_URL": p.url})
	return p
}

// newRegistry serves a registry, which no target feeds yet.
func newRegistry(t *testing.T, cfg refregistry.Config) (*refregistry.Server, string) {
	t.Helper()
	cfg.RecordHistory = true
	registry := refregistry.New(cfg)
	return registry, serve(t, registry.Handler())
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func key(namespace, name string) component.Key {
	return component.Key{Cluster: "default", Namespace: namespace, Name: name}
}

// publish publishes the component as the newest of its key.
func (p *pipeline) publish(t *testing.T, c *component.Component) event.Event {
	t.Helper()
	return p.publishEvent(t, event.Upserted(key(c.Namespace, c.Name), component.Observation{Component: c, Seen: time.Now()}))
}

// remove publishes the deletion of the component.
func (p *pipeline) remove(t *testing.T, namespace, name string) event.Event {
	t.Helper()
	return p.publishEvent(t, event.Tombstone(key(namespace, name), "", "", time.Now()))
}

func (p *pipeline) publishEvent(t *testing.T, e event.Event) event.Event {
	t.Helper()
	before, _, err := p.log.Newest(t.Context(), e.Key)
	must(t, err)
	e.Sequence = streamtest.Publish(t, p.log, e, before.Sequence)
	return e
}

// publishMalformed stores a message that is no event as the newest of the key.
func (p *pipeline) publishMalformed(t *testing.T, k component.Key) {
	t.Helper()
	_, err := p.nats.NATS(t).Request(event.Subject(k), []byte("hello"), testwait.Limit)
	must(t, err)
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

// fill publishes shop/c-000 and so on in version 1, and deletes every tenth again.
func (p *pipeline) fill(t *testing.T, count int) {
	t.Helper()
	for n := range count {
		name := fmt.Sprintf("c-%03d", n)
		p.publish(t, content("shop", name, "1"))
		if n%10 == 9 {
			p.remove(t, "shop", name)
		}
	}
}

func (p *pipeline) record(t *testing.T, s target.State) {
	t.Helper()
	_, err := p.states.Save(t.Context(), s)
	must(t, err)
}

// startWatcher runs a watcher on a folder until the test ends.
func (p *pipeline) startWatcher(t *testing.T, dir string) {
	t.Helper()
	var cfg daemon.WatcherConfig
	p.background(t, cfg.Sections(), map[string]string{"KUBERNETES_NAMESPACE": "all"}, func(ctx context.Context, env daemon.Env) error {
		return daemon.WatchFolder(ctx, &cfg, dir, env)
	})
}

// startSyncer runs a syncer for the registry at the address, with its API or auto, until the test ends.
func (p *pipeline) startSyncer(t *testing.T, registry, api string) {
	t.Helper()
	var cfg daemon.SyncerConfig
	env := map[string]string{"COMPONENT_REGISTRY_URL": registry, "COMPONENT_REGISTRY_API": api, "COMPONENT_REGISTRY_RETRY_ATTEMPTS": "1", "SYNC_INTERVAL": "10"}
	p.background(t, cfg.Sections(), env, func(ctx context.Context, env daemon.Env) error {
		return daemon.Sync(ctx, &cfg, env)
	})
}

func (p *pipeline) background(t *testing.T, sections []config.Section, variables map[string]string, run func(context.Context, daemon.Env) error) {
	t.Helper()
	variables["NATS_URL"] = p.nats.URL()
	must(t, config.Load(t.Context(), envconfig.MapLookuper(variables), sections...))
	env, _, err := daemon.NewEnv(daemon.EnvConfig{Ops: ops.Config{LogLevel: "ERROR", LogFormat: "json"}}, "test", io.Discard)
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, env) }()
	t.Cleanup(func() { stop(); <-ended })
}

// reject makes the registry reject components whose name begins with bad, until accept is called.
func (p *pipeline) reject() (accept func()) {
	p.registry.SetFault(func(r *http.Request) *faults.Fault {
		if r.Method != http.MethodPost || r.URL.Path != "/components/" {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if err != nil || !strings.Contains(string(body), `"name":"bad`) {
			return nil
		}
		return &faults.Fault{Status: http.StatusUnprocessableEntity, Body: `{"detail":"the name offends the registry"}`}
	})
	return func() { p.registry.SetFault(nil) }
}

// request sends a request to the registry, as another client.
func (p *pipeline) request(t *testing.T, method, path, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.url+path, strings.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	if err := response.Body.Close(); err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v", method, path, response.Status, err)
	}
}

// deleteEntry deletes a component's entry from the registry, as another client.
func (p *pipeline) deleteEntry(t *testing.T, name string) {
	t.Helper()
	for _, c := range p.registry.Snapshot().Components {
		if c.Name == name {
			p.request(t, http.MethodDelete, fmt.Sprint("/components/", c.ID), "")
			return
		}
	}
	t.Fatalf("the registry has no %s", name)
}

// entries lists the registry's components, as name and version.
func (p *pipeline) entries() []string {
	var all []string
	for _, c := range p.registry.Snapshot().Components {
		all = append(all, c.Name+" "+c.Labels["component-version"])
	}
	return all
}

func (p *pipeline) awaitEntries(t *testing.T, want ...string) {
	t.Helper()
	testwait.Empty(t, func() string { return cmp.Diff(want, p.entries()) })
}

// awaitOutcomes waits until ctl lists so many components, each with an outcome.
func (p *pipeline) awaitOutcomes(t *testing.T, components int) {
	t.Helper()
	testwait.NoError(t, "wait for outcomes", func() error {
		got := ctl(t, "list", "-o", "json")
		var items []cli.Item
		if err := json.Unmarshal([]byte(got.stdout), &items); err != nil {
			return fmt.Errorf("%w: %s", err, got.stderr)
		}
		if len(items) != components {
			return fmt.Errorf("ctl list has %d components, want %d", len(items), components)
		}
		for _, i := range items {
			if i.Registry.Sequence < i.Sequence {
				return fmt.Errorf("%s is %s", i.Name, i.Registry.State)
			}
		}
		return nil
	})
}

// awaitIdle waits until ctl status shows no pending messages.
func awaitIdle(t *testing.T) {
	t.Helper()
	testwait.NoError(t, "wait for the syncer", func() error {
		var status cli.Status
		if err := json.Unmarshal([]byte(ctl(t, "status", "-o", "json").stdout), &status); err != nil {
			return err
		}
		if status.Pending > 0 || status.AckPending > 0 {
			return errors.New("messages are pending")
		}
		return nil
	})
}

// unusedAddress returns an address without a listener. Its port is below those that systems assign, so that no server of
// the test gets it.
func unusedAddress(t *testing.T) string {
	t.Helper()
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(5_000))
		if listener, err := net.Listen("tcp", address); err == nil {
			must(t, listener.Close())
			return address
		}
	}
}

// manifest writes a Component to a file of the folder.
func manifest(t *testing.T, dir, namespace, name, version string) string {
	t.Helper()
	text := "apiVersion: oda.tmforum.org/v1\nkind: Component\nmetadata:\n  name: " + name + "\n  namespace: " + namespace +
		"\nspec:\n  componentMetadata:\n    version: " + version + "\n  coreFunction:\n    exposedAPIs: []\n"
	path := filepath.Join(dir, namespace+"-"+name+".yaml")
	writeFile(t, path, text)
	return path
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
