package deploy

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/testwait"
	"odasync/test/cluster"
	"odasync/test/procs"
)

// TestManifests_RunThePipeline runs the programs with the variables of deploy/manifests, NATS with its configuration,
// and the watchers as the service account, with its permissions alone. Only addresses are replaced.
func TestManifests_RunThePipeline(t *testing.T) {
	all := manifests(t)
	newServer(t).install(t, all)
	component := cluster.Component("components", "shown", "1")
	if err := shared.Apply(t.Context(), component); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shared.Delete(context.Background(), component); err != nil {
			t.Error(err)
		}
	})
	group := procs.ForTest(t)
	servers := startNATS(t, group, t.TempDir(), all)
	_, registryURL, err := group.Registry(within(t), "registry", 0)
	must(t, err)

	here := map[string]string{"NATS_URL": servers[0].url, "MONITORING_HOST": "127.0.0.1", "MONITORING_PORT": "0"}
	env := all.env(t, "Deployment odasync-watcher")
	maps.Copy(env, here)
	maps.Copy(env, map[string]string{"KUBERNETES_IN_CLUSTER": "false", "KUBECONFIG": shared.WatcherKubeconfig})
	var watchers []*procs.Process
	for _, name := range []string{"watcher-1", "watcher-2"} {
		watchers = append(watchers, start(t, group, procs.Spec{Name: name, Program: "watcher", Env: env}))
	}
	syncerEnv := all.env(t, "Deployment odasync-syncer")
	maps.Copy(syncerEnv, here)
	syncerEnv["COMPONENT_REGISTRY_URL"] = registryURL
	syncer := start(t, group, procs.Spec{Name: "syncer", Program: "syncer", Env: syncerEnv})
	for _, p := range append(watchers, syncer) {
		must(t, p.AwaitReady(within(t)))
	}
	testwait.NoErrorWithin(t, patience, "the Component is in the registry", func() error {
		text, err := get(t, registryURL+"/components/")
		if err == nil && !strings.Contains(text, `"shown"`) {
			err = fmt.Errorf("the registry has %s", text)
		}
		return err
	})

	// The command of NOTES.txt, with the variables of the watcher's container.
	list := start(t, group, procs.Spec{Name: "ctl", Program: "ctl", Args: []string{"list", "-o", "name"}, Env: env})
	if code, err := list.Wait(within(t)); err != nil || code != 0 || !strings.Contains(list.Tail(5), "shown") {
		t.Errorf("ctl list: %v, exit code %d: %s", err, code, list.Tail(5))
	}

	// The syncer reports the metric that KEDA reads.
	scaled := render(t, chart(), set("syncer.autoscaling.type=keda")...)
	trigger := scaled.field(t, "ScaledObject odasync-syncer", "spec.triggers.0.metadata").(map[string]any)
	testwait.NoErrorWithin(t, patience, "the metric of the ScaledObject is reported", func() error {
		_, err := syncer.Metric(within(t), trigger["valueLocation"].(string))
		return err
	})

	// The take-over of the standby needs every permission on the Lease.
	leader := slices.IndexFunc(watchers, func(p *procs.Process) bool { return leads(t, p) })
	if leader < 0 {
		t.Fatal("no watcher leads")
	}
	must(t, watchers[leader].Stop())
	testwait.NoErrorWithin(t, patience, "the other watcher leads", func() error {
		if !leads(t, watchers[1-leader]) {
			return fmt.Errorf("it is the standby")
		}
		return nil
	})
}

// TestRBAC_OnlyTheWatcher checks that only the watcher has permissions, and that they are those of deploy/rbac.yaml, which test/kube tests
// one by one.
func TestRBAC_OnlyTheWatcher(t *testing.T) {
	for _, object := range manifests(t) {
		subjects, found, err := unstructured.NestedSlice(object.Object, "subjects")
		if err != nil || !found {
			continue
		}
		if len(subjects) != 1 || subjects[0].(map[string]any)["name"] != "odasync-watcher" {
			t.Errorf("%s %s grants to %v", object.GetKind(), object.GetName(), subjects)
		}
	}
	alone, err := os.ReadFile(filepath.Join(root, "deploy", "rbac.yaml"))
	must(t, err)
	among, err := os.ReadFile(filepath.Join(root, "deploy", "manifests", "rbac.yaml"))
	must(t, err)
	same(t, "deploy/rbac.yaml and deploy/manifests/rbac.yaml", string(alone), string(among))
}

func start(t *testing.T, group *procs.Group, spec procs.Spec) *procs.Process {
	t.Helper()
	p, err := group.Start(spec)
	must(t, err)
	return p
}

func leads(t *testing.T, p *procs.Process) bool {
	t.Helper()
	value, err := p.Metric(within(t), "odasync_leader")
	must(t, err)
	return value == 1
}

func get(t *testing.T, url string) (string, error) {
	request, err := http.NewRequestWithContext(within(t), http.MethodGet, url, nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return string(text), err
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
