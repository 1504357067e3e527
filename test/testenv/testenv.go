package testenv

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/test/cluster"
	"odasync/test/procs"
)

// Timeout is how long to wait for something that normally takes a moment: the machine may be busy with other tests.
const Timeout = 30 * time.Second

// Env is the environment of one test: namespaces of a shared API server, and NATS and a registry of its own.
type Env struct {
	testing.TB
	Cluster    *cluster.Cluster
	Namespaces []string
	Group      *procs.Group
	NATS       []*procs.Process // one server, or the servers of a cluster
	NATSURL    string
	Registry   *Registry
	Mapping    Mapping
	CTLEnv     map[string]string // additional variables of ctl commands

	commands int // of ctl so far
}

// New creates the namespaces, and starts a NATS server and the registry.
func New(t testing.TB, on *cluster.Cluster, namespaces ...string) *Env {
	t.Helper()
	env := NewWithoutNATS(t, on, namespaces...)
	env.StartNATS(1)
	return env
}

// NewWithoutNATS is [New] without the NATS server.
func NewWithoutNATS(t testing.TB, on *cluster.Cluster, namespaces ...string) *Env {
	t.Helper()
	env := &Env{
		TB: t, Cluster: on, Namespaces: namespaces, Group: procs.ForTest(t), Registry: NewRegistry(t),
		Mapping: Mapping{Cluster: "lab", Segments: []string{"core"}},
	}
	for _, namespace := range namespaces {
		MakeNamespace(t, on, namespace)
		// Left by an earlier run, as with -count.
		testcheck.NoError(t, on.Components(namespace).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
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

// RestartNATS starts the stopped NATS server on the same port, with its data.
func (env *Env) RestartNATS() {
	env.Helper()
	var err error
	env.NATS[0], _, err = env.Group.RestartNATS(env.Within(Timeout), env.NATS[0].Spec)
	env.Must(err)
}

// Within returns a context with a timeout, which ends with the test.
func (env *Env) Within(limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(env.Context(), limit)
	env.Cleanup(cancel)
	return ctx
}

// Must fails the test at once on an error.
func (env *Env) Must(err error) {
	env.Helper()
	testcheck.NoError(env, err)
}

// WatcherSpec describes a watcher of the environment's namespaces, with additional variables.
func (env *Env) WatcherSpec(name string, more map[string]string) procs.Spec {
	return procs.Watcher(name, map[string]string{
		"KUBECONFIG": env.Cluster.Kubeconfig, "KUBERNETES_NAMESPACE": strings.Join(env.Namespaces, ","),
		"LEASE_NAMESPACE": env.Namespaces[0], "CLUSTER_NAME": env.Mapping.Cluster, "NATS_URL": env.NATSURL,
	}).With(more)
}

// SyncerSpec describes a syncer for the environment's registry, with additional variables. Its name is its user name, which
// the registry records with every write.
func (env *Env) SyncerSpec(name string, more map[string]string) procs.Spec {
	return procs.Syncer(name, map[string]string{
		"NATS_URL": env.NATSURL, "COMPONENT_REGISTRY_URL": strings.Replace(env.Registry.URL(), "://", "://"+name+":password@", 1),
	}).With(more)
}

// Start starts a program.
func (env *Env) Start(spec procs.Spec) *procs.Process {
	env.Helper()
	p, err := env.Group.Start(spec)
	env.Must(err)
	return p
}

// StartPair starts a watcher and a syncer, and waits until both are ready.
func (env *Env) StartPair() (watcher, syncer *procs.Process) {
	env.Helper()
	watcher = env.Start(env.WatcherSpec("watcher", nil))
	syncer = env.Start(env.SyncerSpec("syncer", nil))
	env.AwaitReady(watcher, syncer)
	return watcher, syncer
}

// AwaitReady waits until the processes are ready.
func (env *Env) AwaitReady(processes ...*procs.Process) {
	env.Helper()
	for _, p := range processes {
		env.Must(p.AwaitReady(env.Within(Timeout)))
	}
}

// AwaitNotReady waits until the process is not ready and the body of /readyz contains the text.
func (env *Env) AwaitNotReady(p *procs.Process, text string) {
	env.Helper()
	env.Must(p.AwaitNotReady(env.Within(Timeout), text))
}

// Readyz returns the body of the process's /readyz.
func (env *Env) Readyz(p *procs.Process) string {
	env.Helper()
	body, _, err := p.Readyz(env.Within(Timeout))
	env.Must(err)
	return body
}

// AwaitLog waits for a log entry of the process that [Logs] matches, and returns it.
func (env *Env) AwaitLog(p *procs.Process, message string, fields map[string]string) procs.Entry {
	env.Helper()
	entry, err := p.AwaitEntry(env.Within(Timeout), Logs(message, fields))
	env.Must(err)
	return entry
}

// Metric reads a series of a process.
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

// Leader returns the index of the leading watcher.
func (env *Env) Leader(watchers []*procs.Process) (int, error) {
	problem := errors.New("no watcher leads")
	for i, w := range watchers {
		ctx, cancel := context.WithTimeout(env.Context(), 2*time.Second)
		leads, err := w.Metric(ctx, "odasync_leader")
		cancel()
		switch {
		case err != nil:
			problem = errors.Join(problem, err)
		case leads == 1:
			return i, nil
		}
	}
	return 0, problem
}

// ExpectText fails the test unless the text contains each of the parts. Runs of white space count as one space.
func (env *Env) ExpectText(text string, parts ...string) {
	env.Helper()
	for _, part := range parts {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), part) {
			env.Errorf("no %q in:\n%s", part, text)
		}
	}
}

// Apply creates objects, or replaces them where they exist.
func (env *Env) Apply(objects ...*unstructured.Unstructured) {
	env.Helper()
	env.Must(env.Cluster.Apply(env.Within(Timeout), objects...))
}

// Applied is [Env.Apply], and waits until the registry is in sync.
func (env *Env) Applied(objects ...*unstructured.Unstructured) {
	env.Helper()
	env.Apply(objects...)
	env.AwaitInSync(Timeout)
}

// Delete deletes objects; a missing one is no error.
func (env *Env) Delete(objects ...*unstructured.Unstructured) {
	env.Helper()
	env.Must(env.Cluster.Delete(env.Within(Timeout), objects...))
}

// DeleteAfterwards deletes objects at the end of the test, after its context has ended.
func (env *Env) DeleteAfterwards(objects func() []*unstructured.Unstructured) {
	env.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Timeout)
		defer cancel()
		if err := env.Cluster.Delete(ctx, objects()...); err != nil {
			env.Error(err)
		}
	})
}

// MakeNamespace creates a namespace unless it exists.
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

// Component returns a Component in version v1 with core APIs, none of which is ready.
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

// AnyMessage makes [Logs] match every message.
const AnyMessage = ""

// Logs matches entries with the message, and with fields that contain the texts.
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
