package observability

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"odasync/test/procs"
)

// TestPrintedConfigurations has promtool check what docs/observability.md tells Prometheus to scrape.
func TestPrintedConfigurations(t *testing.T) {
	root, err := procs.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "observability.md"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile(filepath.Join(root, "deploy", "chart", "files", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != 2 {
		t.Errorf("%d configurations are printed, want two", len(blocks))
	}
	for _, block := range blocks {
		folder := t.TempDir()
		file := filepath.Join(folder, "prometheus.yaml")
		if err := os.WriteFile(file, block[1], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "alerts.yaml"), rules, 0o600); err != nil {
			t.Fatal(err)
		}
		// Of the same package as the server.
		if out, err := exec.CommandContext(t.Context(), "promtool", "check", "config", file).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s\n%s", err, out, block[1])
		}
	}
}
