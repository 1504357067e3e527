package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// folder has the manifests that the demo reads, and the version of each component.
type folder struct {
	dir      string
	versions map[string]string // by name
}

func newFolder(dir string) (*folder, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of manifests: %w", err)
	}
	// The container's user is unknown here, so that other users must be able to enter the folder above.
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of manifests: %w", err)
	}
	return &folder{dir: dir, versions: map[string]string{}}, nil
}

// componentName returns the name of a component of the test.
func componentName(i int) string { return fmt.Sprintf("component-%02d", i) }

// write creates or changes components.
func (f *folder) write(version string, numbers ...int) error {
	for _, i := range numbers {
		name := componentName(i)
		text := fmt.Sprintf(manifest, name, i%3, version, name)
		// Renamed into place: a partly written file would be an unreadable Component.
		temporary := filepath.Join(filepath.Dir(f.dir), name)
		if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := os.Rename(temporary, f.path(name)); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		f.versions[name] = version
	}
	return nil
}

// delete removes components.
func (f *folder) delete(numbers ...int) error {
	for _, i := range numbers {
		name := componentName(i)
		if err := os.Remove(f.path(name)); err != nil {
			return fmt.Errorf("delete %s: %w", name, err)
		}
		delete(f.versions, name)
	}
	return nil
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name+".yaml") }

// manifest is formatted with the name, the number of a namespace, the version and the name again.
const manifest = `apiVersion: oda.tmforum.org/v1
kind: Component
metadata:
  name: %s
  namespace: odacompns-%d
spec:
  componentMetadata:
    version: %s
  coreFunction:
    exposedAPIs:
      - name: productcatalogmanagement
        apiType: openapi
        implementation: api
        path: /%s/tmf-api/productCatalogManagement/v4
        port: 8080
        specification:
          - url: https://specs.example.org/TMF620.json
`
