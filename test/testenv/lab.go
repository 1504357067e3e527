package testenv

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"odasync/internal/testwait"
	"odasync/test/cluster"
	"odasync/test/procs"
)

// Patience is how long something may take that should take a moment, on a machine that is busy with other tests.
const Timeout = 30 * time.Second

// Lab is the surroundings of one test: namespaces of an API server that tests share, and NATS and a registry of its own.
type Env struct {
	testing.TB
	Cluster    *cluster.Cluster
	Namespaces []string
	Group      *procs.Group
	NATS       []*procs.Process // one server, or the servers of a cluster
	NATSURL    string
	Registry   *Registry
	Mapping    Mapping

	commands int // of ctl so far
}

// New makes namespaces of the given names, and starts a NATS server and the registry.
func New(t testing.TB, on *cluster.Cluster, namespaces ...string) *Env {
	t.Helper()
	env := NewWithoutNATS(t, on, namespaces...)
	env.StartNATS(1)
	return env
}

// Bare is New without NATS.
func NewWithoutNATS(t testing.TB, on *cluster.Cluster, namespaces ...string) *Env {
	t.Helper()
	env := &Env{
		TB: t, Cluster: on, Namespaces: namespaces, Group: procs.ForTest(t), Registry: NewRegistry(t),
		Mapping: Mapping{Cluster: "lab", Segments: []string{"core"}},
	}
	for _, namespace := range namespaces {
		MakeNamespace(t, on, namespace)
		// What an earlier run of the test left, as with -count.
		if err := on.Components(namespace).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return env
}

// StartNATS starts one server, or a cluster of several. Settings are lines of a single server's configuration.
func (env *Env) StartNATS(servers int, settings ...string) {
	env.Helper()
	var err error
	if servers > 1 {
		env.NATS, env.NATSURL, err = env.Group.NATSCluster(env.Within(Timeout), "nats", servers)
	} else {
		env.NATS = make([]*procs.Process, 1)
		env.NATS[0], env.NATSURL, err = env.Group.NATS(env.Within(Timeout), "nats", 0, settings...)
	}
	env.Must(err)
}

// NATSAgain starts the NATS server where it was, with the data that it had.
func (env *Env) RestartNATS() {
	env.Helper()
	var err error
	env.NATS[0], _, err = env.Group.RestartNATS(env.Within(Timeout), env.NATS[0].Spec)
	env.Must(err)
}

// Within returns a context that ends after a while.
func (env *Env) Within(limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(env.Context(), limit)
	env.Cleanup(cancel)
	return ctx
}

// Must fails the test on an error.
func (env *Env) Must(err error) {
	env.Helper()
	if err != nil {
		env.Fatal(err)
	}
}

// WatcherSpec is a watcher of the lab's namespaces; more variables are added.
func (env *Env) WatcherSpec(name string, more map[string]string) procs.Spec {
	return procs.Watcher(name, map[string]string{
		"KUBECONFIG": env.Cluster.Kubeconfig, "KUBERNETES_NAMESPACE": strings.Join(env.Namespaces, ","),
		"LEASE_NAMESPACE": env.Namespaces[0], "CLUSTER_NAME": env.Mapping.Cluster, "NATS_URL": env.NATSURL,
	}).With(more)
}

// SyncerSpec is a syncer into the lab's registry; more variables are added. It gives its name as a user, which the registry
// keeps with every write.
func (env *Env) SyncerSpec(name string, more map[string]string) procs.Spec {
	return procs.Syncer(name, map[string]string{
		"NATS_URL": env.NATSURL, "COMPONENT_REGISTRY_URL": strings.Replace(env.Registry.URL(), "://", "://"+name+":lab@", 1),
	}).With(more)
}

// Start runs a program in the lab.
func (env *Env) Start(spec procs.Spec) *procs.Process {
	env.Helper()
	p, err := env.Group.Start(spec)
	env.Must(err)
	return p
}

// Pair starts a watcher and a syncer and waits until both are ready.
func (env *Env) StartPair() (watcher, syncer *procs.Process) {
	env.Helper()
	watcher = env.Start(env.WatcherSpec("watcher", nil))
	syncer = env.Start(env.SyncerSpec("syncer", nil))
	env.AwaitReady(watcher, syncer)
	return watcher, syncer
}

// Ready waits until processes say that they are ready.
func (env *Env) AwaitReady(processes ...*procs.Process) {
	env.Helper()
	for _, p := range processes {
		env.Must(p.AwaitReady(env.Within(Timeout)))
	}
}

// Metric reads a metric of a process.
func (env *Env) Metric(p *procs.Process, series string) float64 {
	env.Helper()
	value, err := p.Metric(env.Within(Timeout), series)
	env.Must(err)
	return value
}

// Eventually polls until the check returns no error.
func (env *Env) Eventually(limit time.Duration, what string, check func() error) {
	env.Helper()
	testwait.NoErrorWithin(env, limit, what, check)
}

// Apply creates objects, or replaces them where they exist.
func (env *Env) Apply(objects ...*unstructured.Unstructured) {
	env.Helper()
	env.Must(env.Cluster.Apply(env.Within(Timeout), objects...))
}

// Delete removes objects; one that does not exist is no error.
func (env *Env) Delete(objects ...*unstructured.Unstructured) {
	env.Helper()
	env.Must(env.Cluster.Delete(env.Within(Timeout), objects...))
}

// DeleteAfterwards removes objects at the end of the test, when its context is over.
func (env *Env) DeleteAfterwards(objects func() []*unstructured.Unstructured) {
	env.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Timeout)
		defer cancel()
		if err := env.Cluster.Delete(ctx, objects()...); err != nil {
			env.Error(err)
		}
	})
}

// MakeNamespace makes a namespace that may be there already.
func MakeNamespace(t testing.TB, on *cluster.Cluster, name string) {
	t.Helper()
	namespaces := on.Admin.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	_, err := namespaces.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// Component returns a Component of version v1 with core APIs, none of which is ready.
func Component(namespace, name, version string, apis ...string) *unstructured.Unstructured {
	var entries []any
	for _, api := range apis {
		entries = append(entries, map[string]any{
			"name": api, "apiType": "openapi", "implementation": name, "path": "/" + name + "/" + api, "port": int64(8080),
			"specification": []any{map[string]any{"url": "https://specs.example.org/" + api + "-v4.0.0.json"}},
		})
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "oda.tmforum.org/v1",
		"kind":       "Component",
		"metadata": map[string]any{
			"namespace": namespace, "name": name,
			"labels": map[string]any{"oda.tmforum.org/componentName": name},
		},
		"spec": map[string]any{
			"componentMetadata": map[string]any{"id": "TMFC001", "name": name, "version": version, "functionalBlock": "CoreCommerce"},
			"coreFunction":      map[string]any{"exposedAPIs": entries},
		},
	}}
}

// AnyMessage lets Logs match whatever the message is.
const AnyMessage = ""

// Logs says whether an entry has this message, and these fields with these values or texts within them.
func Logs(message string, fields map[string]string) func(procs.Entry) bool {
	return func(e procs.Entry) bool {
		if message != AnyMessage && e.Message() != message {
			return false
		}
		for field, text := range maps.All(fields) {
			if !strings.Contains(e.Text(field), text) {
				return false
			}
		}
		return true
	}
}
