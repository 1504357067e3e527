// Package crd holds the definition of the Component custom resource that a
// test cluster serves.
package crd

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Name is the definition's object name.
const Name = "components.oda.tmforum.org"

//go:embed components.yaml
var components []byte

// Definition returns the CustomResourceDefinition as a JSON-like tree in which
// exactly the given versions are served; none given means all. The storage
// version is v1, or the newest served one where v1 is not served: a version
// that is neither served nor stored costs the API server no watch cache. All
// versions stay in the definition, so that a data directory can be used again
// with other versions.
func Definition(versions []string) (map[string]any, error) {
	var tree map[string]any
	if err := yaml.Unmarshal(components, &tree); err != nil {
		return nil, fmt.Errorf("parse components.yaml: %w", err)
	}
	known := tree["spec"].(map[string]any)["versions"].([]any)
	var names []string
	for _, v := range known {
		names = append(names, v.(map[string]any)["name"].(string))
	}
	if len(versions) == 0 {
		versions = names
	}
	for _, v := range versions {
		if !slices.Contains(names, v) {
			return nil, fmt.Errorf("version %q is unknown: choose among %s", v, strings.Join(names, ", "))
		}
	}
	stored := false
	for _, v := range known {
		version := v.(map[string]any)
		served := slices.Contains(versions, version["name"].(string))
		version["served"] = served
		version["storage"] = served && !stored
		stored = stored || served
	}
	return tree, nil
}

// Served returns the versions that a definition serves, the newest first.
func Served(definition map[string]any) []string {
	var names []string
	for _, v := range definition["spec"].(map[string]any)["versions"].([]any) {
		if version := v.(map[string]any); version["served"].(bool) {
			names = append(names, version["name"].(string))
		}
	}
	return names
}
