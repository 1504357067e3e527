// Command schemas writes a JSON schema for every kind that the API server of test/devcluster serves, the foreign ones
// of test/deploy/crds included, for a validator that has no network: KIND-GROUP-VERSION.json, as kubeconform names
// them. Objects allow no unknown fields.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/openapi"

	"odasync/test/cluster"
	"odasync/test/procs"
)

// limit is the timeout; it usually takes 10 s.
const limit = 3 * time.Minute

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemas FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func run(folder string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	root, err := procs.Root()
	if err != nil {
		return err
	}
	server, err := cluster.Run()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	definitions, err := cluster.Manifest(filepath.Join(root, "test", "deploy", "crds", "crds.yaml"))
	if err != nil {
		return err
	}
	if err := server.Apply(ctx, definitions...); err != nil {
		return err
	}
	client, err := discovery.NewDiscoveryClientForConfig(server.Config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	// The description follows a moment after the definition is created.
	for _, path := range []string{"apis/monitoring.coreos.com/v1", "apis/keda.sh/v1alpha1"} {
		for {
			paths, err := client.OpenAPIV3().Paths()
			if _, found := paths[path]; err == nil && found {
				break
			}
			if procs.Pause(ctx, 100*time.Millisecond) != nil {
				return fmt.Errorf("wait for the description of %s: %w", path, err)
			}
		}
	}
	return write(client.OpenAPIV3(), folder)
}

// write turns the description of each group version into schemas.
func write(client openapi.Client, folder string) error {
	paths, err := client.Paths()
	if err != nil {
		return err
	}
	for path, version := range paths {
		text, err := version.Schema("application/json")
		if err != nil {
			return fmt.Errorf("read the description of %s: %w", path, err)
		}
		var document struct {
			Components struct {
				Schemas map[string]map[string]any `json:"schemas"`
			} `json:"components"`
		}
		if err := json.Unmarshal(text, &document); err != nil {
			return fmt.Errorf("read the description of %s: %w", path, err)
		}
		for name, schema := range document.Components.Schemas {
			kinds, _ := schema["x-kubernetes-group-version-kind"].([]any)
			if len(kinds) != 1 { // those of all groups at once, such as DeleteOptions, are never written to a file
				continue
			}
			used := map[string]any{}
			collect(document.Components.Schemas, name, used)
			schema, err := json.Marshal(map[string]any{"$ref": reference + name, "definitions": used})
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(folder, file(kinds[0].(map[string]any))), schema, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// file names a kind's schema: the group up to its first dot, and none for the core group.
func file(kind map[string]any) string {
	group, _, _ := strings.Cut(kind["group"].(string), ".")
	parts := []string{kind["kind"].(string), group, kind["version"].(string)}
	if group == "" {
		parts = []string{parts[0], parts[2]}
	}
	return strings.ToLower(strings.Join(parts, "-")) + ".json"
}

// reference is how schemas of one file refer to each other.
const reference = "#/definitions/"

// collect adds a schema and all that it refers to.
func collect(all map[string]map[string]any, name string, used map[string]any) {
	if _, known := used[name]; known {
		return
	}
	used[name] = nil // it may refer to itself
	used[name] = strict(all[name], func(other string) { collect(all, other, used) })
}

// strict copies a schema, closes its objects and reports what it refers to.
func strict(schema any, refers func(name string)) any {
	switch schema := schema.(type) {
	case []any:
		copied := make([]any, len(schema))
		for i, element := range schema {
			copied[i] = strict(element, refers)
		}
		return copied
	case map[string]any:
		copied := map[string]any{}
		for key, value := range schema {
			if target, ok := value.(string); ok && key == "$ref" {
				name := strings.TrimPrefix(target, "#/components/schemas/")
				refers(name)
				copied[key] = reference + name
				continue
			}
			copied[key] = strict(value, refers)
		}
		_, properties := schema["properties"].(map[string]any)
		_, open := schema["additionalProperties"]
		if properties && !open && schema["x-kubernetes-preserve-unknown-fields"] != true {
			copied["additionalProperties"] = false
		}
		return copied
	}
	return schema
}
