package manifests_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is the user and group without rights.
const nobody = 65534

// asNobody runs one test of this binary as a user without rights, who needs a copy of it where they may go.
func asNobody(t *testing.T, name string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "as-nobody-")
	do(t, err)
	t.Cleanup(func() { do(t, os.RemoveAll(dir)) })
	do(t, os.Chown(dir, nobody, nobody))
	self, err := os.Executable()
	do(t, err)
	program, err := os.ReadFile(self)
	do(t, err)
	copied := filepath.Join(dir, "manifests.test")
	do(t, os.WriteFile(copied, program, 0o755))
	run := exec.CommandContext(t.Context(), copied, "-test.run=^"+name+"$", "-test.v")
	run.Dir, run.Env = dir, append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	run.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	output, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: "+name) {
		t.Errorf("as a user without rights: %v\n%s", err, output)
	}
}
