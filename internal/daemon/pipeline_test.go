package daemon_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/sethvargo/go-envconfig"

	"odasync/internal/config"
	"odasync/internal/daemon"
	"odasync/internal/logtest"
	"odasync/internal/refregistry"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// The secrets of a pipeline under test.
const (
	natsPassword = "nats-pa55word"
	registryKey  = "registry-k3y"
	collectorKey = "collector-k3y"
)

// pipeline is a folder of manifests, a watcher, a broker, a syncer and a registry, as two processes would run them.
type pipeline struct {
	dir      string
	nats     *streamtest.Server
	registry *refregistry.Server
	url      string // of the registry
	natsURL  string // with user and password
	log      logtest.Buffer
	envs     []daemon.Env
	stops    []func()

	mu       sync.Mutex
	requests []*http.Request // that came to the registry
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	p := &pipeline{dir: t.TempDir(), registry: refregistry.New(refregistry.Config{})}
	p.nats = streamtest.Start(t, func(o *server.Options) { o.Username, o.Password = "ada", natsPassword })
	p.natsURL = strings.Replace(p.nats.URL(), "nats://", "nats://ada:"+natsPassword+"@", 1)
	handler := p.registry.Handler()
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r.Clone(context.Background()))
		p.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(registry.Close)
	p.url = registry.URL
	return p
}

// start runs both daemons with further variables until stop, or the test's end.
func (p *pipeline) start(t *testing.T, variables map[string]string) {
	t.Helper()
	var watching daemon.WatcherConfig
	p.run(t, "odasync-watcher", variables, watching.Sections(), func(ctx context.Context, env daemon.Env) error {
		return daemon.WatchFolder(ctx, &watching, p.dir, env)
	})
	var syncing daemon.SyncerConfig
	p.run(t, "odasync-syncer", variables, syncing.Sections(), func(ctx context.Context, env daemon.Env) error {
		return daemon.Sync(ctx, &syncing, env)
	})
}

func (p *pipeline) run(t *testing.T, name string, variables map[string]string, sections []config.Section, work func(context.Context, daemon.Env) error) {
	t.Helper()
	all := map[string]string{
		"NATS_URL": p.natsURL, "COMPONENT_REGISTRY_URL": p.url, "COMPONENT_REGISTRY_API_KEY": registryKey,
		"COMPONENT_REGISTRY_RETRY_ATTEMPTS": "1", "KUBERNETES_NAMESPACE": "all", "MONITORING_HOST": "127.0.0.1", "MONITORING_PORT": "0",
		"LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG", "LOG_REPEATS": "0", "SYNC_INTERVAL": "0",
	}
	maps.Copy(all, variables)
	var watched daemon.EnvConfig
	testcheck.NoError(t, config.Load(t.Context(), envconfig.MapLookuper(all), append(sections, watched.Sections()...)...))
	env, serve, err := daemon.NewEnv(watched, name, &p.log)
	testcheck.NoError(t, err)
	p.envs = append(p.envs, env)
	working, stop := context.WithCancel(context.Background())
	serving, end := context.WithCancel(context.Background())
	worked, served := make(chan error, 1), make(chan error, 1)
	go func() { worked <- work(working, env) }()
	go func() { served <- serve(serving) }()
	wait := func(ended <-chan error) {
		select {
		case err := <-ended:
			if err != nil && err != context.Canceled {
				t.Errorf("%s ended with: %v", name, err)
			}
		case <-time.After(patience):
			t.Errorf("%s does not end within %s", name, patience)
		}
	}
	once := sync.OnceFunc(func() { stop(); wait(worked); end(); wait(served) })
	p.stops = append(p.stops, once)
	t.Cleanup(once)
}

// stop ends both daemons in order, so that all of their messages are logged.
func (p *pipeline) stop() {
	for _, stop := range p.stops {
		stop()
	}
}

func (p *pipeline) manifest(t *testing.T, name, version string) {
	t.Helper()
	text := "apiVersion: oda.tmforum.org/v1\nkind: Component\nmetadata:\n  name: " + name + "\n  namespace: shop\n" +
		"spec:\n  componentMetadata:\n    version: " + version + "\n  coreFunction:\n    exposedAPIs: []\n"
	testcheck.NoError(t, os.WriteFile(filepath.Join(p.dir, name+".yaml"), []byte(text), 0o600))
}

// logged waits for a line that holds all the parts.
func (p *pipeline) logged(t *testing.T, parts ...string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
	lines:
		for line := range strings.Lines(p.log.String()) {
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue lines
				}
			}
			return line
		}
		if time.Now().After(deadline) {
			t.Fatalf("no line with %q within %s:\n%s", parts, patience, p.log.String())
		}
	}
}

// traced returns the requests that named a span, by its id.
func (p *pipeline) traced() map[string]*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]*http.Request{}
	for _, r := range p.requests {
		if parts := strings.Split(r.Header.Get("traceparent"), "-"); len(parts) == 4 {
			all[parts[2]] = r
		}
	}
	return all
}
