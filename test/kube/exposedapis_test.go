package kube_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"odasync/internal/component"
	"odasync/internal/kube"
	"odasync/internal/kube/kubetest"
	"odasync/internal/kube/listwatch"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// installExposedAPIs adds the resource to the cluster for the duration of the test.
func installExposedAPIs(t *testing.T) {
	t.Helper()
	definition := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "exposedapis.oda.tmforum.org"},
		"spec": map[string]any{
			"group": "oda.tmforum.org", "scope": "Namespaced",
			"names": map[string]any{"kind": "ExposedAPI", "listKind": "ExposedAPIList", "plural": "exposedapis", "singular": "exposedapi"},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			}},
		},
	}}
	testcheck.NoError(t, shared.Apply(t.Context(), definition))
	t.Cleanup(func() {
		if err := shared.Delete(context.Background(), definition); err != nil {
			t.Error(err)
		}
		definitions := shared.Admin.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
		testwait.Until(t, "the end of the resource", func() bool {
			_, err := definitions.Get(context.Background(), definition.GetName(), metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		})
	})
}

// exposedAPI is the object of the API that each Component of the tests exposes.
func exposedAPI(namespace, owner, url string, ready bool) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "oda.tmforum.org/v1", "kind": "ExposedAPI",
		"metadata": map[string]any{"namespace": namespace, "name": owner + "-api", "labels": map[string]any{"oda.tmforum.org/componentName": owner}},
		"spec":     map[string]any{"name": "api", "segment": "coreFunction", "specification": []any{}},
		"status":   map[string]any{"apiStatus": map[string]any{"url": url}, "implementation": map[string]any{"ready": ready}},
	}}
}

// expose applies ExposedAPIs as soon as the API server serves them.
func expose(t *testing.T, objects ...*unstructured.Unstructured) {
	t.Helper()
	for _, object := range objects {
		testwait.NoError(t, "apply the ExposedAPI "+object.GetName(), func() error { return shared.Apply(t.Context(), object) })
	}
}

// apis describes the APIs of a component.
func apis(c *component.Component) string {
	text := ""
	for _, api := range c.ExposedAPIs {
		text += fmt.Sprintf("%s %s %v", api.Object, api.URL, api.Ready)
	}
	return text
}

func (s *source) awaitAPIs(t *testing.T, want map[string]string) {
	t.Helper()
	testwait.Empty(t, func() string {
		if err := s.State(); err != nil {
			return err.Error()
		}
		return cmp.Diff(want, s.view.apis())
	})
}

func TestSource_ExposedAPIs(t *testing.T) {
	for _, scope := range []string{"components", "comp*"} {
		t.Run(scope, func(t *testing.T) {
			apply(t, "components", "1", "x", "y")
			installExposedAPIs(t)
			expose(t, exposedAPI("components", "x", "http://x", false), exposedAPI("components", "absent", "http://absent", true))
			s := watch(t, admin("WATCH_EXPOSED_APIS", "true", "KUBERNETES_NAMESPACE", scope))
			s.awaitAPIs(t, map[string]string{"components/x": "x-api http://x false", "components/y": "y-api  false"})
			expose(t, exposedAPI("components", "x", "http://x", true), exposedAPI("components", "y", "http://y", true))
			s.awaitAPIs(t, map[string]string{"components/x": "x-api http://x true", "components/y": "y-api http://y true"})
			testcheck.NoError(t, shared.Delete(t.Context(), exposedAPI("components", "y", "", false)))
			s.awaitAPIs(t, map[string]string{"components/x": "x-api http://x true", "components/y": "y-api  false"})
			if s.view.deletions() != 0 {
				t.Error("a Component was reported as deleted")
			}
		})
	}
}

// Whatever changes in whatever order, what was reported last is what the cluster has.
func TestSource_ExposedAPIsAndComponentsAtOnce(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	apply(t, "components", "0", names...)
	installExposedAPIs(t)
	s := watch(t, admin("WATCH_EXPOSED_APIS", "true"))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for change := range 150 {
		name := names[random.IntN(len(names))]
		switch random.IntN(5) {
		case 0:
			apply(t, "components", fmt.Sprint(change), name)
		case 1:
			remove(t, "components", name)
		case 2:
			testcheck.NoError(t, shared.Delete(t.Context(), exposedAPI("components", name, "", false)))
		default:
			expose(t, exposedAPI("components", name, fmt.Sprint("http://", change), random.IntN(2) == 0))
		}
		if change == 75 {
			s.Refresh()
		}
	}
	client, err := kube.NewClient(configure(t, admin("WATCH_EXPOSED_APIS", "true")), "test", zerolog.Nop())
	testcheck.NoError(t, err)
	scope, err := component.ParseScope("components")
	testcheck.NoError(t, err)
	all, err := listwatch.Components(t.Context(), client, scope, "")
	testcheck.NoError(t, err)
	want := map[string]string{}
	for _, seen := range all {
		want[seen.Namespace+"/"+seen.Name] = apis(seen.Component)
	}
	s.awaitAgreement(t, "components")
	s.awaitAPIs(t, want)
}

func TestSource_ExposedAPIsAreInstalledLater(t *testing.T) {
	apply(t, "components", "1", "x")
	s := watch(t, admin("WATCH_EXPOSED_APIS", "true"))
	testwait.Empty(t, func() string {
		return kubetest.Missing(fmt.Sprint(s.State()), "ExposedAPIs of namespace components: the API server does not serve exposedapis.oda.tmforum.org")
	})
	testwait.Empty(t, func() string { return cmp.Diff(map[string]string{"components/x": "x-api  false"}, s.view.apis()) })
	installExposedAPIs(t)
	expose(t, exposedAPI("components", "x", "http://x", true))
	s.awaitAPIs(t, map[string]string{"components/x": "x-api http://x true"})
}

func TestRBAC_ExposedAPIs(t *testing.T) {
	apply(t, "components", "1", "x")
	installExposedAPIs(t)
	expose(t, exposedAPI("components", "x", "http://x", true))
	manifest(t, "rbac.yaml", nil)
	env := leastPrivilege("WATCH_EXPOSED_APIS", "true")
	client, _ := watcherClient(t, env)
	const rule = ` exposedapis.oda.tmforum.org in namespace "components"`
	expectDenied(t, client, []string{"list" + rule, "watch" + rule})
	s := watch(t, env)
	testwait.Empty(t, func() string {
		return kubetest.Missing(fmt.Sprint(s.State()), "missing permission: watch"+rule+": grant list and watch, as the chart does with watchExposedAPIs")
	})
	testwait.Empty(t, func() string { return cmp.Diff(map[string]string{"components/x": "x-api  false"}, s.view.apis()) })
	manifest(t, "rbac.yaml", func(object *unstructured.Unstructured) {
		rules, _, _ := unstructured.NestedSlice(object.Object, "rules")
		for _, rule := range rules {
			if resources := rule.(map[string]any)["resources"].([]any); slices.Contains(resources, any("components")) {
				object.Object["rules"] = append(rules, map[string]any{
					"apiGroups": []any{"oda.tmforum.org"}, "resources": []any{"exposedapis"}, "verbs": []any{"list", "watch"},
				})
			}
		}
	})
	expectDenied(t, client, nil)
	s.awaitAPIs(t, map[string]string{"components/x": "x-api http://x true"})
}
