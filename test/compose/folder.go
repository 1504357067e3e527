package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// folder is the manifests that the demo reads, and what each component's version is.
type folder struct {
	dir      string
	versions map[string]string // by name
}

func newFolder(dir string) (*folder, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of manifests: %w", err)
	}
	// The container's user is nobody here, so that the folder above has to let others in as well.
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of manifests: %w", err)
	}
	return &folder{dir: dir, versions: map[string]string{}}, nil
}

// componentName is the name of one of the test's components.
func componentName(i int) string { return fmt.Sprintf("component-%02d", i) }

// write makes or changes components.
func (f *folder) write(version string, numbers ...int) error {
	for _, i := range numbers {
		name := componentName(i)
		text := fmt.Sprintf(manifest, name, i%3, version, name)
		// Written beside and moved: a half written file would be a Component that cannot be read.
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

// manifest takes the name, the number of a namespace, the version and the name again.
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
