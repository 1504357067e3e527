package kube_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/config"
	"odasync/internal/kube"
	"odasync/internal/kube/kubetest"
	"odasync/internal/testcheck"
)

func TestConfig_Defaults(t *testing.T) {
	got := kubetest.ReadConfig(t, nil)
	want := kube.Config{
		Namespaces: "default", WatchTimeout: config.Duration(5 * time.Minute), Group: "oda.tmforum.org", Plural: "components",
		LeaderElection: true, LeaseName: "odasync-watcher", LeaseDuration: config.Duration(15 * time.Second),
	}
	testcheck.Equal(t, "configuration", want, got)
	testcheck.NoError(t, got.Validate())
}

func TestConfig_ReportsEveryProblem(t *testing.T) {
	tests := map[string]struct {
		env  map[string]string
		want []string // parts of the error; none: valid
	}{
		"globs and lists":    {env: map[string]string{"KUBERNETES_NAMESPACE": "components, odacompns-*"}},
		"everything":         {env: map[string]string{"KUBERNETES_NAMESPACE": "all"}},
		"no namespace":       {env: map[string]string{"KUBERNETES_NAMESPACE": ","}, want: []string{`KUBERNETES_NAMESPACE is ",": no namespace named`}},
		"a bad namespace":    {env: map[string]string{"KUBERNETES_NAMESPACE": "ok,.."}, want: []string{`KUBERNETES_NAMESPACE is "ok,..": ".." is neither a namespace nor a glob`}},
		"proxy":              {env: map[string]string{"K8S_PROXY": "http://proxy:3128"}},
		"a bad proxy":        {env: map[string]string{"K8S_PROXY": "proxy:3128"}, want: []string{`K8S_PROXY is "proxy:3128": allowed is a URL`}},
		"a proxy's password": {env: map[string]string{"K8S_PROXY": "ftp://ada:se%cret@proxy"}, want: []string{`K8S_PROXY is "ftp://***@proxy"`}},
		"a password alone":   {env: map[string]string{"K8S_PROXY": "ada:secret@proxy"}, want: []string{`K8S_PROXY is "***@proxy"`}},
		"no watch timeout":   {env: map[string]string{"KUBERNETES_WATCH_TIMEOUT": "0"}, want: []string{`KUBERNETES_WATCH_TIMEOUT is "0s": allowed is a second or more`}},
		"a short lease":      {env: map[string]string{"LEASE_DURATION": "2"}, want: []string{`LEASE_DURATION is "2s": allowed are whole seconds from 3s on`}},
		"a broken lease":     {env: map[string]string{"LEASE_DURATION": "3500ms"}, want: []string{`LEASE_DURATION is "3.5s"`}},
		"an unknown version": {env: map[string]string{"ODA_COMPONENT_VERSION": "v2"}, want: []string{`ODA_COMPONENT_VERSION is "v2": allowed are v1, v1beta4, v1beta3, v1beta2`}},
		"a known version":    {env: map[string]string{"ODA_COMPONENT_VERSION": "v1beta3"}},
		"all problems at one": {env: map[string]string{"ODA_COMPONENT_GROUP": "Not A Group", "ODA_COMPONENT_PLURAL": "a/b", "LEASE_NAME": "Upper", "LEASE_NAMESPACE": "a.b"},
			want: []string{"ODA_COMPONENT_GROUP", "ODA_COMPONENT_PLURAL", "LEASE_NAME", "LEASE_NAMESPACE"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := kubetest.ReadConfig(t, test.env).Validate()
			if len(test.want) == 0 && err != nil {
				t.Errorf("rejected: %v", err)
			}
			for _, part := range test.want {
				if wrong := kubetest.Missing(fmt.Sprint(err), part); wrong != "" {
					t.Error(wrong)
				}
			}
			if err != nil && strings.Contains(err.Error(), "cret") {
				t.Errorf("a secret in %q", err)
			}
		})
	}
}

func TestNewClient_Kubeconfigs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		testcheck.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	const clusters = `clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
`
	absent := filepath.Join(dir, "absent")
	tests := map[string]struct {
		path      string
		inCluster bool
		bad       string
	}{
		"one file":                       {path: write("good", clusters+"current-context: x\n")},
		"some missing of several":        {path: absent + string(filepath.ListSeparator) + write("clusters", clusters) + string(filepath.ListSeparator) + write("choice", "current-context: x\n")},
		"a missing file":                 {path: absent, bad: "read KUBECONFIG " + absent + ": stat " + absent + ": no such file or directory: set KUBECONFIG to a kubeconfig file, or KUBERNETES_IN_CLUSTER=true in a pod"},
		"a folder":                       {path: dir, bad: "is a directory: set KUBECONFIG to a readable kubeconfig file"},
		"no YAML":                        {path: write("broken", "{"), bad: "set KUBECONFIG to a readable kubeconfig file"},
		"a context that does not exist":  {path: write("context", clusters+"current-context: other\n"), bad: "context was not found for specified context: other"},
		"nothing in it":                  {path: write("empty", ""), bad: "choose one with kubectl config use-context"},
		"in a cluster that is not there": {inCluster: true, bad: "use the pod's service account: unable to load in-cluster configuration"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			cfg := kubetest.ReadConfig(t, map[string]string{"KUBECONFIG": test.path, "KUBERNETES_IN_CLUSTER": fmt.Sprint(test.inCluster)})
			client, err := kube.NewClient(cfg, "test", zerolog.Nop())
			if test.bad != "" {
				if wrong := kubetest.Missing(fmt.Sprint(err), test.bad); wrong != "" {
					t.Error(wrong)
				}
				return
			}
			testcheck.NoError(t, err)
			testcheck.Equal(t, "server", "https://127.0.0.1:1", client.Server())
		})
	}
}

func TestClient_UsesTheProxyAndTheUserAgent(t *testing.T) {
	agent := make(chan string, 1)
	proxy := kubetest.NewServer(t, kubetest.Pages("7", ""))
	proxy.SetCRD(func(w http.ResponseWriter, r *http.Request) {
		select {
		case agent <- r.UserAgent() + " to " + r.URL.Host: // a proxy is asked for the whole URL
		default:
		}
		kubetest.Serves("v1")(w, r)
	})
	cfg := kubetest.Configure(t, "http://kubernetes.invalid", map[string]string{"K8S_PROXY": proxy.URL})
	if version, err := kubetest.NewClient(t, cfg).ServedVersion(t.Context()); version != "v1" || err != nil {
		t.Errorf("version %q, %v", version, err)
	}
	testcheck.Equal(t, "what the proxy saw", "odasync-watcher/test to kubernetes.invalid", <-agent)
}
