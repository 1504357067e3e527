package kube_test

import (
	"fmt"
	"net/http"
	"testing"

	"odasync/internal/kube/kubetest"
	"odasync/internal/testcheck"
)

func TestClient_ServedVersion(t *testing.T) {
	forbidden := kubetest.Refuses(403, "Forbidden", `User "x" cannot get resource`)
	tests := map[string]struct {
		crd    kubetest.Answer
		pinned string
		want   string
		bad    string
	}{
		"the best":                       {crd: kubetest.Serves("v1beta2", "v1", "v1beta3", "v1beta4"), want: "v1"},
		"the best but one":               {crd: kubetest.Serves("v1beta2", "v1beta3"), want: "v1beta3"},
		"pinned":                         {crd: kubetest.Serves("v1", "v1beta3"), pinned: "v1beta3", want: "v1beta3"},
		"pinned but not served":          {crd: kubetest.Serves("v1", "v1beta4"), pinned: "v1beta2", bad: "ODA_COMPONENT_VERSION is v1beta2, but CRD components.oda.tmforum.org serves only v1, v1beta4"},
		"none that is known":             {crd: kubetest.Serves("v7"), bad: `serves "v7", none of which is known`},
		"pinned and no permission":       {crd: forbidden, pinned: "v1beta3", want: "v1beta3"},
		"no permission":                  {crd: forbidden, bad: `missing permission: get customresourcedefinitions.apiextensions.k8s.io "components.oda.tmforum.org" cluster-wide: grant get on it, see deploy/rbac.yaml, or pin ODA_COMPONENT_VERSION`},
		"no credentials":                 {crd: kubetest.Refuses(401, "Unauthorized", "Unauthorized"), bad: "does not accept the credentials (401): check the token"},
		"not installed":                  {crd: kubetest.Refuses(404, "NotFound", "not found"), bad: "is not installed"},
		"another server: not found":      {crd: http.NotFound, bad: "does not answer as a Kubernetes API server"},
		"another server: a page":         {crd: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, bad: "does not answer as a Kubernetes API server"},
		"not installed, though pinned":   {crd: kubetest.Refuses(404, "NotFound", "not found"), pinned: "v1", bad: "is not installed"},
		"unavailable, even where pinned": {crd: kubetest.Refuses(503, "ServiceUnavailable", "starting"), pinned: "v1", bad: "starting"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := kubetest.NewServer(t, kubetest.Pages("7", ""))
			server.SetCRD(test.crd)
			got, err := kubetest.NewClient(t, kubetest.Configure(t, server.URL, map[string]string{"ODA_COMPONENT_VERSION": test.pinned})).ServedVersion(t.Context())
			if test.bad != "" {
				if wrong := kubetest.Missing(fmt.Sprint(err), test.bad); wrong != "" {
					t.Error(wrong)
				}
			} else if err != nil {
				t.Error(err)
			}
			testcheck.Equal(t, "resources", test.want, got)
		})
	}
}
