package kube_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"odasync/internal/kube/kubetest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/test/cluster"
)

const crdName = "components.oda.tmforum.org"

var crds = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

func readCRD(t *testing.T, on *cluster.Cluster) *unstructured.Unstructured {
	t.Helper()
	crd, err := on.Admin.Resource(crds).Get(t.Context(), crdName, metav1.GetOptions{})
	testcheck.NoError(t, err)
	return crd
}

// serve enables or disables a version of the CRD.
func serve(t *testing.T, on *cluster.Cluster, version string, served bool) {
	t.Helper()
	versions, _, err := unstructured.NestedSlice(readCRD(t, on).Object, "spec", "versions")
	testcheck.NoError(t, err)
	for i, entry := range versions {
		if entry.(map[string]any)["name"] != version {
			continue
		}
		patch := testcheck.Must(json.Marshal([]map[string]any{{"op": "replace", "path": fmt.Sprintf("/spec/versions/%d/served", i), "value": served}}))
		testcheck.Must(on.Admin.Resource(crds).Patch(t.Context(), crdName, types.JSONPatchType, patch, metav1.PatchOptions{}))
		return
	}
	t.Fatalf("CRD %s has no version %s", crdName, version)
}

// TestSource_FollowsTheServedVersions needs a cluster of its own, since it disables versions that other tests watch.
func TestSource_FollowsTheServedVersions(t *testing.T) {
	own := cluster.Start(t)
	object := cluster.Component("components", "x", "1")
	testcheck.NoError(t, own.Apply(t.Context(), object))
	serve(t, own, "v1", false)
	s := watch(t, map[string]string{"KUBECONFIG": own.Kubeconfig, "KUBERNETES_NAMESPACE": "components"})
	reads := func(version string, times int) func() string {
		return func() string {
			if got := strings.Count(s.log.String(), fmt.Sprintf(`"version":%q`, version)); got != times {
				return fmt.Sprintf("began to read version %s %d times, want %d", version, got, times)
			}
			if s.view.all()["components/x"] == "" {
				return "components/x is not seen"
			}
			if err := s.State(); err != nil {
				return err.Error()
			}
			return ""
		}
	}
	testwait.Empty(t, reads("v1beta4", 1))
	serve(t, own, "v1", true)
	testwait.Empty(t, func() string { // served a moment after it is enabled
		s.Refresh()
		return reads("v1", 1)()
	})
	serve(t, own, "v1", false)
	testwait.Empty(t, func() string {
		s.Refresh()
		return reads("v1beta4", 2)()
	})
}

func TestSource_IdentityIsThatOfTheCRD(t *testing.T) {
	manifest(t, "rbac.yaml", nil)
	want := string(readCRD(t, shared).GetUID())
	s := watch(t, leastPrivilege())
	s.awaitAgreement(t, "components")
	testcheck.Equal(t, "Identity", want, s.Identity())
	t.Run("may not be read", func(t *testing.T) {
		manifest(t, "rbac.yaml", without("get", "customresourcedefinitions"))
		client, _ := watcherClient(t, leastPrivilege())
		expectDenied(t, client, []string{`get customresourcedefinitions.apiextensions.k8s.io "components.oda.tmforum.org" cluster-wide`})
		s := watch(t, leastPrivilege("ODA_COMPONENT_VERSION", "v1"))
		s.awaitAgreement(t, "components")
		testcheck.Equal(t, "Identity", "", s.Identity())
	})
}

// TestClient_FollowsTheKubeconfig starts with an invalid token, which is replaced by the right one in the file.
func TestClient_FollowsTheKubeconfig(t *testing.T) {
	apply(t, "components", "1", "x")
	n := newUnreliableProxy(t)
	path := n.kubeconfig(t, shared.Kubeconfig, "expired")
	env := admin("KUBECONFIG", path, "LEASE_NAMESPACE", "canvas", "LEASE_NAME", "follows", "LEASE_DURATION", "3s")
	s := watch(t, env)
	client, cfg := watcherClient(t, env)
	e, leads := elect(t, client, cfg)
	const refused = "the API server does not accept the credentials (401)"
	testwait.Empty(t, func() string { return kubetest.Missing(fmt.Sprint(s.State()), refused) })
	testwait.Empty(t, func() string { return kubetest.Missing(fmt.Sprint(e.State()), refused) })
	good := testcheck.Must(os.ReadFile(n.kubeconfig(t, shared.Kubeconfig)))
	testcheck.NoError(t, os.WriteFile(path, good, 0o600))
	s.awaitAgreement(t, "components")
	awaitLead(t, e, leads, "does not lead")
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit)
	defer cancel()
	if _, err := client.Permissions(ctx); err != nil {
		t.Error(err)
	}
}
