package deploy

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// equal checks one field of an object; nil means that it is absent.
func equal(t *testing.T, all objects, id, path string, want any) {
	t.Helper()
	if number, ok := want.(int); ok {
		want = float64(number) // which is how a number is read from YAML
	}
	same(t, id+": "+path, all.field(t, id, path), want)
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// variables checks some of the variables of a Deployment; an empty value means that it is not set.
func variables(t *testing.T, all objects, id string, want map[string]string) {
	t.Helper()
	env := all.env(t, id)
	for name, value := range want {
		got, set := env[name]
		if got != value || set != (value != "") {
			t.Errorf("%s: %s is %q, set: %v; want %q", id, name, got, set, value)
		}
	}
}

// expectEnvironment checks the entries of Secrets that a Deployment's container can read, and where.
func expectEnvironment(t *testing.T, all objects, id string, want ...string) {
	t.Helper()
	pod := all.pod(t, id).Spec
	var got []string
	for _, volume := range pod.Volumes {
		if volume.Secret == nil {
			continue
		}
		if volume.Secret.DefaultMode == nil || *volume.Secret.DefaultMode != 0o440 {
			t.Errorf("%s: the files of %s have the mode %v", id, volume.Name, volume.Secret.DefaultMode)
		}
		for _, mount := range pod.Containers[0].VolumeMounts {
			for _, item := range volume.Secret.Items {
				if mount.Name == volume.Name {
					got = append(got, volume.Secret.SecretName+" "+item.Key+" as "+mount.MountPath+"/"+item.Path)
				}
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	same(t, id+": files", got, want)
}

func writeYAML(t *testing.T, path string, content any) {
	t.Helper()
	text, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// accepted applies the objects in a dry run, without a warning. That of a Pod would need its ServiceAccount; the test of the toolbox
// really applies the only one.
func accepted(t *testing.T, all objects) {
	t.Helper()
	s := newServer(t)
	all = slices.DeleteFunc(slices.Clone(all), func(object *unstructured.Unstructured) bool { return object.GetKind() == "Pod" })
	if err := s.apply(t.Context(), all, metav1.DryRunAll); err != nil {
		t.Error(err)
	}
	if warned := s.warned(); warned != "" {
		t.Errorf("the API server warns:\n%s", warned)
	}
}
