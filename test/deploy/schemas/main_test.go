package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSchemasAreClosedAndWhole(t *testing.T) {
	object := func(name string, more ...any) map[string]any {
		o := map[string]any{"type": "object", "properties": map[string]any{name: map[string]any{"type": "string"}}}
		for i := 0; i < len(more); i += 2 {
			o[more[i].(string)] = more[i+1]
		}
		return o
	}
	all := map[string]map[string]any{
		"Pod": {"type": "object", "properties": map[string]any{
			"spec":  map[string]any{"allOf": []any{map[string]any{"$ref": "#/components/schemas/Spec"}}},
			"owner": map[string]any{"$ref": "#/components/schemas/Pod"},
		}},
		"Spec":   object("image"),
		"Labels": {"type": "object", "additionalProperties": map[string]any{"type": "string"}},
		"Open":   object("known", "additionalProperties", true),
		"Kept":   object("known", "x-kubernetes-preserve-unknown-fields", true),
	}
	got := map[string]any{}
	for _, name := range []string{"Pod", "Labels", "Open", "Kept"} {
		collect(all, name, got)
	}
	want := map[string]any{
		"Pod": map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{
			"spec":  map[string]any{"allOf": []any{map[string]any{"$ref": "#/definitions/Spec"}}},
			"owner": map[string]any{"$ref": "#/definitions/Pod"},
		}},
		"Spec":   object("image", "additionalProperties", false),
		"Labels": all["Labels"],
		"Open":   all["Open"],
		"Kept":   all["Kept"],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFileNames(t *testing.T) {
	for want, kind := range map[string]map[string]any{
		"service-v1.json":                             {"group": "", "version": "v1", "kind": "Service"},
		"deployment-apps-v1.json":                     {"group": "apps", "version": "v1", "kind": "Deployment"},
		"networkpolicy-networking-v1.json":            {"group": "networking.k8s.io", "version": "v1", "kind": "NetworkPolicy"},
		"horizontalpodautoscaler-autoscaling-v2.json": {"group": "autoscaling", "version": "v2", "kind": "HorizontalPodAutoscaler"},
	} {
		if got := file(kind); got != want {
			t.Errorf("%v is in %s, want %s", kind, got, want)
		}
	}
}
