package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPreview_ReadsTheStandardInput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "manifest")
	must(t, os.WriteFile(path, []byte("apiVersion: oda.tmforum.org/v1\nkind: Component\nmetadata: {name: piped}\nspec: {}\n"), 0o600))
	input, err := os.Open(path)
	must(t, err)
	defer input.Close()
	before := os.Stdin
	os.Stdin = input
	defer func() { os.Stdin = before }()
	r := start(t, "preview", "-f", "-", "--api", "v1").wait(t)
	r.expect(t, 0)
	if !strings.Contains(r.stdout, "namespace: default") || !strings.Contains(r.stdout, "name: piped") {
		t.Errorf("printed %s", r.stdout)
	}
}
