package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"odasync/test/cluster"
)

func helm() string { return filepath.Join(root, "bin", "tools", "helm") }

func chart() string { return filepath.Join(root, "deploy", "chart") }

// objects are the objects of a chart or a folder.
type objects []*unstructured.Unstructured

// template renders a chart as the release odasync in the namespace.
func template(chart string, arguments ...string) (string, error) {
	command := exec.Command(helm(), append([]string{"template", "odasync", chart, "--namespace", namespace}, arguments...)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", errors.New(stderr.String())
	}
	return stdout.String(), nil
}

// set returns helm's arguments for the values and the required URL of the registry.
func set(values ...string) []string {
	arguments := []string{"--set", "registry.url=http://registry.example:8000/path"}
	for _, value := range values {
		arguments = append(arguments, "--set", value)
	}
	return arguments
}

// render renders a chart, which must succeed.
func render(t *testing.T, chart string, arguments ...string) objects {
	t.Helper()
	text, err := template(chart, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rendered.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := cluster.Manifest(file)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// manifests reads deploy/manifests.
func manifests(t *testing.T) objects {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "deploy", "manifests", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("deploy/manifests holds %d files: %v", len(files), err)
	}
	var all objects
	for _, file := range files {
		some, err := cluster.Manifest(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	return all
}

// ids are the objects as "Kind name", or "Kind namespace/name" outside the namespace of the release.
func (o objects) ids() []string {
	var ids []string
	for _, object := range o {
		name := object.GetName()
		if other := object.GetNamespace(); other != "" && other != namespace {
			name = other + "/" + name
		}
		ids = append(ids, object.GetKind()+" "+name)
	}
	return ids
}

func (o objects) find(t *testing.T, id string) *unstructured.Unstructured {
	t.Helper()
	at := slices.Index(o.ids(), id)
	if at < 0 {
		t.Fatalf("no %s among %s", id, strings.Join(o.ids(), ", "))
	}
	return o[at]
}

// field reads a field of an object by its path with dots, in which a number is the index of a list.
func (o objects) field(t *testing.T, id, path string) any {
	t.Helper()
	var at any = o.find(t, id).Object
	for step := range strings.SplitSeq(path, ".") {
		switch here := at.(type) {
		case map[string]any:
			at = here[step]
		case []any:
			var number int
			if _, err := fmt.Sscan(step, &number); err != nil || number >= len(here) {
				t.Fatalf("%s: %s: no element %s", id, path, step)
			}
			at = here[number]
		default:
			return nil
		}
	}
	return at
}

// pod returns the Pod template of a Deployment or StatefulSet.
func (o objects) pod(t *testing.T, id string) corev1.PodTemplateSpec {
	t.Helper()
	content, _, err := unstructured.NestedMap(o.find(t, id).Object, "spec", "template")
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.PodTemplateSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

// env returns the variables of the only container of a Deployment.
func (o objects) env(t *testing.T, id string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, variable := range o.pod(t, id).Spec.Containers[0].Env {
		if _, twice := env[variable.Name]; twice {
			t.Errorf("%s sets %s twice", id, variable.Name)
		}
		env[variable.Name] = variable.Value
	}
	return env
}
