package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestReadme_Install runs the helm commands of docs/install-kubernetes.md in their order, and checks the cluster after each change.
// The kubectl commands between them, and helm test, wait for Pods, which do not run here.
func TestReadme_Install(t *testing.T) {
	deployments := shared.Admin.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(namespace)
	replicas := func(want int64) func() error {
		return func() error {
			syncer, err := deployments.Get(t.Context(), "odasync-syncer", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if got, _, _ := unstructured.NestedInt64(syncer.Object, "spec", "replicas"); got != want {
				return fmt.Errorf("odasync-syncer has %d replicas, want %d", got, want)
			}
			return nil
		}
	}
	gone := func() error {
		if _, err := deployments.Get(t.Context(), "odasync-syncer", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("odasync-syncer is still there: %v", err)
		}
		return nil
	}
	// letIn checks that the policy of NATS admits the Pods of the second release.
	letIn := func() error {
		policies := shared.Admin.Resource(schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"})
		policy, err := policies.Namespace(namespace).Get(t.Context(), "odasync-nats", metav1.GetOptions{})
		if err != nil {
			return err
		}
		syncer, err := deployments.Get(t.Context(), "partner-odasync-syncer", metav1.GetOptions{})
		if err != nil {
			return err
		}
		var spec networkingv1.NetworkPolicy
		must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(policy.Object, &spec))
		of := objects{syncer}.pod(t, "Deployment partner-odasync-syncer").Labels
		for _, peer := range spec.Spec.Ingress[0].From {
			if selects(t, peer.PodSelector, of) {
				return nil
			}
		}
		return fmt.Errorf("the policy of NATS does not admit %v", of)
	}
	after := map[string]func() error{
		"networkPolicy.nats.clients": letIn, "helm install odasync": replicas(2), "--set syncer.replicas=4": replicas(4),
		"helm rollback odasync": replicas(2), "helm uninstall odasync": gone,
	}
	home := t.TempDir()
	run := func(command string) ([]byte, error) {
		shell := exec.CommandContext(within(t), "sh", "-c", command)
		shell.Dir = root
		shell.Env = []string{"HOME=" + home, "KUBECONFIG=" + shared.Kubeconfig,
			"PATH=" + filepath.Dir(helm()) + string(filepath.ListSeparator) + os.Getenv("PATH")}
		return shell.CombinedOutput()
	}
	commands := printed(t, filepath.Join(root, "docs", "install-kubernetes.md"))
	looked := map[string]bool{}
	for _, command := range commands {
		if !strings.HasPrefix(command, "helm ") || strings.HasPrefix(command, "helm test ") {
			continue
		}
		out, err := run(command)
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		if strings.Contains(strings.ToLower(string(out)), "warning: would violate") {
			t.Errorf("%s warns:\n%s", command, out)
		}
		if notes := "exec deployment/odasync-toolbox -- ctl list"; strings.HasPrefix(command, "helm install odasync") && !strings.Contains(string(out), notes) {
			t.Errorf("the notes do not contain %q:\n%s", notes, out)
		}
		for part, look := range after {
			if strings.Contains(command, part) {
				looked[part] = true
				if err := look(); err != nil {
					t.Fatalf("after %s: %v", command, err)
				}
			}
		}
	}
	if len(looked) != len(after) {
		t.Errorf("of %v only %v are printed", after, looked)
	}
}

// printed returns the commands in a page's indented blocks, with continued lines joined.
func printed(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	var commands []string
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		if command, found := strings.CutPrefix(line, "    "); found {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	return commands
}
