package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"odasync/internal/refregistry"
	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestRunEmbedded runs everything but the API server in one process, restarts it, and starts a second one on its data, which
// must fail.
func TestRunEmbedded(t *testing.T) {
	port := testcheck.Must(procs.FreePort())
	embedded := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	const namespace = "e2e-run"
	testenv.MakeNamespace(t, shared, namespace)
	env := &environment{&testenv.Env{
		TB: t, Cluster: shared, Namespaces: []string{namespace}, Group: procs.ForTest(t),
		Mapping: testenv.Mapping{Cluster: "lab", Segments: []string{"core"}},
	}}
	data := t.TempDir()
	settings := map[string]string{
		"KUBECONFIG": shared.Kubeconfig, "KUBERNETES_NAMESPACE": namespace, "LEASE_NAMESPACE": namespace, "CLUSTER_NAME": "lab",
		"SYNC_INTERVAL": "1h", // the registry is in memory, and filled again without waiting for that
	}
	env.change(namespace, "1", 10)
	run := env.Start(procs.Run("run", data, embedded, settings))
	env.AwaitReady(run)
	for _, line := range []string{"NATS     nats://127.0.0.1:", "page     http://" + embedded} {
		_, err := run.Await(env.Within(testenv.Timeout), line)
		env.Must(err)
	}
	env.awaitEmbeddedInSync(embedded)

	second := env.Start(procs.Run("second", data, embedded, settings))
	code, err := second.Wait(env.Within(testenv.Timeout))
	env.Must(err)
	if code != 2 || !strings.Contains(second.Tail(5), "another process uses "+data) {
		t.Errorf("a second ctl run on the same data ends with exit code %d and prints: %s", code, second.Tail(5))
	}
	elsewhere := env.Start(procs.Run("elsewhere", t.TempDir(), embedded, settings))
	code, err = elsewhere.Wait(env.Within(testenv.Timeout))
	env.Must(err)
	if code != 2 || !strings.Contains(elsewhere.Tail(5), "COMPONENT_REGISTRY_URL") {
		t.Errorf("a ctl run without its port ends with exit code %d and prints: %s", code, elsewhere.Tail(5))
	}

	for i, stop := range []func(){func() { env.Must(run.Stop()) }, func() { run.Kill() }} {
		stop()
		env.change(namespace, strconv.Itoa(i+2), 5)
		env.Delete(testenv.Component(namespace, "item-"+strconv.Itoa(9-i), ""))
		run = env.Start(run.Spec)
		env.AwaitReady(run)
		env.awaitEmbeddedInSync(embedded)
		if created := run.Logged(testenv.Logs("created stream", map[string]string{"stream": "ODA_COMPONENTS"})); len(created) != 0 {
			t.Error("the stream was created again")
		}
	}
}

// awaitEmbeddedInSync waits until the embedded registry holds exactly the cluster's present Components.
func (env *environment) awaitEmbeddedInSync(address string) {
	env.Helper()
	want := env.Mapping.Of(env.Objects())
	env.Eventually(2*testenv.Timeout, "embedded registry in sync with the cluster", func() error {
		have, err := readEmbedded(env.Context(), address)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, have, cmpopts.EquateEmpty()); diff != "" {
			return fmt.Errorf("(-cluster +registry):\n%.2000s", diff)
		}
		return nil
	})
}

// labelled are the fields of components and APIs on the wire.
type labelled struct {
	RegistryName  string `json:"registry_name"`
	ComponentName string `json:"component_name"`
	Name          string
	URL           string
	Specification string `json:"oas_specification"`
	Status        string
	Labels        []struct{ Key, Value string }
}

func (l labelled) labels() map[string]string {
	labels := map[string]string{}
	for _, label := range l.Labels {
		labels[label.Key] = label.Value
	}
	return labels
}

func readEmbedded(ctx context.Context, address string) (testenv.Content, error) {
	var c testenv.Content
	var components, apis []labelled
	for path, into := range map[string]*[]labelled{"/components/": &components, "/exposed-apis/": &apis} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path+"?limit=1000", nil)
		if err != nil {
			return c, err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return c, err
		}
		err = json.NewDecoder(answer.Body).Decode(into)
		answer.Body.Close()
		if err != nil {
			return c, err
		}
	}
	for _, row := range components {
		c.Components = append(c.Components, refregistry.Component{Registry: row.RegistryName, Name: row.Name, Labels: row.labels()})
	}
	for _, row := range apis {
		c.APIs = append(c.APIs, refregistry.API{
			Registry: row.RegistryName, Component: row.ComponentName, Name: row.Name, URL: row.URL,
			Specification: row.Specification, Status: row.Status, Labels: row.labels(),
		})
	}
	return c.Sorted(), nil
}
