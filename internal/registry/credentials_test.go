package registry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sethvargo/go-envconfig"

	"odasync/internal/config"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// TestClient_ReadsAChangedKey rotates the key in the registry and in its file: the next request fails only until both have
// changed.
func TestClient_ReadsAChangedKey(t *testing.T) {
	h := newHarness(t, refregistry.Config{APIKey: "new-key"})
	file := filepath.Join(t.TempDir(), "api-key")
	write := func(key string) {
		t.Helper()
		testcheck.NoError(t, os.WriteFile(file, []byte(key), 0o600))
	}
	write("old-key\n")
	var loaded Config
	testcheck.NoError(t, config.Load(t.Context(), envconfig.MapLookuper(map[string]string{"COMPONENT_REGISTRY_API_KEY_FILE": file}), &loaded))
	c := h.client(func(cfg *Config) { cfg.APIKey = loaded.APIKey })
	rejected := getLabels(t, c)
	registrytest.WantFailure(t, rejected, target.ClassUnauthorized, "HTTP 401")
	for _, broken := range []string{"", "two words", "old-key"} { // while it is written, and unchanged
		write(broken)
		registrytest.WantFailure(t, getLabels(t, c), target.ClassUnauthorized, "HTTP 401")
	}
	sent := 0
	for _, count := range h.Requests() {
		sent += count
	}
	testcheck.Equal(t, "requests, one each while the key is the same", 4, sent)
	write("new-key\n")
	testcheck.ErrorIs(t, "with the new key", nil, getLabels(t, c))
	testcheck.NoError(t, os.Remove(file))
	testcheck.ErrorIs(t, "without the file, which nothing asks for", nil, getLabels(t, c))
	if strings.Contains(rejected.Error(), "old-key") {
		t.Errorf("the error contains the key: %v", rejected)
	}
}
