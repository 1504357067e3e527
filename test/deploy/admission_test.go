package deploy

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// workloads are the objects that create Pods.
var workloads = []string{"Deployment odasync-watcher", "Deployment odasync-syncer", "StatefulSet odasync-nats"}

// TestPodSecurity_Manifests applies deploy/manifests, and a Pod of each template: the server accepts all of them without a
// warning.
func TestPodSecurity_Manifests(t *testing.T) {
	s := newServer(t)
	all := manifests(t)
	s.install(t, all)
	tokens := map[string]bool{}
	for _, id := range workloads {
		pod, err := s.createPod(t, podOf(t, all, id))
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		tokens[id] = slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Projected != nil })
	}
	if warned := s.warned(); warned != "" {
		t.Errorf("the API server warns:\n%s", warned)
	}
	for _, id := range workloads {
		if want := id == "Deployment odasync-watcher"; tokens[id] != want {
			t.Errorf("%s: has a token: %v, want %v", id, tokens[id], want)
		}
	}
}

// TestPodSecurity_Enforced checks that the server enforces Pod Security: without any one line of the security context it rejects
// the Pod.
func TestPodSecurity_Enforced(t *testing.T) {
	all := manifests(t)
	s := newServer(t)
	var account *unstructured.Unstructured
	for _, object := range all {
		if object.GetKind() == "ServiceAccount" && object.GetName() == "odasync-syncer" {
			account = object
		}
	}
	s.install(t, objects{account})
	yes := true
	for name, test := range map[string]struct {
		change func(pod *corev1.PodSpec)
		says   string
	}{
		"as any user":          {func(pod *corev1.PodSpec) { pod.SecurityContext.RunAsNonRoot = nil }, "runAsNonRoot"},
		"without seccomp":      {func(pod *corev1.PodSpec) { pod.SecurityContext.SeccompProfile = nil }, "seccompProfile"},
		"with capabilities":    {func(pod *corev1.PodSpec) { pod.Containers[0].SecurityContext.Capabilities = nil }, "unrestricted capabilities"},
		"privilege escalation": {func(pod *corev1.PodSpec) { pod.Containers[0].SecurityContext.AllowPrivilegeEscalation = &yes }, "allowPrivilegeEscalation"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := podOf(t, all, "Deployment odasync-syncer")
			test.change(&pod.Spec)
			_, err := s.createPod(t, pod)
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want it to be forbidden because of %s", err, test.says)
			}
		})
	}
}

// TestContainers_Hardened checks what Pod Security does not require.
func TestContainers_Hardened(t *testing.T) {
	all := manifests(t)
	for _, id := range workloads {
		pod := all.pod(t, id).Spec
		context, container := pod.SecurityContext, pod.Containers[0]
		if user := context.RunAsUser; user == nil || *user != 65532 {
			t.Errorf("%s: runs as user %v, want 65532", id, user)
		}
		if readOnly := container.SecurityContext.ReadOnlyRootFilesystem; readOnly == nil || !*readOnly {
			t.Errorf("%s: writes to its root filesystem", id)
		}
		if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() || container.Resources.Requests.Memory().IsZero() {
			t.Errorf("%s: resources are %v", id, container.Resources)
		}
		if container.LivenessProbe == nil || container.ReadinessProbe == nil || container.StartupProbe == nil {
			t.Errorf("%s: a probe is missing", id)
		}
		if len(pod.TopologySpreadConstraints) != 2 {
			t.Errorf("%s: spread over %v", id, pod.TopologySpreadConstraints)
		}
	}
}

// podOf returns the Pod that the workload's controller would create.
func podOf(t *testing.T, all objects, id string) *corev1.Pod {
	t.Helper()
	template := all.pod(t, id)
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: all.find(t, id).GetName() + "-test", Labels: template.Labels, Annotations: template.Annotations},
		Spec:       template.Spec,
	}
	claims, _, err := unstructured.NestedSlice(all.find(t, id).Object, "spec", "volumeClaimTemplates")
	if err != nil {
		t.Fatal(err)
	}
	for _, claim := range claims {
		name, _, _ := unstructured.NestedString(claim.(map[string]any), "metadata", "name")
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name + "-" + pod.Name},
		}})
	}
	return pod
}

// createPod creates a Pod in a dry run, which passes admission, and returns the object that would be stored.
func (s *server) createPod(t *testing.T, pod *corev1.Pod) (*corev1.Pod, error) {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	if err != nil {
		t.Fatal(err)
	}
	pods := s.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(namespace)
	stored, err := pods.Create(t.Context(), &unstructured.Unstructured{Object: content},
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		return nil, err
	}
	var got corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(stored.Object, &got); err != nil {
		t.Fatal(err)
	}
	return &got, nil
}
