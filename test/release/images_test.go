package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"odasync/internal/testcheck"
)

// imageRegistry serves manifests by tag to clients with a token, as the public registries do.
type imageRegistry struct {
	mu   sync.Mutex
	tags map[string]string // name:tag to the content of the manifest
	host string
}

func newImageRegistry(t *testing.T, tags map[string]string) *imageRegistry {
	t.Helper()
	r := &imageRegistry{tags: tags}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

func (r *imageRegistry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	const token = "anonymous-token"
	if request.URL.Path == "/token" {
		fmt.Fprintf(w, `{"token": %q}`, token)
		return
	}
	if request.Header.Get("Authorization") != "Bearer "+token {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.host))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	name, tag, is := strings.Cut(strings.TrimPrefix(request.URL.Path, "/v2/"), "/manifests/")
	r.mu.Lock()
	manifest, known := r.tags[name+":"+tag]
	r.mu.Unlock()
	switch {
	case request.URL.Path == "/v2/":
	case is && known:
		w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		w.Header().Set("Content-Length", fmt.Sprint(len(manifest)))
		w.Header().Set("Docker-Content-Digest", digest(manifest))
		if request.Method != http.MethodHead {
			fmt.Fprint(w, manifest)
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (r *imageRegistry) move(tag, manifest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tags[tag] = manifest
}

func digest(manifest string) string {
	sum := sha256.Sum256([]byte(manifest))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func TestBaseImages(t *testing.T) {
	t.Parallel()
	registry := newImageRegistry(t, map[string]string{"library/golang:1.2-alpine": "go 1", "static/debian:nonroot": "base 1", "nats:2.3-alpine": "nats 1"})
	crane := []string{"CRANE=" + tool(t, "crane")}
	dir := t.TempDir()
	script(t, dir, "base-images.sh")
	dockerfile, compose := filepath.Join(dir, "Dockerfile"), filepath.Join(dir, "docker-compose.yaml")
	const dockerfileText = "ARG GO_IMAGE=%[1]s/library/golang:1.2-alpine%[2]s\nARG BASE_IMAGE=%[1]s/static/debian:nonroot%[3]s\nFROM ${GO_IMAGE}\n"
	const composeText = "x-odasync:\n  image: ${ODASYNC_IMAGE:-odasync:dev}\nservices:\n  nats:\n    image: %s/nats:2.3-alpine%s\n"
	write(t, dockerfile, fmt.Sprintf(dockerfileText, registry.host, "", ""), 0o644)
	write(t, compose, fmt.Sprintf(composeText, registry.host, ""), 0o644)
	holds := func(golang, base, nats string) {
		t.Helper()
		testcheck.Equal(t, "Dockerfile", fmt.Sprintf(dockerfileText, registry.host, golang, base), read(t, dockerfile))
		testcheck.Equal(t, "docker-compose.yaml", fmt.Sprintf(composeText, registry.host, nats), read(t, compose))
	}

	printed, code := run(t, dir, nil, "deploy/base-images.sh", "check")
	testcheck.Equal(t, "exit code without digests", 1, code)
	testcheck.Contains(t, "what check printed", printed, "without a digest", "golang:1.2-alpine", "debian:nonroot", "nats:2.3-alpine")

	must(t, dir, crane, "deploy/base-images.sh", "refresh")
	holds("@"+digest("go 1"), "@"+digest("base 1"), "@"+digest("nats 1"))
	must(t, dir, nil, "deploy/base-images.sh", "check")

	registry.move("nats:2.3-alpine", "nats 2")
	printed = must(t, dir, crane, "deploy/base-images.sh", "refresh")
	holds("@"+digest("go 1"), "@"+digest("base 1"), "@"+digest("nats 2"))
	testcheck.Contains(t, "what refresh printed", printed, digest("nats 2"))

	// A tag that the registry does not have changes nothing, also not the images before it.
	registry.move("library/golang:1.2-alpine", "go 2")
	write(t, compose, strings.ReplaceAll(read(t, compose), "nats:2.3-alpine", "nats:9-alpine"), 0o644)
	before := read(t, compose)
	printed, code = run(t, dir, crane, "deploy/base-images.sh", "refresh")
	testcheck.Equal(t, "exit code without a tag", 1, code)
	testcheck.Contains(t, "what refresh printed", printed, "no digest of "+registry.host+"/nats:9-alpine", "nothing is changed")
	testcheck.Contains(t, "Dockerfile", read(t, dockerfile), digest("go 1"))
	testcheck.Equal(t, "docker-compose.yaml", before, read(t, compose))
}

// TestBaseImages_OfTheRepository fails if the script overlooks an image, such as after a change of the files' form.
func TestBaseImages_OfTheRepository(t *testing.T) {
	t.Parallel()
	listed := must(t, root(t), nil, "deploy/base-images.sh", "list")
	testcheck.Contains(t, "the images", listed, "Dockerfile golang:", "Dockerfile gcr.io/distroless/static", "docker-compose.yaml nats:")
	testcheck.Equal(t, "number of images", 3, strings.Count(listed, "\n"))
}
