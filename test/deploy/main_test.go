package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/restmapper"

	"odasync/test/cluster"
	"odasync/test/procs"
)

// patience is how long to wait for something that normally takes a moment: the machine may be busy with other tests.
const patience = 60 * time.Second

// namespace is the namespace of the installation, as in an ODA Canvas.
const namespace = "canvas"

var (
	shared *cluster.Cluster // of all tests, which run one after the other
	mapper meta.RESTMapper  // of its resources
	root   string           // of the repository
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		return 1
	}
	var err error
	if root, err = procs.Root(); err != nil {
		return fail(err)
	}
	if _, err := os.Stat(helm()); err != nil {
		return fail(fmt.Errorf("find helm: %w: run `make manifests` first, which installs it", err))
	}
	if shared, err = cluster.Run(); err != nil {
		return fail(err)
	}
	defer func() {
		if err := shared.Stop(); err != nil {
			code = fail(err)
		}
	}()
	if err := prepare(context.Background()); err != nil {
		return fail(err)
	}
	return m.Run()
}

// prepare defines the foreign resources, and enforces Pod Security in the namespace.
func prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	definitions, err := cluster.Manifest(filepath.Join("crds", "crds.yaml"))
	if err != nil {
		return err
	}
	if err := shared.Apply(ctx, definitions...); err != nil {
		return err
	}
	client, err := discovery.NewDiscoveryClientForConfig(shared.Config)
	if err != nil {
		return err
	}
	deferred := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	mapper = deferred
	// A definition is served a moment after it is created.
	for _, kind := range []schema.GroupKind{
		{Group: "monitoring.coreos.com", Kind: "ServiceMonitor"}, {Group: "monitoring.coreos.com", Kind: "PrometheusRule"},
		{Group: "keda.sh", Kind: "ScaledObject"},
	} {
		for {
			if _, err = deferred.RESTMapping(kind); err == nil {
				break
			}
			deferred.Reset()
			if pause := procs.Pause(ctx, 50*time.Millisecond); pause != nil {
				return fmt.Errorf("wait for %s: %w", kind, err)
			}
		}
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted",
		"pod-security.kubernetes.io/warn":    "restricted",
	}}})
	if err != nil {
		return err
	}
	namespaces := shared.Admin.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	_, err = namespaces.Patch(ctx, namespace, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
