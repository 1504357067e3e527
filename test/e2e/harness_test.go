package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"odasync/test/cluster"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// shared is the API server of all tests; each works in namespaces of its own.
var shared *cluster.Cluster

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &shared)) }

// environment is a test environment on the shared API server, with the helpers of these tests.
type environment struct{ *testenv.Env }

// newEnv creates the namespaces, and starts NATS and the registry.
func newEnv(t *testing.T, namespaces ...string) *environment {
	t.Helper()
	return &environment{testenv.New(t, shared, namespaces...)}
}

// newParallel is newEnv of a test that is parallel to others.
func newParallel(t *testing.T, namespaces ...string) *environment {
	t.Helper()
	t.Parallel()
	return newEnv(t, namespaces...)
}

// newPair is newParallel with a watcher and a syncer that are ready.
func newPair(t *testing.T, namespace string) (env *environment, watcher, syncer *procs.Process) {
	t.Helper()
	env = newParallel(t, namespace)
	watcher, syncer = env.StartPair()
	return env, watcher, syncer
}

// secondCluster is the environment of another cluster name and namespace, with the same NATS and registry.
func (env *environment) secondCluster(name, namespace string) *environment {
	return &environment{&testenv.Env{
		TB: env.TB, Cluster: shared, Namespaces: []string{namespace}, Group: env.Group, NATSURL: env.NATSURL, Registry: env.Registry,
		Mapping: testenv.Mapping{Cluster: name, Segments: []string{"core"}},
	}}
}

// change writes Components 0 to count-1 of a namespace in a version.
func (env *environment) change(namespace, version string, count int) {
	env.Helper()
	for i := range count {
		env.Apply(testenv.Component(namespace, fmt.Sprintf("item-%d", i), version, "api-"+version))
	}
}

// components returns Components of a namespace with two APIs each.
func components(namespace string, count int) []*unstructured.Unstructured {
	objects := make([]*unstructured.Unstructured, count)
	for i := range objects {
		objects[i] = testenv.Component(namespace, fmt.Sprintf("item-%d", i), "1", "first", "second")
	}
	return objects
}

// applyAll is Apply with concurrent requests.
func (env *environment) applyAll(objects []*unstructured.Unstructured) {
	env.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for _, object := range objects {
		group.Go(func() error { return shared.Apply(env.Context(), object) })
	}
	env.Must(group.Wait())
}

// kubeconfig writes a changed copy of the admin's kubeconfig.
func (env *environment) kubeconfig(change func(*clientcmdapi.Config)) (path string) {
	env.Helper()
	config, err := clientcmd.LoadFromFile(shared.Kubeconfig)
	env.Must(err)
	change(config)
	path = filepath.Join(env.TempDir(), "config")
	env.Must(clientcmd.WriteToFile(*config, path))
	return path
}

// unreachable replaces the API server of a kubeconfig by an address without a server.
func (env *environment) unreachable(config *clientcmdapi.Config) {
	env.Helper()
	port, err := procs.FreePort()
	env.Must(err)
	for _, server := range config.Clusters {
		server.Server = "https://127.0.0.1:" + strconv.Itoa(port)
	}
}

// grant returns a Role or ClusterRole of the watcher's service account with one rule, and its binding.
func grant(kind, namespace, name, group, resource string, verbs ...any) []*unstructured.Unstructured {
	const api = "rbac.authorization.k8s.io"
	object := func(kind string, fields map[string]any) *unstructured.Unstructured {
		metadata := map[string]any{"name": name}
		if namespace != "" {
			metadata["namespace"] = namespace
		}
		fields["apiVersion"], fields["kind"], fields["metadata"] = api+"/v1", kind, metadata
		return &unstructured.Unstructured{Object: fields}
	}
	return []*unstructured.Unstructured{
		object(kind, map[string]any{"rules": []any{
			map[string]any{"apiGroups": []any{group}, "resources": []any{resource}, "verbs": verbs},
		}}),
		object(kind+"Binding", map[string]any{
			"roleRef":  map[string]any{"apiGroup": api, "kind": kind, "name": name},
			"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": "odasync-watcher", "namespace": "canvas"}},
		}),
	}
}

// grantComponents lets the watcher read the Components of a namespace.
func grantComponents(namespace string) []*unstructured.Unstructured {
	return grant("Role", namespace, "e2e-components", "oda.tmforum.org", "components", "get", "list", "watch")
}

// grantLease lets the watcher elect a leader in a namespace.
func grantLease(namespace string) []*unstructured.Unstructured {
	return grant("Role", namespace, "e2e-lease", "coordination.k8s.io", "leases", "get", "create", "update")
}
