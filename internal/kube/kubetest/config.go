package kubetest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/sethvargo/go-envconfig"

	"odasync/internal/component"
	"odasync/internal/kube"
)

// Configure returns a valid configuration for a server without credentials.
func Configure(t *testing.T, server string, env map[string]string) kube.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "test",
"clusters": [{"name": "test", "cluster": {"server": %q}}], "users": [{"name": "test", "user": {}}],
"contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "canvas"}}]}`, server)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{"KUBECONFIG": path}
	maps.Copy(variables, env)
	cfg := ReadConfig(t, variables)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// ReadConfig returns the configuration of the variables, which may be invalid.
func ReadConfig(t *testing.T, env map[string]string) kube.Config {
	t.Helper()
	var cfg kube.Config
	if err := envconfig.ProcessWith(context.Background(), &envconfig.Config{Target: &cfg, Lookuper: envconfig.MapLookuper(env)}); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// NewClient returns a client that logs nothing.
func NewClient(t *testing.T, cfg kube.Config) *kube.Client {
	t.Helper()
	client, err := kube.NewClient(cfg, "test", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return client
}

// Scope parses a scope.
func Scope(t *testing.T, text string) component.Scope {
	t.Helper()
	scope, err := component.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return scope
}

// Missing returns "" if the text contains the part.
func Missing(text, part string) string {
	if strings.Contains(text, part) {
		return ""
	}
	return fmt.Sprintf("%q lacks %q", text, part)
}
