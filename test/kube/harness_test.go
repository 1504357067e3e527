package kube_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/sethvargo/go-envconfig"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"

	"odasync/internal/component"
	"odasync/internal/kube"
	"odasync/internal/kube/listwatch"
	"odasync/internal/logtest"
	"odasync/internal/testcheck"
	"odasync/test/cluster"
)

// shared is the cluster of all tests. They run sequentially and leave the namespaces empty.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	if os.Getenv(frozenVariable) != "" {
		runFrozen()
		return
	}
	var err error
	if shared, err = cluster.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := shared.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// configure returns a configuration with the variables set.
func configure(t testing.TB, env map[string]string) kube.Config {
	t.Helper()
	var cfg kube.Config
	testcheck.NoError(t, envconfig.ProcessWith(context.Background(), &envconfig.Config{Target: &cfg, Lookuper: envconfig.MapLookuper(env)}))
	testcheck.NoError(t, cfg.Validate())
	return cfg
}

// view is an observer that keeps the observed state: the version in a Component's metadata by namespace/name.
type view struct {
	mu      sync.Mutex
	known   map[string]observed
	round   uint64
	ends    int
	deleted int // explicit deletions
}

type observed struct {
	version string
	apis    string
	round   uint64
}

func (*view) Unchanged(uint64, string, string, uint64) bool { return false }

func (v *view) Begin(component.Scope) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.round++
	return v.round
}

func (v *view) Observe(_ context.Context, round uint64, seen component.Observation) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	key := seen.Namespace + "/" + seen.Name
	switch {
	case seen.Deleted:
		v.deleted++
		delete(v.known, key)
	case seen.Err != nil:
		v.known[key] = observed{version: seen.Err.Error(), round: round}
	default:
		v.known[key] = observed{version: seen.Component.Metadata.Version, apis: apis(seen.Component), round: round}
	}
	return nil
}

func (v *view) End(_ context.Context, round uint64, scope component.Scope, _ component.Resync) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ends++
	for key, what := range v.known {
		namespace, _, _ := strings.Cut(key, "/")
		if what.round != round && scope.Contains(namespace) {
			delete(v.known, key)
		}
	}
	return nil
}

func (v *view) all() map[string]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	versions := map[string]string{}
	for key, what := range v.known {
		versions[key] = what.version
	}
	return versions
}

// apis returns the APIs as the function apis describes them.
func (v *view) apis() map[string]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := map[string]string{}
	for key, what := range v.known {
		all[key] = what.apis
	}
	return all
}

func (v *view) deletions() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.deleted
}

func (v *view) rounds() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ends
}

// source is a running Source.
type source struct {
	*listwatch.Source
	view     *view
	log      *logtest.Buffer
	registry *prometheus.Registry
}

// watch starts a Source, which ends with the test.
func watch(t testing.TB, env map[string]string) *source {
	t.Helper()
	cfg := configure(t, env)
	client, err := kube.NewClient(cfg, "test", zerolog.Nop())
	testcheck.NoError(t, err)
	s := &source{view: &view{known: map[string]observed{}}, log: new(logtest.Buffer), registry: prometheus.NewRegistry()}
	if s.Source, err = listwatch.NewSource(cfg, client, listwatch.NewMetrics(s.registry), zerolog.New(s.log).With().Timestamp().Logger()); err != nil {
		t.Fatal(err)
	}
	s.Tuning.InitialIdle, s.Tuning.SilentAfter, s.Tuning.PageSize = time.Second, 2*time.Second, 20
	s.Tuning.Backoff = wait.Backoff{Duration: 20 * time.Millisecond, Factor: 2, Steps: 10, Cap: 500 * time.Millisecond}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx, s.view) }()
	t.Cleanup(func() {
		cancel()
		testcheck.ErrorIs(t, "end", nil, <-ended)
		if t.Failed() {
			t.Logf("log of the source:\n%s", s.log)
		}
	})
	return s
}

// clusterState returns the content of the namespaces as a view has it.
func clusterState(t testing.TB, namespaces ...string) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, namespace := range namespaces {
		list, err := shared.Components(namespace).List(context.Background(), metav1.ListOptions{})
		testcheck.NoError(t, err)
		for _, item := range list.Items {
			version, _, _ := unstructured.NestedString(item.Object, "spec", "componentMetadata", "version")
			versions[namespace+"/"+item.GetName()] = version
		}
	}
	return versions
}

// apply creates or changes Components; the namespace is emptied when the test ends.
func apply(t testing.TB, namespace, version string, names ...string) {
	t.Helper()
	for _, name := range names {
		object := cluster.Component(namespace, name, version)
		testcheck.NoError(t, shared.Apply(context.Background(), object))
		t.Cleanup(func() {
			testcheck.ErrorIs(t, "delete", nil, shared.Delete(context.Background(), object))
		})
	}
}

func remove(t testing.TB, namespace string, names ...string) {
	t.Helper()
	for _, name := range names {
		testcheck.NoError(t, shared.Delete(context.Background(), cluster.Component(namespace, name, "")))
	}
}
