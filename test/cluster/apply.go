package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

// Component returns a small valid Component in version v1, described by its version and one core API.
func Component(namespace, name, version string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "oda.tmforum.org/v1",
		"kind":       "Component",
		"metadata":   map[string]any{"namespace": namespace, "name": name},
		"spec": map[string]any{
			"componentMetadata": map[string]any{"id": "TMFC000", "name": name, "version": version},
			"coreFunction": map[string]any{"exposedAPIs": []any{map[string]any{
				"name": "api", "apiType": "openapi", "path": "/" + name, "specification": []any{},
			}}},
		},
	}}
}

// Components is the client for Components of a namespace in version v1.
func (c *Cluster) Components(namespace string) dynamic.ResourceInterface {
	return c.Admin.Resource(schema.GroupVersionResource{Group: "oda.tmforum.org", Version: "v1", Resource: "components"}).Namespace(namespace)
}

// Apply creates objects, or replaces them where they exist.
func (c *Cluster) Apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	for _, object := range objects {
		target := c.resource(object)
		_, err := target.Create(ctx, object, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			var present *unstructured.Unstructured
			if present, err = target.Get(ctx, object.GetName(), metav1.GetOptions{}); err == nil {
				replacement := object.DeepCopy()
				replacement.SetResourceVersion(present.GetResourceVersion())
				_, err = target.Update(ctx, replacement, metav1.UpdateOptions{})
			}
		}
		if err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// Delete deletes objects; a missing one is no error.
func (c *Cluster) Delete(ctx context.Context, objects ...*unstructured.Unstructured) error {
	for _, object := range objects {
		err := c.resource(object).Delete(ctx, object.GetName(), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// Manifest reads the objects of a YAML file.
func Manifest(path string) ([]*unstructured.Unstructured, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		var object unstructured.Unstructured
		err := decoder.Decode(&object.Object)
		switch {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", path, err)
		case len(object.Object) > 0: // a document may have comments alone
			objects = append(objects, &object)
		}
	}
}

// resource derives the plural of the kind, which is correct for every kind in the tests.
func (c *Cluster) resource(object *unstructured.Unstructured) dynamic.ResourceInterface {
	kind := object.GroupVersionKind()
	plural := c.Admin.Resource(kind.GroupVersion().WithResource(strings.ToLower(kind.Kind) + "s"))
	if object.GetNamespace() == "" {
		return plural
	}
	return plural.Namespace(object.GetNamespace())
}
