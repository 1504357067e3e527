package release

import (
	"path/filepath"
	"testing"

	"odasync/internal/testcheck"
)

func TestVulncheck(t *testing.T) {
	t.Parallel()
	t.Run("when the database cannot be reached", func(t *testing.T) {
		t.Parallel()
		printed := must(t, root(t), []string{"HTTPS_PROXY=http://127.0.0.1:1", "GOVULNCHECK=" + tool(t, "govulncheck")}, "deploy/vulncheck.sh")
		testcheck.Contains(t, "what it printed", printed, "vulncheck: SKIPPED, nothing was checked: ", "vuln.go.dev", "127.0.0.1:1")
	})
	t.Run("when there is a vulnerability", func(t *testing.T) {
		t.Parallel()
		found := filepath.Join(t.TempDir(), "govulncheck")
		write(t, found, "#!/bin/sh\necho 'Vulnerability #1'; exit 3\n", 0o755)
		printed, code := run(t, root(t), []string{"GOVULNCHECK=" + found}, "deploy/vulncheck.sh")
		testcheck.Equal(t, "exit code", 3, code)
		testcheck.Contains(t, "what it printed", printed, "Vulnerability #1")
	})
}
