package kube_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"odasync/internal/kube"
	"odasync/internal/kube/elector"
	"odasync/internal/kube/kubetest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/test/cluster"
)

// manifest applies a file of deploy/ for the duration of the test, with each object changed where change is not nil.
func manifest(t *testing.T, file string, change func(object *unstructured.Unstructured)) {
	t.Helper()
	objects, err := cluster.Manifest("../../deploy/" + file)
	testcheck.NoError(t, err)
	for _, object := range objects {
		if change != nil {
			change(object)
		}
		testcheck.NoError(t, shared.Apply(t.Context(), object))
	}
	t.Cleanup(func() {
		testcheck.ErrorIs(t, "delete", nil, shared.Delete(context.Background(), objects...))
	})
}

// without removes a verb from the rules for a resource.
func without(verb, resource string) func(*unstructured.Unstructured) {
	return func(object *unstructured.Unstructured) {
		rules, _, _ := unstructured.NestedSlice(object.Object, "rules")
		var kept []any
		for _, entry := range rules {
			rule := entry.(map[string]any)
			if slices.Contains(rule["resources"].([]any), any(resource)) {
				verbs := slices.DeleteFunc(rule["verbs"].([]any), func(v any) bool { return v == verb })
				if len(verbs) == 0 {
					continue
				}
				rule["verbs"] = verbs
			}
			kept = append(kept, rule)
		}
		if rules != nil {
			object.Object["rules"] = kept
		}
	}
}

func leastPrivilege(extra ...string) map[string]string {
	return admin(append([]string{"KUBECONFIG", shared.WatcherKubeconfig, "LEASE_NAMESPACE", "canvas", "LEASE_DURATION", "3s"}, extra...)...)
}

func watcherClient(t *testing.T, env map[string]string) (*kube.Client, kube.Config) {
	t.Helper()
	cfg := configure(t, env)
	client := testcheck.Must(kube.NewClient(cfg, "test", zerolog.Nop()))
	return client, cfg
}

// expectDenied waits for exactly these missing permissions: rules take effect a moment after they are written.
func expectDenied(t *testing.T, client *kube.Client, want []string) {
	t.Helper()
	testwait.Empty(t, func() string {
		permissions, err := client.Permissions(t.Context())
		if err != nil {
			return err.Error()
		}
		var missing []string
		for _, permission := range permissions {
			if !permission.Granted {
				missing = append(missing, permission.Rule)
			}
		}
		return cmp.Diff(want, missing)
	})
}

func leaseVersion(t *testing.T) string {
	t.Helper()
	leases := shared.Admin.Resource(schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"})
	lease, err := leases.Namespace("canvas").Get(t.Context(), "odasync-watcher", metav1.GetOptions{})
	testcheck.NoError(t, err)
	return lease.GetResourceVersion()
}

// elect starts an Elector that ends with the test, and returns it and the channel of its leads.
func elect(t *testing.T, client *kube.Client, cfg kube.Config) (*elector.Elector, <-chan struct{}) {
	t.Helper()
	leads := make(chan struct{}, 10)
	e := elector.New(cfg, client, zerolog.Nop())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- e.Run(ctx, func(ctx context.Context) error {
			leads <- struct{}{}
			<-ctx.Done()
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		testcheck.ErrorIs(t, "end", nil, <-ended)
	})
	return e, leads
}

// awaitLead waits until the elector leads.
func awaitLead(t *testing.T, e *elector.Elector, leads <-chan struct{}, otherwise string) {
	t.Helper()
	select {
	case <-leads:
	case <-time.After(testwait.Limit):
		t.Fatalf("%s: %v", otherwise, e.State())
	}
}

func TestRBAC_RulesOfDeploy(t *testing.T) {
	manifest(t, "rbac.yaml", nil)
	apply(t, "components", "1", "x")
	client, cfg := watcherClient(t, leastPrivilege())
	expectDenied(t, client, nil)
	s := watch(t, leastPrivilege())
	s.awaitAgreement(t, "components")
	apply(t, "components", "2", "x")
	s.awaitAgreement(t, "components")
	e, leads := elect(t, client, cfg)
	awaitLead(t, e, leads, "does not lead")
	renewed := leaseVersion(t)
	testwait.Empty(t, func() string {
		if leaseVersion(t) == renewed {
			return "no renewal"
		}
		return ""
	})
	if !e.Fresh() || e.State() != nil {
		t.Errorf("fresh %v, %v", e.Fresh(), e.State())
	}
}

func TestRBAC_RulesOfDeployClusterWide(t *testing.T) {
	manifest(t, "rbac.yaml", nil)
	apply(t, "odacompns-a", "1", "x")
	env := leastPrivilege("KUBERNETES_NAMESPACE", "odacompns-*")
	client, _ := watcherClient(t, env)
	s := watch(t, env)
	const rule = "components.oda.tmforum.org cluster-wide"
	expectDenied(t, client, []string{"get " + rule, "list " + rule, "watch " + rule})
	testwait.Empty(t, func() string {
		return kubetest.Missing(fmt.Sprint(s.State()), "missing permission: watch "+rule+": grant get, list and watch, see deploy/rbac-cluster.yaml")
	})
	manifest(t, "rbac-cluster.yaml", nil)
	expectDenied(t, client, nil)
	s.awaitAgreement(t, "odacompns-a")
}

// TestRBAC_MissingRules removes one rule at a time: the error names it.
func TestRBAC_MissingRules(t *testing.T) {
	const components = ` components.oda.tmforum.org in namespace "components"`
	const crd = `get customresourcedefinitions.apiextensions.k8s.io "components.oda.tmforum.org" cluster-wide`
	const lease = ` leases.coordination.k8s.io "odasync-watcher" in namespace "canvas"`
	const create = `create leases.coordination.k8s.io in namespace "canvas"`
	type check func(s *source, e *elector.Elector) string
	works := func(s *source, e *elector.Elector) string {
		if err := s.State(); err != nil {
			return err.Error()
		}
		if !e.IsLeader() {
			return "does not lead"
		}
		return ""
	}
	ofSource := func(rule string) check {
		return func(s *source, _ *elector.Elector) string {
			return kubetest.Missing(fmt.Sprint(s.State()), "missing permission: "+rule+": grant ")
		}
	}
	ofElector := func(rule string) check {
		return func(_ *source, e *elector.Elector) string {
			return kubetest.Missing(fmt.Sprint(e.State()), "missing permission: "+rule+": grant ")
		}
	}
	tests := []struct {
		verb, resource, named string
		check                 check
	}{
		{"watch", "components", "watch" + components, ofSource("watch" + components)},
		{"list", "components", "list" + components, works}, // to the API server a streamed list is a watch
		{"get", "components", "get" + components, works},   // nothing reads one Component alone
		{"get", "customresourcedefinitions", crd, ofSource(crd)},
		{"get", "leases", "get" + lease, ofElector("get" + lease)},
		{"create", "leases", create, ofElector(create)},
		{"update", "leases", "update" + lease, ofElector("update" + lease)},
	}
	for _, test := range tests {
		t.Run(test.verb+" "+test.resource, func(t *testing.T) {
			lease := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
				"metadata": map[string]any{"namespace": "canvas", "name": "odasync-watcher"}}}
			testcheck.NoError(t, shared.Delete(t.Context(), lease))
			if test.verb == "update" {
				testcheck.NoError(t, shared.Apply(t.Context(), lease))
			}
			manifest(t, "rbac.yaml", without(test.verb, test.resource))
			client, cfg := watcherClient(t, leastPrivilege())
			expectDenied(t, client, []string{test.named})
			s := watch(t, leastPrivilege())
			e, _ := elect(t, client, cfg)
			testwait.Empty(t, func() string { return test.check(s, e) })
		})
	}
	t.Run("list without streamed lists", func(t *testing.T) {
		manifest(t, "rbac.yaml", without("list", "components"))
		n := newUnreliableProxy(t)
		n.change = refuseStreams
		client, _ := watcherClient(t, leastPrivilege())
		expectDenied(t, client, []string{"list" + components})
		s := watch(t, leastPrivilege("KUBECONFIG", n.kubeconfig(t, shared.WatcherKubeconfig)))
		testwait.Empty(t, func() string {
			return kubetest.Missing(fmt.Sprint(s.State()), "missing permission: list"+components+": grant get, list and watch, see deploy/rbac.yaml")
		})
	})
}

func TestSource_InvalidToken(t *testing.T) {
	n := newUnreliableProxy(t)
	s := watch(t, admin("KUBECONFIG", n.kubeconfig(t, shared.Kubeconfig, "wrong")))
	testwait.Empty(t, func() string {
		return kubetest.Missing(fmt.Sprint(s.State()), "the API server does not accept the credentials (401): check the token")
	})
}
