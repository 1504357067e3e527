package cli_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sethvargo/go-envconfig"

	"odasync/internal/cli"
	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/daemon"
	"odasync/internal/event"
	"odasync/internal/logtest"
	"odasync/internal/ops"
	"odasync/internal/refregistry"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
)

func TestMain(m *testing.M) { streamtest.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

func ctl(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr logtest.Buffer
	code := cli.Execute(t.Context(), append([]string{"ctl"}, args...), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// expect checks the exit code, and that stderr has the words.
func (r result) expect(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("stderr lacks %q", word)
		}
	}
	if t.Failed() {
		t.Logf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	}
}

// environment makes the given variables the only ones of odasync, in an empty working directory.
func environment(t *testing.T, env map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	sections := append(new(daemon.WatcherConfig).Sections(), new(daemon.SyncerConfig).Sections()...)
	for _, v := range config.Variables(append(sections, new(daemon.EnvConfig).Sections()...)...) {
		for _, name := range []string{v.Name, v.Name + config.FileSuffix} {
			t.Setenv(name, "") // so that what was set comes back afterwards
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "no-kubeconfig"))
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// pipeline is a broker with a stream, and what a test puts beside it.
type pipeline struct {
	nats     *streamtest.Server
	log      *stream.Log
	states   *store.States
	registry *refregistry.Server
	url      string // of the registry
}

// newPipeline starts a broker with the stream and the sync state, and a registry, which ctl is configured for.
func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	p := &pipeline{nats: streamtest.Start(t), registry: refregistry.New(refregistry.Config{RecordHistory: true})}
	conn := p.nats.Conn(t)
	var err error
	if p.log, err = conn.EnsureLog(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.states, err = store.EnsureStates(t.Context(), p.log, "default"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p.registry.Handler())
	t.Cleanup(server.Close)
	p.url = server.URL
	environment(t, map[string]string{"NATS_URL": p.nats.URL(), "COMPONENT_REGISTRY_URL": p.url})
	return p
}

// publish makes the component the newest of its key and returns the event.
func (p *pipeline) publish(t *testing.T, c *component.Component) event.Event {
	t.Helper()
	key := component.Key{Cluster: "default", Namespace: c.Namespace, Name: c.Name}
	e := event.Upserted(key, component.Observation{Component: c, Seen: time.Now()})
	return p.append(t, e, 0)
}

func (p *pipeline) append(t *testing.T, e event.Event, expected uint64) event.Event {
	t.Helper()
	var err error
	if e.Sequence, err = p.log.Publish(t.Context(), e, expected); err != nil {
		t.Fatal(err)
	}
	return e
}

func (p *pipeline) record(t *testing.T, s target.State) {
	t.Helper()
	if _, err := p.states.Save(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// watch runs a watcher on a folder until the test ends.
func (p *pipeline) watch(t *testing.T, dir string) {
	t.Helper()
	var cfg daemon.WatcherConfig
	p.background(t, cfg.Sections(), map[string]string{"KUBERNETES_NAMESPACE": "all"}, func(ctx context.Context, env daemon.Env) error {
		return daemon.WatchFolder(ctx, &cfg, dir, env)
	})
}

// sync runs a syncer for the registry at the address until the test ends.
func (p *pipeline) sync(t *testing.T, registry string) {
	t.Helper()
	var cfg daemon.SyncerConfig
	env := map[string]string{"COMPONENT_REGISTRY_URL": registry, "COMPONENT_REGISTRY_RETRY_ATTEMPTS": "1", "SYNC_INTERVAL": "10"}
	p.background(t, cfg.Sections(), env, func(ctx context.Context, env daemon.Env) error {
		return daemon.Sync(ctx, &cfg, env)
	})
}

func (p *pipeline) background(t *testing.T, sections []config.Section, variables map[string]string, run func(context.Context, daemon.Env) error) {
	t.Helper()
	variables["NATS_URL"] = p.nats.URL()
	if err := config.Load(t.Context(), envconfig.MapLookuper(variables), sections...); err != nil {
		t.Fatal(err)
	}
	env, _, err := daemon.NewEnv(daemon.EnvConfig{Ops: ops.Config{LogLevel: "ERROR", LogFormat: "json"}}, "test", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, env) }()
	t.Cleanup(func() {
		stop()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Errorf("does not end within %s", patience)
		}
	})
}

// eventually polls until the condition gives no error.
func eventually(t *testing.T, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", patience, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// nobody returns an address on which nobody listens. Its port is below those that systems give out by themselves, so
// that no server of the test gets it.
func nobody(t *testing.T) string {
	t.Helper()
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(5_000))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return address
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
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
