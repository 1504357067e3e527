package canvas

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sync/errgroup"

	"odasync/internal/refregistry"
	"odasync/test/cluster"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// shared is the API server of all tests; each works in namespaces of its own.
var shared *cluster.Cluster

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &shared)) }

// environment is a test environment with a TMF639 registry, which the target tmf639 feeds, beside the v1 registry of the target
// default.
type environment struct {
	*testenv.Env
	tmf639 *testenv.Registry
}

func newEnv(t *testing.T, cfg refregistry.Config, namespace string) *environment {
	t.Helper()
	cfg.API = refregistry.TMF639
	env := &environment{testenv.New(t, shared, namespace), testenv.NewRegistryWith(t, cfg)}
	env.CTLEnv = map[string]string{"COMPONENT_REGISTRY_URL": env.tmf639.URL()}
	return env
}

// create creates Components with two APIs each.
func (env *environment) create(count int) {
	env.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for i := range count {
		object := testenv.Component(env.Namespaces[0], fmt.Sprintf("component-%05d", i), "1.0.0", "first", "second")
		group.Go(func() error { return shared.Apply(env.Context(), object) })
	}
	env.Must(group.Wait())
}

// watch starts a watcher.
func (env *environment) watch() *procs.Process {
	env.Helper()
	p := env.Start(env.WatcherSpec("watcher", nil))
	env.AwaitReady(p)
	return p
}

// feed starts a syncer of the TMF639 registry with additional variables.
func (env *environment) feed(more map[string]string) *procs.Process {
	env.Helper()
	return env.Start(procs.Syncer("tmf639", map[string]string{
		"NATS_URL": env.NATSURL, "SYNC_TARGET": "tmf639", "COMPONENT_REGISTRY_URL": env.tmf639.URL(),
	}).With(more))
}

// expectNoDeadLetters fails the test if a target has a dead letter.
func (env *environment) expectNoDeadLetters(target string) {
	env.Helper()
	env.MustCTL(0, "dlq list -o json --target "+target)
	if printed, _ := env.CTL("dlq", "list", "-o", "name", "--target", target); printed != "" && printed != "no dead letters\n" {
		env.Errorf("dead letters of %s: %s", target, printed)
	}
}
