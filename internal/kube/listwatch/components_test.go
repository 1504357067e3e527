package listwatch_test

import (
	"net/http"
	"testing"

	"odasync/internal/kube/kubetest"
	"odasync/internal/testcheck"
)

func TestComponents(t *testing.T) {
	t.Parallel()
	broken := kubetest.Object("shop", "broken", "9")
	broken["spec"] = map[string]any{"componentMetadata": map[string]any{"version": []any{"1", "2"}}}
	expired := kubetest.Refuses(410, "Expired", "the provided continue parameter is too old")
	tests := map[string]struct {
		answers  []kubetest.Answer
		scope    string
		name     string
		want     []string
		requests []string
	}{
		"a namespace, in pages": {
			[]kubetest.Answer{kubetest.Pages("7", "more", kubetest.Object("shop", "a", "1"), broken), kubetest.Pages("7", "", kubetest.Object("shop", "b", "2"))}, "shop", "",
			[]string{"shop/a@1", "shop/broken@9 spec.componentMetadata.version: must be text, not a list", "shop/b@2"},
			[]string{"v1/namespaces/shop/components list 500", "v1/namespaces/shop/components list 500 more"},
		},
		"two namespaces": {
			[]kubetest.Answer{kubetest.Pages("7", "", kubetest.Object("a", "x", "1")), kubetest.Pages("8", "", kubetest.Object("b", "x", "2"))}, "a,b", "",
			[]string{"a/x@1", "b/x@2"},
			[]string{"v1/namespaces/a/components list 500", "v1/namespaces/b/components list 500"},
		},
		"a glob": {
			[]kubetest.Answer{kubetest.Pages("7", "", kubetest.Object("shop-1", "x", "1"), kubetest.Object("other", "x", "2"))}, "shop-*", "",
			[]string{"shop-1/x@1"}, []string{"v1/components list 500"},
		},
		"a page that has expired": {
			[]kubetest.Answer{kubetest.Pages("7", "more", kubetest.Object("shop", "gone", "1")), expired, kubetest.Pages("9", "", kubetest.Object("shop", "b", "2"))}, "shop", "",
			[]string{"shop/b@2"},
			[]string{"v1/namespaces/shop/components list 500", "v1/namespaces/shop/components list 500 more", "v1/namespaces/shop/components list 500"},
		},
		"one by its name": {
			[]kubetest.Answer{kubetest.Body(kubetest.Object("a", "x", "1")), kubetest.Refuses(404, "NotFound", `components.oda.tmforum.org "x" not found`)}, "a,b", "x",
			[]string{"a/x@1"}, []string{"v1/namespaces/a/components/x list", "v1/namespaces/b/components/x list"},
		},
		"one by its name, anywhere": {
			[]kubetest.Answer{kubetest.Pages("7", "", kubetest.Object("shop", "x", "1"), kubetest.Object("shop", "y", "2"))}, "all", "x",
			[]string{"shop/x@1"}, []string{"v1/components list 500 metadata.name=x"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := kubetest.NewServer(t, test.answers...)
			got, err := list(t, s, test.scope, test.name)
			testcheck.NoError(t, err)
			testcheck.Equal(t, "Components", test.want, got)
			testcheck.Equal(t, "requests", test.requests, s.Requests())
		})
	}
}

func TestComponents_ReportsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	forbidden := kubetest.Refuses(403, "Forbidden", "no")
	tests := map[string]struct {
		answers  []kubetest.Answer
		crd      kubetest.Answer
		name     string
		messages []string
	}{
		"may not list":     {[]kubetest.Answer{forbidden}, nil, "", []string{"namespace shop", "missing permission: list components", "deploy/rbac.yaml"}},
		"may not get":      {[]kubetest.Answer{forbidden}, nil, "x", []string{"namespace shop", "missing permission: get components"}},
		"always expired":   {[]kubetest.Answer{kubetest.Refuses(410, "Expired", "too old")}, nil, "", []string{"no longer knows the resourceVersion"}},
		"a broken list":    {[]kubetest.Answer{func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"items":[`)) }}, nil, "", []string{"connection lost"}},
		"not installed":    {[]kubetest.Answer{kubetest.Pages("7", "")}, kubetest.Refuses(404, "NotFound", "no such CRD"), "", []string{"is not installed"}},
		"half of it fails": {[]kubetest.Answer{kubetest.Pages("7", "more", kubetest.Object("shop", "a", "1")), kubetest.Refuses(500, "InternalError", "etcd is away")}, nil, "", []string{"etcd is away"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := kubetest.NewServer(t, test.answers...)
			if test.crd != nil {
				s.SetCRD(test.crd)
			}
			got, err := list(t, s, "shop", test.name)
			if err == nil || len(got) != 0 {
				t.Fatalf("read %v, %v", got, err)
			}
			testcheck.ErrorContains(t, err, test.messages...)
		})
	}
}
