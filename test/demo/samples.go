package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/cluster"
	"odasync/test/procs"
)

// readSamples reads deploy/samples in the order of the file names.
func readSamples() ([]*unstructured.Unstructured, error) {
	root, err := procs.Root()
	if err != nil {
		return nil, err
	}
	pattern := filepath.Join(root, "deploy", "samples", "*.yaml")
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return nil, errors.Join(fmt.Errorf("no samples: %s", pattern), err)
	}
	var samples []*unstructured.Unstructured
	for _, file := range files {
		objects, err := cluster.Manifest(file)
		if err != nil {
			return nil, err
		}
		samples = append(samples, objects...)
	}
	return samples, nil
}

// desiredState is what the registry must have of a sample. It knows only the shapes that the samples have: an API for each
// specification of each core API, ready if the status says so.
func desiredState(sample *unstructured.Unstructured) state {
	want := state{exists: true}
	version, found, _ := unstructured.NestedFieldNoCopy(sample.Object, "spec", "componentMetadata", "version")
	if !found {
		version, _, _ = unstructured.NestedFieldNoCopy(sample.Object, "spec", "version")
	}
	want.version = fmt.Sprint(version)
	entries, _, _ := unstructured.NestedSlice(sample.Object, "spec", "coreFunction", "exposedAPIs")
	for _, entry := range entries {
		fields, _ := entry.(map[string]any)
		specifications, _ := fields["specification"].([]any)
		want.pending += max(1, len(specifications))
	}
	states, _, _ := unstructured.NestedSlice(sample.Object, "status", "coreAPIs")
	for _, status := range states {
		if fields, _ := status.(map[string]any); fields["ready"] == true {
			want.ready++
			want.pending--
		}
	}
	return want
}

// finishDeployment changes a v1beta3 sample as the Canvas operators do when its deployment is complete, and its version.
func finishDeployment(sample *unstructured.Unstructured) error {
	var states []any
	entries, _, err := unstructured.NestedSlice(sample.Object, "spec", "coreFunction", "exposedAPIs")
	if err != nil {
		return fmt.Errorf("change %s: %w", sample.GetName(), err)
	}
	for _, entry := range entries {
		fields, _ := entry.(map[string]any)
		states = append(states, map[string]any{
			"name": fmt.Sprintf("%s-%s", sample.GetName(), fields["name"]), "ready": true,
			"url": fmt.Sprintf("https://oda.example.org%s", fields["path"]),
		})
	}
	sample.SetResourceVersion("")
	return errors.Join(
		unstructured.SetNestedField(sample.Object, "1.0.0", "spec", "version"),
		unstructured.SetNestedField(sample.Object, "Complete", "status", "summary/status", "deployment_status"),
		unstructured.SetNestedSlice(sample.Object, states, "status", "coreAPIs"),
	)
}

// warmUp waits until the API server accepts Components, which takes two seconds after their definition: the printed times
// are those of odasync.
func warmUp(ctx context.Context, p *pipeline, sample *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err := p.cluster.Components(sample.GetNamespace()).Create(ctx, versioned(sample), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return fmt.Errorf("try the API server: %w", err)
	}
	return nil
}

// versioned returns a copy in version v1, which the cluster client uses.
func versioned(sample *unstructured.Unstructured) *unstructured.Unstructured {
	sample = sample.DeepCopy()
	sample.SetAPIVersion("oda.tmforum.org/v1")
	return sample
}
