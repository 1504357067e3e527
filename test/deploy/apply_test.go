package deploy

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// server applies objects as kubectl does, and records the API server's warnings.
type server struct {
	client dynamic.Interface

	mu       sync.Mutex
	warnings []string
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{}
	config := rest.CopyConfig(shared.Config)
	config.WarningHandler = s
	var err error
	if s.client, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	return s
}

// HandleWarningHeader implements rest.WarningHandler.
func (s *server) HandleWarningHeader(_ int, _ string, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = append(s.warnings, text)
}

func (s *server) warned() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.warnings, "\n")
}

// apply writes objects by server-side apply, which rejects unknown fields. A dry run is checked in the same way, and not stored.
func (s *server) apply(ctx context.Context, all objects, dryRun ...string) error {
	for _, object := range all {
		resource, err := s.resource(object)
		if err != nil {
			return err
		}
		options := metav1.ApplyOptions{FieldManager: "deploy-test", Force: true, DryRun: dryRun}
		if _, err := resource.Apply(ctx, object.GetName(), object, options); err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// install applies objects for the duration of the test.
func (s *server) install(t *testing.T, all objects) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, object := range all {
			resource, err := s.resource(object)
			if err == nil {
				err = resource.Delete(ctx, object.GetName(), metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
			}
			if err != nil {
				t.Errorf("remove %s %s: %v", object.GetKind(), object.GetName(), err)
			}
		}
	})
	if err := s.apply(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func (s *server) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	resource := s.client.Resource(mapping.Resource)
	if object.GetNamespace() == "" {
		return resource, nil
	}
	return resource.Namespace(object.GetNamespace()), nil
}
