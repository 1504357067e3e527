package lab

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
const Patience = 30 * time.Second

// Lab is the surroundings of one test: namespaces of an API server that tests share, and NATS and a registry of its own.
type Lab struct {
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
func New(t testing.TB, on *cluster.Cluster, namespaces ...string) *Lab {
	t.Helper()
	l := Bare(t, on, namespaces...)
	l.StartNATS(1)
	return l
}

// Bare is New without NATS.
func Bare(t testing.TB, on *cluster.Cluster, namespaces ...string) *Lab {
	t.Helper()
	l := &Lab{
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
	return l
}

// StartNATS starts one server, or a cluster of several. Settings are lines of a single server's configuration.
func (l *Lab) StartNATS(servers int, settings ...string) {
	l.Helper()
	var err error
	if servers > 1 {
		l.NATS, l.NATSURL, err = l.Group.NATSCluster(l.Within(Patience), "nats", servers)
	} else {
		l.NATS = make([]*procs.Process, 1)
		l.NATS[0], l.NATSURL, err = l.Group.NATS(l.Within(Patience), "nats", 0, settings...)
	}
	l.Must(err)
}

// NATSAgain starts the NATS server where it was, with the data that it had.
func (l *Lab) NATSAgain() {
	l.Helper()
	var err error
	l.NATS[0], _, err = l.Group.RestartNATS(l.Within(Patience), l.NATS[0].Spec)
	l.Must(err)
}

// Within returns a context that ends after a while.
func (l *Lab) Within(limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(l.Context(), limit)
	l.Cleanup(cancel)
	return ctx
}

// Must fails the test on an error.
func (l *Lab) Must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// WatcherSpec is a watcher of the lab's namespaces; more variables are added.
func (l *Lab) WatcherSpec(name string, more map[string]string) procs.Spec {
	return procs.Watcher(name, map[string]string{
		"KUBECONFIG": l.Cluster.Kubeconfig, "KUBERNETES_NAMESPACE": strings.Join(l.Namespaces, ","),
		"LEASE_NAMESPACE": l.Namespaces[0], "CLUSTER_NAME": l.Mapping.Cluster, "NATS_URL": l.NATSURL,
	}).With(more)
}

// SyncerSpec is a syncer into the lab's registry; more variables are added. It gives its name as a user, which the registry
// keeps with every write.
func (l *Lab) SyncerSpec(name string, more map[string]string) procs.Spec {
	return procs.Syncer(name, map[string]string{
		"NATS_URL": l.NATSURL, "COMPONENT_REGISTRY_URL": strings.Replace(l.Registry.URL(), "://", "://"+name+":lab@", 1),
	}).With(more)
}

// Start runs a program in the lab.
func (l *Lab) Start(spec procs.Spec) *procs.Process {
	l.Helper()
	p, err := l.Group.Start(spec)
	l.Must(err)
	return p
}

// Pair starts a watcher and a syncer and waits until both are ready.
func (l *Lab) Pair() (watcher, syncer *procs.Process) {
	l.Helper()
	watcher = l.Start(l.WatcherSpec("watcher", nil))
	syncer = l.Start(l.SyncerSpec("syncer", nil))
	l.Ready(watcher, syncer)
	return watcher, syncer
}

// Ready waits until processes say that they are ready.
func (l *Lab) Ready(processes ...*procs.Process) {
	l.Helper()
	for _, p := range processes {
		l.Must(p.AwaitReady(l.Within(Patience)))
	}
}

// Metric reads a metric of a process.
func (l *Lab) Metric(p *procs.Process, series string) float64 {
	l.Helper()
	value, err := p.Metric(l.Within(Patience), series)
	l.Must(err)
	return value
}

// Eventually polls until the check returns no error.
func (l *Lab) Eventually(limit time.Duration, what string, check func() error) {
	l.Helper()
	testwait.NoErrorWithin(l, limit, what, check)
}

// Apply creates objects, or replaces them where they exist.
func (l *Lab) Apply(objects ...*unstructured.Unstructured) {
	l.Helper()
	l.Must(l.Cluster.Apply(l.Within(Patience), objects...))
}

// Delete removes objects; one that does not exist is no error.
func (l *Lab) Delete(objects ...*unstructured.Unstructured) {
	l.Helper()
	l.Must(l.Cluster.Delete(l.Within(Patience), objects...))
}

// DeleteAfterwards removes objects at the end of the test, when its context is over.
func (l *Lab) DeleteAfterwards(objects func() []*unstructured.Unstructured) {
	l.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		if err := l.Cluster.Delete(ctx, objects()...); err != nil {
			l.Error(err)
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
