package release

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"odasync/internal/testcheck"
	"odasync/test/procs"
)

// limit ends a script that hangs. A release compiles and links the programs.
const limit = 10 * time.Minute

func root(t *testing.T) string {
	t.Helper()
	dir, err := procs.Root()
	testcheck.NoError(t, err)
	return dir
}

// tool returns the path of a program in bin/tools.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(filepath.Join(root(t), "bin", "tools", name))
	if err != nil {
		t.Fatalf("find %s: %v: make test installs it", name, err)
	}
	return path
}

// run runs a command in a folder, with variables in addition to the environment, and returns what it printed.
func run(t *testing.T, dir string, env []string, name string, args ...string) (printed string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	// Variables of a make that runs this test would change the make of the script.
	command.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "VERSION", "COMMIT", "PROGRAMS", "PLATFORMS"}, name)
	}), env...)
	out, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatalf("run %s: %v", name, err)
	}
	return string(out), command.ProcessState.ExitCode()
}

// must runs a command that has to end with exit code 0.
func must(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	printed, code := run(t, dir, env, name, args...)
	if code != 0 {
		t.Fatalf("%s %s: exit code %d:\n%s", name, strings.Join(args, " "), code, printed)
	}
	return printed
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	testcheck.NoError(t, err)
	return string(text)
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	testcheck.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	testcheck.NoError(t, os.WriteFile(path, []byte(text), mode))
}

// script copies a script of deploy into the folder.
func script(t *testing.T, dir, name string) {
	t.Helper()
	write(t, filepath.Join(dir, "deploy", name), read(t, filepath.Join(root(t), "deploy", name)), 0o755)
}
