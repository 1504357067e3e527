package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// TestUpgrade_LeavesNATSAlone renders the chart with another version of odasync: every object of NATS stays the same, byte by
// byte, so that the servers are not restarted.
func TestUpgrade_LeavesNATSAlone(t *testing.T) {
	for name, values := range map[string][]string{
		"one server":    nil,
		"three servers": {"nats.replicas=3", "nats.auth.secret=passwords", "nats.tls.serverSecret=cert", "nats.tls.caSecret=ca", "nats.exporter.enabled=true"},
	} {
		t.Run(name, func(t *testing.T) {
			next := filepath.Join(t.TempDir(), "odasync")
			must(t, os.CopyFS(next, os.DirFS(chart())))
			about := map[string]any{}
			text, err := os.ReadFile(filepath.Join(next, "Chart.yaml"))
			must(t, err)
			must(t, yaml.Unmarshal(text, &about))
			about["version"], about["appVersion"] = "7.8.9", "9.8.7"
			writeYAML(t, filepath.Join(next, "Chart.yaml"), about)

			before, after := documents(t, chart(), set(values...)...), documents(t, next, set(values...)...)
			const syncer = "Deployment odasync-syncer"
			if before[syncer] == after[syncer] {
				t.Errorf("the version is not in\n%s", after[syncer])
			}
			count := 0
			for id, text := range before {
				if strings.Contains(id, "odasync-nats") {
					count++
					same(t, id, after[id], text)
				}
			}
			if count < 6 {
				t.Errorf("only %d objects of NATS", count)
			}
		})
	}
}

// TestUpgrade_KeepsTheSyncers switches an installation to an autoscaler, which then changes the number: no upgrade does.
func TestUpgrade_KeepsTheSyncers(t *testing.T) {
	deployments := shared.Admin.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(namespace)
	home := t.TempDir()
	helmRuns := func(arguments ...string) {
		t.Helper()
		command := exec.CommandContext(within(t), helm(), append(arguments, "--namespace", namespace)...)
		command.Env = []string{"HOME=" + home, "KUBECONFIG=" + shared.Kubeconfig}
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("helm %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
	}
	upgrade := func(want int64, values ...string) {
		t.Helper()
		helmRuns(append([]string{"upgrade", "--install", "odasync", chart()}, set(values...)...)...)
		syncer, err := deployments.Get(t.Context(), "odasync-syncer", metav1.GetOptions{})
		must(t, err)
		if got, _, _ := unstructured.NestedInt64(syncer.Object, "spec", "replicas"); got != want {
			t.Errorf("%d syncers after an upgrade with %v, want %d", got, values, want)
		}
	}
	upgrade(4, "syncer.replicas=4")
	t.Cleanup(func() {
		out, err := (&exec.Cmd{Path: helm(), Args: []string{"helm", "uninstall", "odasync", "--namespace", namespace},
			Env: []string{"HOME=" + home, "KUBECONFIG=" + shared.Kubeconfig}}).CombinedOutput()
		if err != nil {
			t.Errorf("helm uninstall: %v\n%s", err, out)
		}
	})
	upgrade(4, "syncer.autoscaling.type=hpa")
	_, err := deployments.Patch(t.Context(), "odasync-syncer", types.MergePatchType, []byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{})
	must(t, err)
	upgrade(5, "syncer.autoscaling.type=hpa", "log.level=DEBUG")
	upgrade(5, "syncer.autoscaling.type=keda")
	upgrade(2)
}

// TestNotes renders the notes that helm prints after an installation.
func TestNotes(t *testing.T) {
	const warning, secured = "WARNING: NATS runs without authentication.", "nats.auth.secret=passwords"
	for name, test := range map[string]struct {
		values   []string
		has, not []string
	}{
		"by default":       {nil, []string{warning, "Only NetworkPolicies", "exec deployment/odasync-watcher -- ctl list", "curl localhost:8080/readyz"}, nil},
		"without policies": {[]string{"networkPolicy.enabled=false"}, []string{warning, "Every Pod of the cluster"}, []string{"Only NetworkPolicies"}},
		"with passwords":   {[]string{secured}, []string{"NATS_URL=nats://localhost:4222 NATS_USER=ctl"}, []string{warning, "NATS_TLS_CA"}},
		"with passwords and TLS": {[]string{secured, "nats.tls.serverSecret=cert", "nats.tls.caSecret=authority"},
			[]string{"get secret authority", "NATS_URL=tls://localhost:4222 NATS_TLS_CA=ca.crt"}, []string{warning}},
		"with a toolbox":          {[]string{secured, "toolbox.enabled=true"}, []string{"helm test odasync --namespace canvas", "exec deployment/odasync-toolbox -- ctl list"}, []string{"port-forward service/odasync-nats"}},
		"with NATS of one's own":  {[]string{"nats.url=nats://nats:4222"}, nil, []string{warning}},
		"without syncers":         {[]string{"syncer.enabled=false", "registry.url="}, []string{"the Components of components."}, []string{"odasync writes"}},
		"with metrics over HTTPS": {[]string{"monitoring.tlsSecret=cert"}, []string{"curl --insecure https://localhost:8080/readyz"}, nil},
		"of the Canvas":           {[]string{`monitoredNamespaces=a\,odacompns-*`}, []string{"the Components of a, odacompns-*.", "to http://registry.example:8000/path."}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(within(t), helm(), append([]string{"install", "odasync", chart(), "--namespace", namespace, "--dry-run=server"}, set(test.values...)...)...)
			command.Env = []string{"HOME=" + t.TempDir(), "KUBECONFIG=" + shared.Kubeconfig}
			out, err := command.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			_, notes, _ := strings.Cut(string(out), "\nNOTES:\n")
			contains(t, notes, test.has...)
			for _, part := range test.not {
				if strings.Contains(notes, part) {
					t.Errorf("%q in\n%s", part, notes)
				}
			}
		})
	}
}

// documents are the rendered texts by "Kind name".
func documents(t *testing.T, chart string, arguments ...string) map[string]string {
	t.Helper()
	text, err := template(chart, arguments...)
	must(t, err)
	all := map[string]string{}
	for document := range strings.SplitSeq(text, "\n---\n") {
		var object struct {
			Kind     string
			Metadata struct{ Name string }
		}
		must(t, yaml.Unmarshal([]byte(document), &object))
		all[fmt.Sprintf("%s %s", object.Kind, object.Metadata.Name)] = document
	}
	return all
}
