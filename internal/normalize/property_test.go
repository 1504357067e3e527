package normalize

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"odasync/internal/component"
	"odasync/internal/testcheck"
)

// drawList returns a list of n items.
func drawList(n int, item func(i int) any) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = item(i)
	}
	return list
}

// drawResource draws a resource in the shape of v1. Entries have distinct names and each of an entry's specifications
// another major version, so that their order says nothing.
func drawResource(t *rapid.T) map[string]any {
	word := rapid.StringMatching(`[a-z]{1,8}`)
	count := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
	spec := map[string]any{
		"componentMetadata": map[string]any{
			"name":    word.Draw(t, "name"),
			"version": rapid.StringMatching(`[0-9]\.[0-9]`).Draw(t, "version"),
			"owners":  drawList(count("owners", 2), func(int) any { return map[string]any{"name": word.Draw(t, "owner")} }),
		},
	}
	status := map[string]any{}
	for _, block := range functionBlocks {
		names := rapid.SliceOfNDistinct(word, 0, 4, rapid.ID[string]).Draw(t, block.function)
		var listed []any
		entries := drawList(len(names), func(i int) any {
			entry := map[string]any{"name": names[i], "implementation": word.Draw(t, "implementation")}
			majors := rapid.SliceOfNDistinct(rapid.IntRange(1, 5), 0, 3, rapid.ID[int]).Draw(t, "majors")
			entry["specification"] = drawList(len(majors), func(k int) any {
				listed = append(listed, map[string]any{
					"name":  fmt.Sprintf("demo-%s-v%d", names[i], majors[k]),
					"url":   "https://apis.example.org/" + word.Draw(t, "path"),
					"ready": rapid.Bool().Draw(t, "ready"),
				})
				return map[string]any{
					"url":  fmt.Sprintf("https://specs.example.org/%s-v%d.0.json", names[i], majors[k]),
					"port": int64(rapid.IntRange(1, 65535).Draw(t, "port")),
				}
			})
			return entry
		})
		spec[block.function] = map[string]any{"exposedAPIs": entries}
		if rapid.Bool().Draw(t, "has status") {
			status[block.status] = listed
		}
	}
	return map[string]any{
		"apiVersion": "oda.tmforum.org/v1",
		"metadata": map[string]any{
			"namespace": "components",
			"name":      "demo",
			"labels":    map[string]any{"oda.tmforum.org/componentName": "demo", "team": word.Draw(t, "team")},
		},
		"spec":   spec,
		"status": status,
	}
}

func hashOf(t *rapid.T, object map[string]any) string {
	seen := Component(object)
	if seen.Err != nil {
		t.Fatalf("normalize: %v", seen.Err)
	}
	return component.Hash(seen.Component.Canonical())
}

// What the operators and the API server write about a resource while it runs is not content.
func TestComponent_HashIgnoresChurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := drawResource(t)
		want := hashOf(t, object)

		text := rapid.String()
		meta := object["metadata"].(map[string]any)
		meta["uid"] = text.Draw(t, "uid")
		meta["resourceVersion"] = fmt.Sprint(rapid.Uint64().Draw(t, "resourceVersion"))
		meta["generation"] = rapid.Int64Range(1, 1000).Draw(t, "generation")
		meta["annotations"] = map[string]any{"kopf.zalando.org/" + text.Draw(t, "handler"): text.Draw(t, "annotation")}
		meta["managedFields"] = []any{map[string]any{"manager": text.Draw(t, "manager")}}
		meta["labels"].(map[string]any)["app.kubernetes.io/"+text.Draw(t, "label")] = text.Draw(t, "value")
		status := object["status"].(map[string]any)
		status["kopf"] = map[string]any{"progress": map[string]any{text.Draw(t, "step"): int64(1)}}
		status["coreDependentAPIs"] = []any{map[string]any{"name": text.Draw(t, "dependency"), "ready": true}}

		testcheck.MustEqual(t, "hash", want, hashOf(t, object))
	})
}

func TestComponent_HashIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := drawResource(t)
		want := hashOf(t, object)

		shuffled := runtime.DeepCopyJSON(object)
		for _, block := range functionBlocks {
			function := shuffled["spec"].(map[string]any)[block.function].(map[string]any)
			function["exposedAPIs"] = rapid.Permutation(function["exposedAPIs"].([]any)).Draw(t, "entries")
			for _, item := range function["exposedAPIs"].([]any) {
				entry := item.(map[string]any)
				entry["specification"] = rapid.Permutation(entry["specification"].([]any)).Draw(t, "specifications")
			}
			if listed, ok := shuffled["status"].(map[string]any)[block.status].([]any); ok {
				shuffled["status"].(map[string]any)[block.status] = rapid.Permutation(listed).Draw(t, "status")
			}
		}
		testcheck.MustEqual(t, "hash", want, hashOf(t, shuffled))
	})
}

// The content moves the hash: a hash that never moves would pass the tests above.
func TestComponent_HashFollowsContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := drawResource(t)
		before := hashOf(t, object)
		switch rapid.IntRange(0, 5).Draw(t, "change") {
		case 0:
			object["metadata"].(map[string]any)["labels"].(map[string]any)["domain"] = "shop"
		case 1:
			object["spec"].(map[string]any)["componentMetadata"].(map[string]any)["id"] = "X1"
		case 2:
			object["metadata"].(map[string]any)["creationTimestamp"] = "2025-05-01T14:28:21Z"
		case 3:
			object["spec"].(map[string]any)["componentMetadata"].(map[string]any)["extra"] = int64(1)
		case 4:
			core := object["spec"].(map[string]any)["coreFunction"].(map[string]any)
			core["dependentAPIs"] = []any{map[string]any{"name": "stock"}}
		case 5:
			core := object["spec"].(map[string]any)["coreFunction"].(map[string]any)
			core["exposedAPIs"] = append(core["exposedAPIs"].([]any), map[string]any{"name": "one-more"})
		}
		if hashOf(t, object) == before {
			t.Fatal("the hash did not move")
		}
	})
}

// The older shapes of a resource have the hash of the newest, where they can say as much.
func TestComponent_HashIgnoresShape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := drawResource(t)
		want := hashOf(t, object)

		spec := object["spec"].(map[string]any)
		for key, value := range spec["componentMetadata"].(map[string]any) {
			spec[key] = value
		}
		delete(spec, "componentMetadata")
		for _, block := range functionBlocks {
			for _, item := range spec[block.function].(map[string]any)["exposedAPIs"].([]any) {
				entry := item.(map[string]any)
				specifications := entry["specification"].([]any)
				if len(specifications) != 1 {
					continue
				}
				only := specifications[0].(map[string]any)
				entry["port"] = only["port"]
				entry["specification"] = []any{only["url"]}
				if rapid.Bool().Draw(t, "v1beta2") {
					entry["specification"] = only["url"]
				}
			}
		}
		testcheck.MustEqual(t, "hash", want, hashOf(t, object))
	})
}

func FuzzComponent(f *testing.F) {
	manifests, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(manifests) == 0 {
		f.Fatalf("no manifest to start from: %v", err)
	}
	for _, path := range manifests {
		document, err := os.ReadFile(path)
		testcheck.NoError(f, err)
		body, err := yaml.YAMLToJSON(document)
		testcheck.NoError(f, err)
		f.Add(body)
	}
	for _, body := range []string{
		`{}`, `{"metadata":[],"spec":""}`, `{"metadata":{"name":"a","namespace":"b"},"spec":{},"status":7}`,
		`{"metadata":{"name":"a","namespace":"b"},"spec":{"coreFunction":{"exposedAPIs":[{"name":"a-v1"},` +
			`{"name":"A","port":1e3,"specification":["_v1.","/V2/",{"version":1},{"version":-0.0}]}]}},` +
			`"status":{"coreAPIs":[{"name":"a-a","url":"x://y","ready":true}]}}`,
		`{"metadata":{"name":"a","namespace":"b","creationTimestamp":1},"spec":{"componentMetadata":{"id":7,"":[{}],"x":{"b":1e9,"a":null}},` +
			`"coreFunction":{"dependentAPIs":[{"name":"d","specification":"_v1."},{"name":"D","port":"x"}]}},` +
			`"status":{"coreDependentAPIs":[{"name":"a-d-v1","ready":true}]}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var object map[string]any
		if utiljson.Unmarshal(body, &object) != nil {
			return // not what the API machinery would hand over
		}
		first, second := Component(object), Component(object)
		if (first.Err == nil) == (first.Component == nil) {
			t.Fatalf("got the error %v and the component %v, want one of them", first.Err, first.Component)
		}
		if first.Err != nil {
			var field *component.FieldError
			if !errors.As(first.Err, &field) || field.Field == "" || field.Problem == "" {
				t.Fatalf("got the error %#v, want a field and its problem", first.Err)
			}
			if second.Err == nil || second.Err.Error() != first.Err.Error() {
				t.Fatalf("got the error %v, then %v", first.Err, second.Err)
			}
			return
		}
		checkInvariants(t, first.Component)
		if !bytes.Equal(first.Component.Canonical(), second.Component.Canonical()) {
			t.Fatalf("got two contents:\n%s\n%s", first.Component.Canonical(), second.Component.Canonical())
		}
	})
}

// checkInvariants holds a component against what its type promises.
func checkInvariants(t *testing.T, c *component.Component) {
	if c.Namespace == "" || c.Name == "" {
		t.Fatalf("the component has no name: %s/%s", c.Namespace, c.Name)
	}
	type place struct {
		segment component.Segment
		name    string
	}
	names := map[place]bool{}
	for _, api := range c.ExposedAPIs {
		at := place{api.Segment, api.Name}
		if names[at] || api.Name == "" || api.Entry == "" {
			t.Fatalf("the API %q of the entry %q is not the only one of its name", api.Name, api.Entry)
		}
		names[at] = true
		if api.Ready && api.URL == "" {
			t.Fatalf("the API %q is ready without a URL", api.Name)
		}
		if api.Object == "" {
			t.Fatalf("the API %q has no object", api.Name)
		}
	}
	dependencies := map[place]bool{}
	for _, api := range c.DependentAPIs {
		at := place{api.Segment, strings.ToLower(api.Name)}
		if dependencies[at] || api.Name == "" {
			t.Fatalf("the dependency %q is not the only one of its name", api.Name)
		}
		dependencies[at] = true
	}
	for _, field := range c.Metadata.All() {
		if field.Name != "" && !json.Valid(field.Value) {
			t.Fatalf("the field %q has the value %q, which is not JSON", field.Name, field.Value)
		}
	}
}
