package normalize

import (
	"fmt"
	"os"
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"odasync/internal/component"
	"odasync/internal/testcheck"
)

// parse reads YAML or JSON into what unstructured holds: integers are int64, other numbers float64.
func parse(t testing.TB, document string) map[string]any {
	t.Helper()
	body, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		t.Fatalf("read YAML: %v", err)
	}
	var object map[string]any
	if err := utiljson.Unmarshal(body, &object); err != nil {
		t.Fatalf("decode: %v", err)
	}
	return object
}

func parseFile(t testing.TB, path string) map[string]any {
	t.Helper()
	document := testcheck.Must(os.ReadFile(path))
	return parse(t, string(document))
}

// mustRead fails the test where the object cannot be read.
func mustRead(t testing.TB, object map[string]any) *component.Component {
	t.Helper()
	seen := Component(object)
	if seen.Err != nil {
		t.Fatalf("normalize: %v", seen.Err)
	}
	return seen.Component
}

// resource is a Component with the given labels and spec, both in YAML.
func resource(labels, spec string) string {
	return fmt.Sprintf("metadata: {namespace: components, name: demo, labels: %s}\nspec: %s\n", labels, spec)
}

// coreAPI is a spec with one core API of the given fields.
func coreAPI(fields string) string {
	return fmt.Sprintf("{coreFunction: {exposedAPIs: [{name: orders, %s}]}}", fields)
}

// dependentAPI is a spec with one core dependency of the given fields.
func dependentAPI(fields string) string {
	return fmt.Sprintf("{coreFunction: {dependentAPIs: [{name: orders, %s}]}}", fields)
}

// coreAPIs normalizes a component demo with the given core API entries and status, both in YAML.
func coreAPIs(t *testing.T, entries, status string) []component.ExposedAPI {
	t.Helper()
	object := parse(t, resource("{}", "{coreFunction: {exposedAPIs: ["+entries+"]}}")+"status: "+status)
	return mustRead(t, object).ExposedAPIs
}
