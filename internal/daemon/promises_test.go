package daemon_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"odasync/internal/testcheck"
)

// The page that compares with the collector names a test for each promise.
func TestDocs_NameExistingTests(t *testing.T) {
	root := filepath.Join("..", "..")
	page := testcheck.Must(os.ReadFile(filepath.Join(root, "docs", "collector.md")))
	declaration := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	exists := map[string]bool{}
	for _, dir := range []string{"internal", "test"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, match := range declaration.FindAllSubmatch(source, -1) {
				exists[string(match[1])] = true
			}
			return err
		})
		testcheck.NoError(t, err)
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(page, -1)
	if len(named) == 0 {
		t.Fatal("docs/collector.md names no test")
	}
	for _, match := range named {
		if !exists[string(match[1])] {
			t.Errorf("docs/collector.md names %s, which does not exist", match[1])
		}
	}
	for _, metric := range collectorNames {
		if !strings.Contains(string(page), "`"+metric) {
			t.Errorf("docs/collector.md lacks the metric %s", metric)
		}
	}
}
