package normalize

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"odasync/internal/component"
	"odasync/internal/testcheck"
)

var updateGolden = flag.Bool("update", false, "rewrite the golden files")

// Every resource in a folder of the test data, whatever its version, has the content of the folder's golden file.
func TestComponent_Golden(t *testing.T) {
	golden := testcheck.Must(filepath.Glob("testdata/*/component.golden.json"))
	if len(golden) == 0 && !*updateGolden {
		t.Fatal("testdata has no golden file")
	}
	manifests, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(manifests) == 0 {
		t.Fatalf("testdata has no manifest: %v", err)
	}
	for _, path := range manifests {
		t.Run(filepath.ToSlash(strings.TrimPrefix(path, "testdata/")), func(t *testing.T) {
			canonical := mustRead(t, parseFile(t, path)).Canonical()
			var got bytes.Buffer
			testcheck.NoError(t, json.Indent(&got, canonical, "", "  "))
			got.WriteString("\n")
			testcheck.Golden(t, "content", filepath.Join(filepath.Dir(path), "component.golden.json"), got.Bytes(), *updateGolden)
		})
	}
}

func TestComponent_HashIsTheSameInFourVersions(t *testing.T) {
	hashes := map[string][]string{}
	for _, version := range []string{"v1beta2", "v1beta3", "v1beta4", "v1"} {
		object := parseFile(t, filepath.Join("testdata", "offers", version+".yaml"))
		if got := object["apiVersion"]; got != "oda.tmforum.org/"+version {
			t.Fatalf("%s.yaml has the apiVersion %v", version, got)
		}
		hash := component.Hash(mustRead(t, object).Canonical())
		hashes[hash] = append(hashes[hash], version)
	}
	if len(hashes) != 1 {
		t.Errorf("the versions have different hashes: %v", hashes)
	}
}

// The shape decides, not the apiVersion: without a conversion webhook a stored shape is served under every version.
func TestComponent_IgnoresTheAPIVersion(t *testing.T) {
	for _, shape := range []string{"v1beta2", "v1"} {
		object := parseFile(t, filepath.Join("testdata", "offers", shape+".yaml"))
		want := mustRead(t, object)
		for _, version := range []any{"oda.tmforum.org/v1beta2", "oda.tmforum.org/v1beta3", "oda.tmforum.org/v1beta4",
			"oda.tmforum.org/v1", "oda.tmforum.org/v2", nil} {
			object["apiVersion"] = version
			testcheck.Equal(t, fmt.Sprintf("the shape of %s served as %v", shape, version), want, mustRead(t, object))
		}
	}
}

// sampleFolders are the folders with whole manifests: those of the project and, where ODASYNC_SHARED names a folder,
// the real ones in its samples.
func sampleFolders(t *testing.T) []string {
	folders := testcheck.Must(filepath.Glob("testdata/*"))
	if shared := os.Getenv("ODASYNC_SHARED"); shared != "" {
		folders = append(folders, filepath.Join(shared, "samples"))
	}
	return folders
}

func TestComponent_Samples(t *testing.T) {
	for _, folder := range sampleFolders(t) {
		files := testcheck.Must(os.ReadDir(folder))
		samples := 0
		for _, file := range files {
			name := file.Name()
			if strings.HasSuffix(name, ".golden.json") {
				continue
			}
			samples++
			t.Run(filepath.Base(folder)+"/"+name, func(t *testing.T) {
				checkSample(t, parseFile(t, filepath.Join(folder, name)))
			})
		}
		if samples == 0 {
			t.Errorf("%s has no sample", folder)
		}
	}
}

// checkSample holds a resource against its manifest, read without the normalizer's help.
func checkSample(t *testing.T, object map[string]any) {
	meta := object["metadata"].(map[string]any)
	if meta["namespace"] == nil {
		meta["namespace"] = "components" // what applying it would add
	}
	before := runtime.DeepCopyJSON(object)
	got := mustRead(t, object)
	testcheck.Equal(t, "the resource, before (-) and after (+)", before, object)
	if got.Name != meta["name"] || got.Namespace != meta["namespace"] {
		t.Errorf("got %s/%s, want %v/%v", got.Namespace, got.Name, meta["namespace"], meta["name"])
	}
	if got.Metadata.Name == "" || got.Metadata.Version == "" || len(got.Metadata.Maintainers) == 0 {
		t.Errorf("the description lacks a name, a version or maintainers: %+v", got.Metadata)
	}
	if created, _ := meta["creationTimestamp"].(string); got.Created != created {
		t.Errorf("created %q, want %q", got.Created, created)
	}
	entries := map[string]bool{}
	for _, api := range got.ExposedAPIs {
		entries[string(api.Segment)+"/"+api.Entry] = true
		if api.URL != "" && !strings.Contains(api.URL, "://") {
			t.Errorf("%s has the URL %q, which is not absolute", api.Name, api.URL)
		}
	}
	want := map[string]bool{}
	spec := object["spec"].(map[string]any)
	for _, segment := range component.Segments() {
		function, _ := spec[string(segment)+"Function"].(map[string]any)
		list, _ := function["exposedAPIs"].([]any)
		for _, item := range list {
			want[string(segment)+"/"+item.(map[string]any)["name"].(string)] = true
		}
	}
	testcheck.Equal(t, "API entries, of the manifest (-) and got (+)", want, entries)
	status, _ := object["status"].(map[string]any)
	for _, section := range []string{"coreAPIs", "managementAPIs", "securityAPIs"} {
		list, _ := status[section].([]any)
		for _, item := range list {
			fields := item.(map[string]any)
			if url, _ := fields["url"].(string); url != "" && !hasAPI(got, url, fields["ready"] == true) {
				t.Errorf("no API has the status' URL %s, ready: %v", url, fields["ready"])
			}
		}
	}
}

func hasAPI(c *component.Component, url string, ready bool) bool {
	for _, api := range c.ExposedAPIs {
		if api.URL == url && api.Ready == ready {
			return true
		}
	}
	return false
}

func TestComponent_Identity(t *testing.T) {
	object := parse(t, `
metadata: {namespace: components, name: demo, uid: 1111-2222, resourceVersion: 1759077720544655003, creationTimestamp: "2025-05-01T14:28:21Z"}
spec: {}
`)
	want := component.Observation{
		Namespace:       "components",
		Name:            "demo",
		UID:             "1111-2222",
		ResourceVersion: "1759077720544655003",
		Component:       &component.Component{Namespace: "components", Name: "demo", Created: "2025-05-01T14:28:21Z"},
	}
	testcheck.Equal(t, "observation", want, Component(object))
}

func TestComponent_Terminating(t *testing.T) {
	for name, test := range map[string]struct {
		meta string
		want bool
	}{
		"a deletion that waits for finalizers": {`, deletionTimestamp: "2026-01-02T03:04:05Z", deletionGracePeriodSeconds: 0, finalizers: [oda.tmforum.org/canvas]`, true},
		"finalizers alone":                     {", finalizers: [oda.tmforum.org/canvas]", false},
		"a null time":                          {", deletionTimestamp: null", false},
	} {
		t.Run(name, func(t *testing.T) {
			got := mustRead(t, parse(t, "metadata: {namespace: components, name: demo"+test.meta+"}\nspec: {}\n"))
			testcheck.Equal(t, "Terminating", test.want, got.Terminating)
			plain := component.Component{Namespace: "components", Name: "demo"}
			testcheck.Equal(t, "the hash differs from that of a plain Component", test.want, component.Hash(got.Canonical()) != component.Hash(plain.Canonical()))
		})
	}
}

// A watch drops and reuses what it decoded; the component must not change with it.
func TestComponent_RetainsNothingOfTheObject(t *testing.T) {
	object := parseFile(t, "testdata/running/v1.yaml")
	got := mustRead(t, object)
	want := got.Canonical()
	wipe(object)
	testcheck.Equal(t, "canonical form, before (-) and after (+) the object changed", string(want), string(got.Canonical()))
}

func wipe(value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			wipe(inner)
			v[key] = "wiped"
		}
	case []any:
		for i, inner := range v {
			wipe(inner)
			v[i] = "wiped"
		}
	}
}

func BenchmarkComponent(b *testing.B) {
	object := parseFile(b, "testdata/running/v1.yaml")
	b.Run("content", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Component(object)
		}
	})
	b.Run("content and hash", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			component.Hash(Component(object).Component.Canonical())
		}
	})
}
