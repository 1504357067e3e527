package observability

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/refregistry/faults"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// pipeline is a test environment with two watchers and two syncers, each with a fixed address.
type pipeline struct {
	*testenv.Env
	namespace         string
	watchers, syncers []*procs.Process
	away              atomic.Bool // the registry
}

const (
	refused = "refused.x" // rejected by the registry
	kept    = "kept.x"    // never changes in the cluster
)

func (env *pipeline) start() (targets []target) {
	env.Helper()
	at := func(job string, number int) map[string]string {
		port, err := procs.FreePort()
		env.Must(err)
		pod := fmt.Sprintf("odasync-%s-%d", job, number)
		targets = append(targets, target{"odasync-" + job, pod, fmt.Sprintf("127.0.0.1:%d", port)})
		return map[string]string{"MONITORING_PORT": strconv.Itoa(port)}
	}
	for i := range 2 {
		env.watchers = append(env.watchers, env.Start(env.WatcherSpec(fmt.Sprintf("watcher-%d", i), map[string]string{
			"SYNC_INTERVAL": "5", "LEASE_DURATION": "5s",
		}).With(at("watcher", i))))
	}
	for i := range 2 {
		env.syncers = append(env.syncers, env.Start(env.SyncerSpec(fmt.Sprintf("syncer-%d", i), map[string]string{
			"SYNC_INTERVAL": "5", "COMPONENT_REGISTRY_TIMEOUT": "2s", "COMPONENT_REGISTRY_RETRY_DELAY": "200ms", "COMPONENT_REGISTRY_RETRY_ATTEMPTS": "2",
		}).With(at("syncer", i))))
	}
	env.Registry.SetFault(env.fault)
	env.AwaitReady(env.watchers...)
	env.AwaitReady(env.syncers...)
	return targets
}

// fault delays requests to the registry, and answers 503 during its outage.
func (env *pipeline) fault(r *http.Request) *faults.Fault {
	if env.away.Load() {
		return &faults.Fault{Status: http.StatusServiceUnavailable, Body: "maintenance"}
	}
	if body, err := io.ReadAll(r.Body); err == nil && r.Method == http.MethodPost && strings.Contains(string(body), refused) {
		return &faults.Fault{Status: http.StatusUnprocessableEntity, Body: `{"detail": "this name is not taken"}`}
	}
	return &faults.Fault{Delay: rand.N(20 * time.Millisecond)}
}

// work changes the cluster for a while, and injects one fault after the other.
func (env *pipeline) work(duration time.Duration) {
	env.Helper()
	bad := testenv.Component(env.namespace, "unreadable.x", "1", "first")
	env.Must(unstructured.SetNestedField(bad.Object, "none", "spec", "coreFunction", "exposedAPIs"))
	env.Apply(testenv.Component(env.namespace, refused, "1", "first"), testenv.Component(env.namespace, kept, "1", "first"), bad)
	broken := make(chan error, 1)
	working, done := context.WithCancel(env.Context())
	defer done()
	go func() {
		defer done()
		broken <- env.injectFaults(duration)
	}()
	workload := testenv.NewWorkload(shared, rand.New(rand.NewPCG(1, 1)), env.Namespaces, 40)
	for working.Err() == nil {
		env.Must(workload.Step(env.Context()))
		_ = procs.Pause(working, 40*time.Millisecond) // its end ends the loop
	}
	env.Must(<-broken)
}

func (env *pipeline) injectFaults(duration time.Duration) error {
	part := duration / 10
	pause := func(parts int) error { return procs.Pause(env.Context(), time.Duration(parts)*part) }
	again := func(p **procs.Process) (err error) {
		(*p).Kill()
		*p, err = env.Group.Start((*p).Spec)
		return err
	}
	steps := []func() error{
		func() error { return pause(1) },
		func() error { env.away.Store(true); return pause(2) },
		func() error { env.away.Store(false); return pause(1) },
		func() error { return again(&env.syncers[0]) },
		func() error { return pause(1) },
		func() error {
			i, err := env.Leader(env.watchers)
			if err != nil {
				return err
			}
			return again(&env.watchers[i])
		},
		func() error { return pause(2) },
		env.corruptEntry,
		func() error { return pause(3) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// corruptEntry deletes a component from the registry.
func (env *pipeline) corruptEntry() error {
	for _, c := range env.Registry.Snapshot().Components {
		if c.Name != kept {
			continue
		}
		request, err := http.NewRequestWithContext(env.Context(), http.MethodDelete, fmt.Sprintf("%s/components/%d", env.Registry.URL(), c.ID), nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusNoContent {
			return fmt.Errorf("delete %s: %s", c.Name, answer.Status)
		}
		return nil
	}
	return fmt.Errorf("the registry does not have %s", kept)
}
